// A process that delivers the same messages to the same place each time, until it is killed:
// node --import tsx deliverer.ts KIND PATH COUNT. It prints each step before it takes it.
import { fileURLToPath } from "node:url";
import { EmlFolder, Maildir, Mbox, type Destination } from "popwright/fetch";
import { delivery } from "../support/delivery.ts";
import { entryFor, HELD } from "../support/ledger.ts";

export const KINDS = {
  maildir: (path: string): Destination => new Maildir(path),
  eml: (path: string): Destination => new EmlFolder(path),
  mbox: (path: string): Destination => new Mbox(path),
};

export type Kind = keyof typeof KINDS;

/** The messages by their names; large ones, so that they take their time. */
export function messageOf(name: string): Buffer {
  const line = `From ${name}: all lines are the same, and more than one block of the file system.\r\n`;
  return Buffer.from(line.repeat(4000));
}

function say(what: string): void {
  process.stdout.write(`${what}\n`);
}

async function run(kind: Kind, path: string, count: number): Promise<void> {
  const destination = KINDS[kind](path);
  for (let nth = 0; nth < count; nth++) {
    say("begin");
    const writer = await destination.begin(delivery(String(nth)), undefined, HELD);
    if (writer === "known") {
      say("known");
      continue;
    }
    const message = messageOf(String(nth));
    for (let at = 0; at < message.length; at += 65_536) {
      say("write");
      await writer.write(message.subarray(at, at + 65_536));
    }
    say("commit");
    say((await writer.commit(entryFor(String(nth)))) as string);
  }
  say("end");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [kind, path, count] = process.argv.slice(2) as [Kind, string, string];
  await run(kind, path, Number(count));
}
