// Compares the SHA-256 of every message with that of the message that was sent.
import { PEERS } from "../contenders/names.ts";
import { installedPrograms } from "../contenders/programs.ts";
import { NoOutcome, runJob } from "../job.ts";
import { digests, mailboxNamed } from "../mailbox.ts";
import { NONE, number, text, type Row } from "../table.ts";
import type { Measure } from "./measure.ts";

const MAILBOX = "2000x5000";

export const correctness: Measure = {
  name: "correctness",
  async run(stage, plan) {
    const target = stage.target(MAILBOX);
    const mailbox = mailboxNamed(MAILBOX);
    const rows: Row[] = [];
    for (const contender of ["popwright", ...PEERS]) {
      rows.push(await row(contender, () => runJob({ task: "verify", contender, target }, plan.limit)));
    }
    const errand = { directory: stage.directory, count: mailbox.count, limit: plan.limit };
    for (const program of installedPrograms()) {
      if (program.digests === undefined) continue;
      rows.push(
        await row(program.name, async () => {
          const got = (await program.digests?.(target, errand)) ?? [];
          const sent = got.map((_, index) => digests(mailbox, index + 1));
          return {
            messages: got.length,
            right: got.filter((digest, index) => digest === sent[index]?.whole).length,
            cut: got.filter((digest, index) => digest === sent[index]?.cut).length,
          };
        }),
      );
    }
    return [
      {
        id: "correctness",
        title: "Correct bytes: 2,000 ordinary messages, compared by SHA-256",
        note:
          "Prose, 8-bit prose, HTML and attachments. A string is encoded as UTF-8 and as latin1; the better " +
          "result counts. “But for the last CRLF”: correct after adding a CRLF.",
        columns: ["right", "but for the last CRLF", "wrong"],
        rows,
      },
    ];
  },
};

async function row(name: string, run: () => Promise<Readonly<Record<string, number>>>): Promise<Row> {
  try {
    const { messages = 0, right = 0, cut = 0 } = await run();
    return { name, cells: [number(right), number(cut), number(messages - right - cut)] };
  } catch (error) {
    if (!(error instanceof NoOutcome)) throw error;
    return { name, cells: [text(error.message), NONE, NONE] };
  }
}
