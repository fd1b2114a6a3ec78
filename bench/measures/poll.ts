// Measures a poll that finds nothing new, the most frequent work of a service with many mailboxes.
import { PEERS } from "../contenders/names.ts";
import { runJob } from "../job.ts";
import type { Plan } from "../plan.ts";
import { inTurn, measured, type Entered, type Entry } from "../round.ts";
import type { Stage } from "../stage.ts";
import { median } from "../statistics.ts";
import { number, text, type Cell } from "../table.ts";
import type { Measure } from "./measure.ts";

/** `bundle`: trusts about 140 certificates, as programs do that give `tls.ca` the file of their operating system. */
const KINDS = [
  ["plain", { tls: false, bundle: false }],
  ["TLS", { tls: true, bundle: false }],
  ["TLS, 140 CAs", { tls: true, bundle: true }],
] as const;

const RESUMED = "drain, resumed";

export const poll: Measure = {
  name: "poll",
  async run(stage, plan) {
    const columns: Entered[][] = [];
    for (const [, kind] of KINDS) columns.push(await inTurn(entries(stage, plan, kind)));
    const names = ["drain", RESUMED, "popwright", ...PEERS];
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
          "with USER and PASS, does not send CAPA, and makes its TLS context once; yapople does not support " +
          "UIDL and sends LIST. popwright resumes TLS sessions.",
        columns: [...KINDS.map(([name]) => `ms, ${name}`), ...KINDS.map(([name]) => `CPU ms, ${name}`)],
        rows: names.map((name) => ({ name, cells: [...cells(name, "ms"), ...cells(name, "cpu")] })),
      },
    ];
  },
};

function entries(stage: Stage, plan: Plan, { tls, bundle }: { tls: boolean; bundle: boolean }): Entry[] {
  const target = { ...stage.target("20x5000", tls), bundle };
  const entry = (name: string, contender = name, resume = false): Entry => {
    return {
      name,
      rounds: PEERS.includes(name) ? plan.peerRounds : Math.min(plan.rounds, 5),
      run: () => runJob({ task: "poll", contender, target, polls: plan.polls, resume }, plan.limit),
    };
  };
  return [
    entry("drain"),
    ...(tls ? [entry(RESUMED, "drain", true)] : []),
    entry("popwright"),
    // They do not take a list of certificates.
    ...(bundle ? [] : PEERS.map((name) => entry(name))),
  ];
}
