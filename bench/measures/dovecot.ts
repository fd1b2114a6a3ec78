// The same with Dovecot, if it is installed. There, the server is the bottleneck.
import { servedOctets, Dovecot } from "../../test/servers/dovecot.ts";
import { LIMITS, PEERS } from "../contenders/names.ts";
import type { Target } from "../contenders/contender.ts";
import { isInstalled } from "../contenders/programs.ts";
import { runJob } from "../job.ts";
import { mailboxNamed } from "../mailbox.ts";
import { inTurn, measured, values, type Entry } from "../round.ts";
import { median, medianRatio } from "../statistics.ts";
import { number, runs, text, type Row, type Table } from "../table.ts";
import type { Measure } from "./measure.ts";

const MAILBOX = "2000x5000";

export const dovecot: Measure = {
  name: "dovecot",
  async run(_stage, plan) {
    if (!isInstalled("dovecot")) return [];
    await using server = await Dovecot.start({ users: { [MAILBOX]: "secret" }, lockSession: false });
    const mailbox = mailboxNamed(MAILBOX);
    await server.deliver(MAILBOX, messages());
    const tables: Table[] = [];
    for (const tls of [false, true]) {
      const target: Target = {
        port: tls ? server.tlsPort : server.port,
        ca: tls ? server.ca : undefined,
        mailbox: MAILBOX,
      };
      const entries = [...LIMITS.slice(1), "popwright", ...(plan.everyone ? PEERS : [])].map(
        (contender): Entry => {
          return {
            name: contender,
            rounds: PEERS.includes(contender) ? plan.peerRounds : Math.min(plan.rounds, 5),
            run: () => runJob({ task: "retrieve", contender, target }, plan.limit),
          };
        },
      );
      // The first session makes Dovecot's index, so it is not measured.
      await runJob({ task: "retrieve", contender: "popwright", target }, plan.limit);
      const entered = await inTurn(entries);
      const [scan] = entered;
      tables.push({
        id: tls ? "dovecot-tls" : "dovecot",
        title: `Dovecot, 2,000 × 5 KB, new process${tls ? ", TLS" : ""}`,
        columns: ["ms", "× scan", "messages/s", "CPU ms"],
        rows: entered.map((one): Row => {
          const ms = measured(one, "ms");
          if (ms.length === 0) return { name: one.name, cells: [text(one.failure ?? "–")] };
          return {
            name: one.name,
            cells: [
              runs(ms),
              number(scan && medianRatio(values(one, "ms"), values(scan, "ms"))),
              number((mailbox.count * 1000) / median(ms)),
              number(median(measured(one, "cpu"))),
            ],
          };
        }),
      });
    }
    return tables;
  },
};

function* messages(): Generator<Buffer> {
  const mailbox = mailboxNamed(MAILBOX);
  for (let number = 1; number <= mailbox.count; number++) {
    for (const piece of mailbox.pieces(number)) yield servedOctets(piece);
  }
}
