// Measures UIDL and LIST of large mailboxes: the time must be linear, and the memory only that of the
// entries.
import { LIMITS, PEERS } from "../contenders/names.ts";
import { runJob } from "../job.ts";
import { inTurn, measured, values, type Entry } from "../round.ts";
import { median, medianRatio } from "../statistics.ts";
import { NONE, number, runs, text, type Row, type Table } from "../table.ts";
import type { Measure } from "./measure.ts";

export const listing: Measure = {
  name: "listing",
  async run(stage, plan) {
    const tables: Table[] = [];
    for (const count of plan.listings) {
      for (const command of ["uidl", "list"] as const) {
        const target = stage.target(`${count}x5000`);
        const entries = [...LIMITS, "popwright", ...PEERS].map((contender): Entry => {
          return {
            name: contender,
            rounds: PEERS.includes(contender) ? 1 : count > 100_000 ? 3 : Math.min(plan.rounds, 5),
            run: () => runJob({ task: "listing", contender, target, command }, plan.limit),
          };
        });
        // The server makes the listing at the first request for it.
        await runJob({ task: "listing", contender: "drain", target, command }, plan.limit);
        const entered = await inTurn(entries);
        const scan = entered.find(({ name }) => name === "scan");
        const rows = entered.map((one): Row => {
          const name = one.name === "scan" ? "a split string" : one.name;
          const ms = measured(one, "ms");
          if (ms.length === 0)
            return { name, cells: [text(one.failure ?? "–"), ...Array<typeof NONE>(5).fill(NONE)] };
          return {
            name,
            cells: [
              runs(ms),
              number(scan && medianRatio(values(one, "ms"), values(scan, "ms"))),
              number(median(measured(one, "warm"))),
              number(median(measured(one, "live"))),
              number(median(measured(one, "used"))),
              number(median(measured(one, "resident"))),
            ],
          };
        });
        tables.push({
          id: `${command}-${count}`,
          title: `${command.toUpperCase()} of ${count.toLocaleString("en-US")} messages`,
          note:
            "Heap: what is kept, and what was in use when the call ended. drain keeps nothing; “a split " +
            "string” is one latin1 string, split and put into a Map, without checks.",
          columns: [
            "ms, first",
            "× a split string",
            "ms, warm",
            "heap MB, kept",
            "heap MB, in use",
            "resident MB, more",
          ],
          rows,
        });
      }
    }
    return tables;
  },
};
