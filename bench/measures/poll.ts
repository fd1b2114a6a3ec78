// Measures a poll that finds nothing new, the most frequent work of a service with many mailboxes.
import { PEERS } from "../contenders/names.ts";
import { runJob } from "../job.ts";
import { inTurn, measured, type Entered, type Entry } from "../round.ts";
import { median } from "../statistics.ts";
import { number, text, type Cell } from "../table.ts";
import type { Measure } from "./measure.ts";

const MAILBOX = "20x5000";
const KINDS = [
  ["plain", { tls: false }],
  ["TLS", { tls: true }],
  ["TLS resumed", { tls: true, resume: true }],
] as const;

export const poll: Measure = {
  name: "poll",
  async run(stage, plan) {
    const names = ["drain", "popwright", ...PEERS];
    const columns: Entered[][] = [];
    for (const [, { tls, ...resume }] of KINDS) {
      const target = stage.target(MAILBOX, tls);
      // Only these two can resume a TLS session.
      const able = "resume" in resume ? names.slice(0, 2) : names;
      const entries = able.map((contender): Entry => {
        return {
          name: contender,
          rounds: PEERS.includes(contender) ? plan.peerRounds : Math.min(plan.rounds, 3),
          run: () => runJob({ task: "poll", contender, target, polls: plan.polls, ...resume }, plan.limit),
        };
      });
      columns.push(await inTurn(entries));
    }
    const cells = (name: string, value: string): Cell[] =>
      columns.map((column) => {
        const one = column.find((entered) => entered.name === name);
        if (one === undefined) return text("–");
        return one.failure === undefined ? number(median(measured(one, value))) : text(one.failure);
      });
    return [
      {
        id: "poll",
        title: "A poll that finds nothing new: connect, log in, UIDL of 20, QUIT",
        note:
          "The mean of many polls in one process, on loopback. CPU is that of the client alone. drain logs in " +
          "with USER and PASS and does not send CAPA; yapople does not support UIDL and sends LIST.",
        columns: [...KINDS.map(([name]) => `ms, ${name}`), ...KINDS.map(([name]) => `CPU ms, ${name}`)],
        rows: names.map((name) => ({ name, cells: [...cells(name, "ms"), ...cells(name, "cpu")] })),
      },
    ];
  },
};
