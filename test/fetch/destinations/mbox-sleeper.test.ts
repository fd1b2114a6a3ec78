// A process sleeps past its lock, before each of its steps, while another one delivers. Neither damages the
// message of the other, and in the end each message is there once.
import { lutimes } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { Mbox, type DeliveryWriter } from "../../../src/fetch/index.ts";
import { isLater } from "../../../src/fetch/destinations/destination-error.ts";
import { begun, deliver } from "../../support/delivery.ts";
import { Folder } from "../../support/folder.ts";
import { bodiesOf, mboxForm } from "../../support/mbox-form.ts";
import { Sleeper, watchSteps } from "./sleepers.ts";
import { entryFor } from "../../support/ledger.ts";

vi.mock("node:fs/promises", { spy: true });

const messageOf = (name: string, lines = 20): Buffer =>
  Buffer.from(`Subject: ${name}\r\n\r\n${`${name}\r\n`.repeat(lines)}`);
const ZERO = messageOf("zero");
/** Each group is appended in two pieces of 256 KiB at most. The first one ends in the second message. */
const SLOW = { slow: messageOf("slow"), slower: messageOf("slower", 40_000), slowest: messageOf("slowest") };
const FAST = { fast: messageOf("fast"), faster: messageOf("faster", 40_000) };
type Messages = Readonly<Record<string, Buffer>>;

/** The `Mbox` of another process: it shares no syncs with the one that sleeps. */
let OtherMbox: typeof Mbox;
beforeAll(async () => {
  vi.resetModules();
  ({ Mbox: OtherMbox } = await import("../../../src/fetch/index.ts"));
});

let folder: Folder;
let path: string;
beforeEach(async () => {
  folder = await Folder.make();
  path = join(folder.path, "inbox");
});
afterEach(() => folder.remove());

/** So that its holder counts as gone. */
async function ageLock(): Promise<void> {
  const before = new Date(Date.now() - 6 * 60_000);
  await lutimes(`${path}.lock`, before, before).catch(() => undefined);
}

async function bodies(): Promise<string[]> {
  return bodiesOf(await folder.read("inbox")).map((body) => body.toString("latin1"));
}

const formOf = (message: Buffer): string => mboxForm(message).toString("latin1");

/** Writers with these messages, which are committed together. */
async function written(mbox: Mbox, messages: Messages): Promise<DeliveryWriter[]> {
  const writers: DeliveryWriter[] = [];
  for (const [name, message] of Object.entries(messages)) {
    const writer = await begun(mbox, name);
    await writer.write(Buffer.from(message));
    writers.push(writer);
  }
  return writers;
}

/** Commits a group. Resolves with the results; each is "new", or an error. */
function committed(writers: readonly DeliveryWriter[]): Promise<unknown[]> {
  const commits = writers.map((writer) => writer.commit(entryFor("a")));
  return Promise.all(commits.map((commit) => commit.catch((error: unknown) => error)));
}

/** One sleeps before its `nth` step. Returns that step, or `undefined` if it has fewer. */
async function sleepAt(nth: number, isLeft: boolean, fast: Sleeper): Promise<string | undefined> {
  await folder.remove();
  folder = await Folder.make();
  path = join(folder.path, "inbox");
  await deliver(new Mbox(path), "zero", ZERO);
  const writers = await written(new Mbox(path, { lockTimeout: 0 }), SLOW);
  const others = await written(new OtherMbox(path, { lockTimeout: 0 }), FAST);
  // The one that sleeps has to take back first what is left of it.
  if (isLeft) await cutAppend();

  const sleeper = new Sleeper((_, at) => at === nth);
  const slow = await sleeper.start(() => committed(writers));
  if (!slow.isAsleep) {
    await slow.outcome;
    for (const other of others) await other.abort();
    return undefined;
  }
  await ageLock();
  // The other one is done, or asleep in the middle of its messages, when the first wakes up.
  const later = await fast.start(() => committed(others));
  sleeper.wake();
  const outcomes = await slow.outcome;
  fast.wake();
  const seconds = await later.outcome;
  for (const each of [...outcomes, ...seconds])
    expect(each === "new" || isLater(each), String(each)).toBe(true);

  const now = await bodies();
  const [slows, fasts] = [SLOW, FAST].map((each) => Object.values(each).map(formOf)) as [string[], string[]];
  const whole = [formOf(ZERO), ...slows, ...fasts];
  const parts = now.filter((body) => !whole.includes(body));
  // A process that slept while it released its lock may remove the lock of the other, which then stops: its
  // note says what is left of its messages.
  const isLost =
    seconds.some((each) => /the lock of .* was lost/.test(String(each))) &&
    fasts.some((each) => each.startsWith(parts[0] ?? ""));
  expect([sleeper.step, parts.length]).toEqual([sleeper.step, isLost && parts.length === 1 ? 1 : 0]);
  for (const [results, messages] of [
    [outcomes, slows],
    [seconds, fasts],
  ] as const)
    for (const [at, each] of results.entries())
      if (each === "new") expect(now.includes(messages[at] as string)).toBe(true);
  for (const [name, message] of Object.entries({ ...SLOW, ...FAST }))
    await deliver(new Mbox(path), name, message);
  const end = await bodies();
  expect(end.sort().join("") === whole.sort().join("")).toBe(true);
  return sleeper.step;
}

/** What a process has left that was killed in the middle of an append. */
async function cutAppend(): Promise<void> {
  const writers = await written(new Mbox(path), { cut: SLOW.slower, more: SLOW.slow });
  let pieces = 0;
  const dying = new Sleeper((step) => step === "file.appendFile" && ++pieces === 2);
  await dying.start(() => committed(writers));
  await ageLock();
}

test.each([
  ["another one delivers", false, (): Sleeper => new Sleeper(() => false)],
  ["another one is in the middle of a message", false, (): Sleeper => inTheMiddle()],
  ["another one delivers, after a crash", true, (): Sleeper => new Sleeper(() => false)],
])("a process sleeps while %s", async (_, isLeft, fast) => {
  await watchSteps();
  const steps: string[] = [];
  for (let nth = 0; ; nth++) {
    const step = await sleepAt(nth, isLeft, fast());
    if (step === undefined) break;
    steps.push(step);
  }
  expect(steps.length).toBeGreaterThan(40);
  expect(steps.filter((step) => step === "file.appendFile").length).toBe(2);
});

function inTheMiddle(): Sleeper {
  let pieces = 0;
  return new Sleeper((step) => step === "file.appendFile" && ++pieces === 2);
}
