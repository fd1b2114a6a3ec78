// A process that records until it is ended, and prints what is durable:
// `node recorder.ts <directory> <mailbox>...`. The name of a mailbox chooses the way in which it is recorded.
// The process ends by itself when nothing can be recorded any more.
import { writeSync } from "node:fs";
import { FileLedger } from "../../src/fetch/ledger/file-ledger.ts";
import type { LedgerEntry } from "../../src/fetch/ledger/ledger.ts";

const [directory = "", ...mailboxes] = process.argv.slice(2);
const ledger = new FileLedger(directory);

const entry = (id: string, size: number): LedgerEntry => ({ id, status: "delivered", firstSeen: 1, size });

/** Unlike `process.stdout` this does not return before it is done. */
const say = (mailbox: string, count: number): void => void writeSync(1, `${mailbox} ${count}\n`);

/** One record after the other. Entries are numbered from 0 on, by whichever process. */
async function oneByOne(name: string): Promise<void> {
  const mailbox = await ledger.open(name);
  for (let count = (await mailbox.load()).size; ; count++) {
    await mailbox.record({ entries: [entry(`${count}`, count)] });
    say(name, count + 1);
  }
}

/** Several records at a time, each of three entries and a state. */
async function overlapping(name: string): Promise<void> {
  const mailbox = await ledger.open(name);
  let count = (await mailbox.load()).size;
  const lane = async (): Promise<void> => {
    while (true) {
      const size = count;
      count += 3;
      const entries = [0, 1, 2].map((at) => entry(`${size + at}`, size + at));
      await mailbox.record({ entries, state: { lastRun: size + 3 } });
      say(name, size + 3);
    }
  };
  await Promise.all([lane(), lane(), lane(), lane(), lane()]);
}

/** Writes enough lines on one entry that the next record rewrites the journal. */
async function rewriting(name: string): Promise<void> {
  while (true) {
    const mailbox = await ledger.open(name);
    const count = (mailbox.state.lastRun ?? 0) + 1;
    const entries = Array.from({ length: 1003 }, () => entry("same", count));
    await mailbox.record({ entries, state: { lastRun: count } });
    say(name, count);
    await mailbox.close();
  }
}

/** Polls that find nothing new: only the state file is written. Each tenth finds a message. */
async function polling(name: string): Promise<void> {
  while (true) {
    const mailbox = await ledger.open(name);
    const lastRun = (mailbox.state.lastRun ?? 0) + 1;
    const entries = lastRun % 10 === 0 ? [entry(`${lastRun / 10 - 1}`, lastRun)] : [];
    await mailbox.close({ entries, state: { lastRun } });
    say(name, lastRun);
  }
}

const WAYS: Readonly<Record<string, (name: string) => Promise<void>>> = {
  oneByOne,
  overlapping,
  rewriting,
  polling,
};

try {
  await Promise.all(mailboxes.map(async (name) => WAYS[name]?.(name)));
} catch (error) {
  const { code, cause } = error as { readonly code?: string; readonly cause?: { readonly code?: string } };
  writeSync(1, `${String(code)} ${String(cause?.code)}\n`);
  process.exit(1);
}
