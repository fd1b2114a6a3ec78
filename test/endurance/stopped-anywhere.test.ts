// Real processes are stopped (SIGSTOP) past their lease before a random file operation, and continue after another
// run: they start no delivery, write nothing into the ledger, and send no DELE and no QUIT.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeSync } from "node:fs";
import { readdir, readFile, utimes } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { fetchMail, FileLedger, Maildir, type FetchReport } from "../../src/fetch/index.ts";
import { accountOf, mails, said, serverWith } from "../support/mail.ts";
import { scratch } from "../support/scratch.ts";
import { isStopped } from "./stopped-process.ts";

const PROGRAM = join(import.meta.dirname, "stop-anywhere.mjs");
const MAILBOX = "ann";
const COUNT = 3;
const STOPS = 50;
const SEED = 20_261_130;

/** What a process printed. */
interface Printed {
  /** The number of its file operations. */
  readonly operations: number;
}

interface Run extends Printed {
  /** Whether it had the lease when it was stopped; `undefined`: it was not stopped. */
  readonly held: boolean | undefined;
}

/** Numbers from 0 to 1, the same for the same seed. */
function* random(seed: number): Generator<number, never> {
  for (let value = seed; ;) {
    value = (value * 48_271) % 2_147_483_647;
    yield value / 2_147_483_647;
  }
}

/** Stops a process before its n-th file operation, lets another run fetch, and continues the process. */
async function stoppedAt(stopAt: number, deletes: boolean): Promise<Run> {
  await using server = await serverWith(mails(COUNT), { lock: false });
  const [directory, account] = [await scratch(), accountOf(server)];
  const [state, maildir] = [join(directory, "state"), join(directory, "Mail")];
  const policy = {
    delete: deletes ? "delivered" : "never",
    retry: { first: 0, longest: 0 },
  } as const;
  const task = { account, state, maildir, mailbox: MAILBOX, policy, stopAt };
  const child = spawn(process.execPath, [PROGRAM, JSON.stringify(task)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    let printed = "";
    child.stdout.on("data", (octets: Buffer) => (printed += octets.toString()));
    const closed = once(child, "close");
    const pid = child.pid as number;
    const wasStopped = await isStopped(pid);
    const held = wasStopped && (await ageLease(state, pid));
    const run = (): Promise<FetchReport> =>
      fetchMail(account, {
        ...{ ledger: new FileLedger(state), destination: new Maildir(maildir) },
        ...{ mailbox: MAILBOX, policy, force: true },
      });
    expect(await run()).toMatchObject({ outcome: "done", failed: [] });
    // It may still ask for messages: a RETR changes nothing, and the messages are not delivered.
    const done = async (): Promise<unknown[]> => [
      await new FileLedger(state).read(MAILBOX),
      said(server).filter((line) => !line.startsWith("RETR")),
    ];
    const before = await done();
    child.kill("SIGCONT");
    await closed;
    const { operations } = JSON.parse(printed) as Printed;
    if (held) expect(await done()).toEqual(before);
    expect(await messagesIn(maildir)).toEqual(mails(COUNT));
    expect(server.maildrop("ann").messages).toHaveLength(deletes ? 0 : COUNT);
    return { held: wasStopped ? held : undefined, operations };
  } finally {
    child.kill("SIGKILL");
  }
}

/** Makes the lease of a process look an hour old. Returns whether it has one. */
async function ageLease(state: string, pid: number): Promise<boolean> {
  const names = await readdir(state).catch(() => []);
  const lock = names.find((name) => name.endsWith(".lock"));
  if (lock === undefined) return false;
  const past = new Date(Date.now() - 3_600_000);
  await utimes(join(state, lock), past, past);
  return (await readFile(join(state, lock), "latin1")).includes(`"pid":${String(pid)},`);
}

async function messagesIn(maildir: string): Promise<string[]> {
  const messages: string[] = [];
  for (const folder of ["new", "cur"])
    for (const name of await readdir(join(maildir, folder)))
      messages.push(await readFile(join(maildir, folder, name), "latin1"));
  return messages.sort();
}

test(`stopped ${String(STOPS)} times before a random file operation`, async () => {
  const numbers = random(SEED);
  let [stopped, held] = [0, 0];
  for (const deletes of [true, false]) {
    const { operations } = await stoppedAt(0, deletes);
    // It may have fewer of them in another run: the lease is renewed each millisecond.
    for (const wanted = stopped + STOPS / 2; stopped < wanted;) {
      const stopAt = 1 + Math.floor(numbers.next().value * operations);
      const run = await stoppedAt(stopAt, deletes).catch((cause: unknown) => {
        throw new Error(`stopped before operation ${String(stopAt)}, deleting: ${String(deletes)}`, {
          cause,
        });
      });
      if (run.held !== undefined) stopped++;
      if (run.held === true) held++;
    }
  }
  writeSync(1, `stopped ${String(stopped)} times, ${String(held)} with its lease, seed ${String(SEED)}\n`);
  expect(held).toBeGreaterThan(STOPS / 2);
});
