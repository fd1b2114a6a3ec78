// Measures time and memory for one message too large for memory, and for a consumer that stops reading in the
// middle.
import { LIMITS, PEERS } from "../contenders/names.ts";
import { installedPrograms } from "../contenders/programs.ts";
import { runJob } from "../job.ts";
import { mailboxNamed } from "../mailbox.ts";
import { inTurn, measured, values, type Entry } from "../round.ts";
import { median, medianRatio } from "../statistics.ts";
import { NONE, number, runs, text, type Row } from "../table.ts";
import type { Measure } from "./measure.ts";

const LARGE = "1x300000000";
const HUGE = "1x1000000000";
/** The bytes that the consumer reads before it stops. */
const READ = 64_000_000;
const ROUNDS = 5;

export const large: Measure = {
  name: "large",
  async run(stage, plan) {
    const target = stage.target(LARGE);
    // The other clients never finish, and the benchmark must wait until their time limit.
    const peers = plan.everyone ? PEERS : PEERS.slice(0, 1);
    const clients = [...LIMITS, "popwright", "popwright stream()", ...peers].map((contender): Entry => {
      return {
        name: contender,
        rounds: PEERS.includes(contender) ? 1 : Math.min(plan.rounds, ROUNDS),
        run: () => runJob({ task: "large", contender, target }, plan.largeLimit),
      };
    });
    const errand = { directory: stage.directory, count: 1, limit: plan.largeLimit };
    const programs = (plan.everyone ? installedPrograms() : []).map((program): Entry => {
      return { name: program.name, rounds: 1, run: () => program.fetch(target, errand) };
    });
    const entered = await inTurn([...clients, ...programs]);
    const [drain] = entered;
    const { octets } = mailboxNamed(LARGE);
    const rows = entered.map((one): Row => {
      const { name, failure } = one;
      const ms = measured(one, "ms");
      if (ms.length === 0) return { name, cells: [text(failure ?? "–"), NONE, NONE, NONE, NONE, NONE] };
      return {
        name,
        cells: [
          runs(ms),
          number(drain && medianRatio(values(one, "ms"), values(drain, "ms"))),
          number(octets / median(ms) / 1000),
          number(median(measured(one, "cpu"))),
          number(drain && medianRatio(values(one, "cpu"), values(drain, "cpu"))),
          number(median(measured(one, "peak"))),
        ],
      };
    });
    const stopped = await runJob(
      { task: "large", contender: "popwright", target: stage.target(HUGE), readOnly: READ },
      plan.limit,
    );
    return [
      {
        id: "large",
        title: "One message of 300 MB",
        note: "In pieces if the client can do that: a loop over the chunks (popwright), a stream (popwright stream(), node-pop3).",
        columns: ["ms", "× drain", "MB/s", "CPU ms", "CPU × drain", "peak MB"],
        rows,
      },
      {
        id: "stopped",
        title: "A stream of 1 GB whose reader stops after 64 MB and never continues",
        columns: ["MB resident when it stops", "2 s later", "grown", "peak MB"],
        rows: [
          {
            name: "popwright",
            cells: [
              number(stopped["then"]),
              number(stopped["later"]),
              number((stopped["later"] ?? NaN) - (stopped["then"] ?? NaN)),
              number(stopped["peak"]),
            ],
          },
        ],
      },
    ];
  },
};
