// A process sleeps past its lock, before each of its steps, while another one delivers. Neither damages the
// message of the other, and in the end each message is there once.
import { lutimes } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { Mbox } from "../../../src/fetch/index.ts";
import { isLater } from "../../../src/fetch/destinations/destination-error.ts";
import { begun, deliver } from "../../support/delivery.ts";
import { Folder } from "../../support/folder.ts";
import { bodiesOf, mboxForm } from "../../support/mbox-form.ts";
import { Sleeper, watchSteps } from "./sleepers.ts";
import { entryFor } from "../../support/ledger.ts";

vi.mock("node:fs/promises", { spy: true });

/** Each is appended in two pieces: its first line, and the rest. */
const messageOf = (name: string): Buffer =>
  Buffer.from(`Subject: ${name}\r\n\r\n${`${name}\r\n`.repeat(20)}`);
const [ZERO, SLOW, FAST] = ["zero", "slow", "fast"].map(messageOf) as [Buffer, Buffer, Buffer];

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

/** One sleeps before its `nth` step. Returns that step, or `undefined` if it has fewer. */
async function sleepAt(nth: number, isLeft: boolean, fast: Sleeper): Promise<string | undefined> {
  await folder.remove();
  folder = await Folder.make();
  path = join(folder.path, "inbox");
  await deliver(new Mbox(path), "zero", ZERO);
  const writer = await begun(new Mbox(path, { lockTimeout: 0 }), "slow");
  await writer.write(Buffer.from(SLOW));
  const other = await begun(new OtherMbox(path, { lockTimeout: 0 }), "fast");
  await other.write(Buffer.from(FAST));
  // The one that sleeps has to take back first what is left of it.
  if (isLeft) await cutAppend();

  const sleeper = new Sleeper((_, at) => at === nth);
  const slow = await sleeper.start(() => writer.commit(entryFor("a")));
  if (!slow.isAsleep) {
    await slow.outcome;
    await other.abort();
    return undefined;
  }
  await ageLock();
  // The other one is done, or asleep in the middle of its message, when the first wakes up.
  const later = await fast.start(() => other.commit(entryFor("a")));
  sleeper.wake();
  const outcome: unknown = await slow.outcome.catch((error: unknown) => error);
  fast.wake();
  const second: unknown = await later.outcome.catch((error: unknown) => error);
  for (const each of [outcome, second]) expect(each === "new" || isLater(each), String(each)).toBe(true);

  const now = await bodies();
  const whole = [formOf(ZERO), formOf(SLOW), formOf(FAST)];
  const parts = now.filter((body) => !whole.includes(body));
  // A process that slept while it released its lock may remove the lock of the other, which then stops: its
  // note says what is left of its message.
  const isLost = /the lock of .* was lost/.test(String(second)) && formOf(FAST).startsWith(parts[0] ?? "");
  expect([sleeper.step, parts.length]).toEqual([sleeper.step, isLost && parts.length === 1 ? 1 : 0]);
  if (outcome === "new") expect(now.includes(formOf(SLOW))).toBe(true);
  if (second === "new") expect(now.includes(formOf(FAST))).toBe(true);
  for (const [name, message] of [
    ["slow", SLOW],
    ["fast", FAST],
  ] as const)
    await deliver(new Mbox(path), name, message);
  const end = await bodies();
  expect(end.sort().join("") === whole.sort().join("")).toBe(true);
  return sleeper.step;
}

/** What a process has left that was killed in the middle of an append. */
async function cutAppend(): Promise<void> {
  const writer = await begun(new Mbox(path), "cut");
  await writer.write(Buffer.from(SLOW));
  let pieces = 0;
  const dying = new Sleeper((step) => step === "file.appendFile" && ++pieces === 2);
  await dying.start(() => writer.commit(entryFor("a")));
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
