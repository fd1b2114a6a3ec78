// cur/ may have a hundred thousand messages. It is read again only after a change, and not too often.
import { readdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Maildir } from "../../../src/fetch/index.ts";
import { deliver, keyOf } from "../../support/delivery.ts";
import { Folder } from "../../support/folder.ts";

vi.mock("node:fs/promises", async (importOriginal) => {
  const original = await importOriginal<typeof import("node:fs/promises")>();
  return { ...original, readdir: vi.fn(original.readdir) };
});

const ONE = Buffer.from("Subject: one\r\n\r\n1\r\n");

let folder: Folder;
let maildir: Maildir;
beforeEach(async () => {
  folder = await Folder.make();
  maildir = new Maildir(folder.path);
  await deliver(maildir, "zero", ONE);
});
afterEach(async () => {
  vi.useRealTimers();
  await folder.remove();
});

/** How often cur/ is read meanwhile. */
async function readings(work: () => Promise<unknown>): Promise<number> {
  vi.mocked(readdir).mockClear();
  await work();
  return vi.mocked(readdir).mock.calls.filter(([path]) => path === join(folder.path, "cur")).length;
}

async function deliverThree(): Promise<void> {
  for (const name of ["one", "two", "three"]) await deliver(maildir, name, ONE);
}

test("it is read once as long as nothing changes there", async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 3000 });
  expect(await readings(deliverThree)).toBe(1);
  expect(await readings(() => deliver(maildir, "four", ONE))).toBe(0);
  const name = `${keyOf("zero")}.popwright`;
  await rename(join(folder.path, "new", name), join(folder.path, "cur", `${name}:2,S`));
  vi.setSystemTime(Date.now() + 3000);
  expect(await readings(() => deliver(maildir, "five", ONE))).toBe(1);
});

test("it is read each time while another change might not show", async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 1000 });
  expect(await readings(deliverThree)).toBe(3);
});

describe("with many messages there", () => {
  const MANY = Array.from({ length: 5001 }, (_, nth) => `${keyOf(String(nth))}.popwright:2,S`);

  /** A reader, which has moved MANY messages, moves one more. */
  async function readerIsBusy(name: string): Promise<void> {
    const file = `${keyOf(name)}.popwright`;
    await rename(join(folder.path, "new", file), join(folder.path, "cur", `${file}:2,S`));
  }

  test("it is read every five seconds, and messages that were delivered meanwhile are recognised", async () => {
    vi.useFakeTimers({ toFake: ["Date", "performance"], now: Date.now() });
    vi.mocked(readdir).mockResolvedValueOnce(MANY as never);
    expect(await readings(() => deliver(maildir, "one", ONE))).toBe(1);
    await readerIsBusy("one");
    expect(await readings(deliverThree)).toBe(0);
    for (const name of ["two", "three"]) await readerIsBusy(name);
    for (const name of ["one", "two", "three", "4711"])
      expect(await deliver(maildir, name, ONE)).toBe("known");
    vi.advanceTimersByTime(5000);
    expect(await readings(() => deliver(maildir, "four", ONE))).toBeGreaterThan(0);
  });
});
