// Measures many sessions in one process: at once, and one after another.
import { PEERS } from "../contenders/names.ts";
import { runJob } from "../job.ts";
import type { Plan } from "../plan.ts";
import { inTurn, measured, type Entry } from "../round.ts";
import type { Stage } from "../stage.ts";
import { median } from "../statistics.ts";
import { number, text, type Cell, type Row, type Table } from "../table.ts";
import type { Measure } from "./measure.ts";

const AT_ONCE = 50;

export const sessions: Measure = {
  name: "sessions",
  async run(stage, plan) {
    return [await atOnce(stage, plan), await idle(stage, plan), await oneAfterTheOther(stage, plan)];
  },
};

async function atOnce(stage: Stage, plan: Plan): Promise<Table> {
  const rates = new Map<string, Cell[]>();
  const peaks = new Map<string, Cell[]>();
  for (const count of plan.sessions) {
    const target = stage.target(`${Math.max(20, plan.sessionMessages / count)}x5000`);
    const entries = ["drain", "popwright", ...(plan.everyone ? PEERS : [])].map((contender): Entry => {
      return {
        name: contender,
        rounds: PEERS.includes(contender) ? 1 : Math.min(plan.rounds, 3),
        run: () => runJob({ task: "sessions", contender, target, sessions: count }, plan.limit),
      };
    });
    for (const one of await inTurn(entries)) {
      const { name, failure } = one;
      const cell = (value: string): Cell =>
        failure === undefined ? number(median(measured(one, value))) : text(failure);
      rates.set(name, [...(rates.get(name) ?? []), cell("rate")]);
      peaks.set(name, [...(peaks.get(name) ?? []), cell("peak")]);
    }
  }
  const counts = plan.sessions.map((count) => count.toLocaleString("en-US"));
  return {
    id: "sessions",
    title: "Sessions at once in one process, messages of 5 KB",
    note: "RETR alone: messages/s of all sessions together, and the peak memory of the process in MB.",
    columns: [
      ...counts.map((count) => `${count}: messages/s`),
      ...counts.map((count) => `${count}: peak MB`),
    ],
    rows: [...rates].map(([name, cells]): Row => ({ name, cells: [...cells, ...(peaks.get(name) ?? [])] })),
  };
}

async function idle(stage: Stage, plan: Plan): Promise<Table> {
  const rows: Row[] = [];
  for (const tls of [false, true]) {
    const target = stage.target("20x5000", tls);
    for (const sessions of plan.idle) {
      const entered = await inTurn(
        ["drain", "popwright"].map((contender): Entry => {
          const job = { task: "idle", contender, target, sessions } as const;
          return { name: contender, rounds: Math.min(plan.rounds, 3), run: () => runJob(job, plan.limit) };
        }),
      );
      for (const one of entered) {
        const cells = ["heap", "resident", "cpu", "delay"].map((value) =>
          number(median(measured(one, value))),
        );
        const name = `${one.name}, ${sessions.toLocaleString("en-US")}${tls ? ", TLS" : ""}`;
        rows.push({ name, cells: one.failure === undefined ? cells : [text(one.failure)] });
      }
    }
  }
  return {
    id: "idle",
    title: "Open sessions that do nothing",
    note:
      "For each session, after the first 20: heap, after garbage collection; resident memory; CPU to connect, log in and " +
      "send UIDL, a hundred at a time. Delay: of the event loop meanwhile, 99th percentile.",
    columns: ["heap KB", "resident KB", "CPU ms to open", "delay ms"],
    rows,
  };
}

async function oneAfterTheOther(stage: Stage, plan: Plan): Promise<Table> {
  const outcome = await runJob(
    {
      task: "churn",
      contender: "popwright",
      target: stage.target("20x5000"),
      sessions: plan.churn,
      atOnce: AT_ONCE,
    },
    plan.limit * 2,
  );
  return {
    id: "churn",
    title: `${plan.churn.toLocaleString("en-US")} sessions, ${AT_ONCE} at a time: connect, log in, UIDL, QUIT`,
    note: "Live heap and open handles after a tenth of the sessions, and their growth until the last session.",
    columns: ["sessions/s", "CPU ms each", "heap MB", "heap MB, grown", "handles, more", "peak MB"],
    rows: [
      {
        name: "popwright",
        cells: [
          number(outcome["rate"]),
          number((outcome["cpu"] ?? NaN) / (plan.churn * 0.9)),
          number(outcome["heap"]),
          number(outcome["grown"]),
          number(outcome["handles"]),
          number(outcome["peak"]),
        ],
      },
    ],
  };
}
