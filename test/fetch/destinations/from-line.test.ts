// The first lines of the messages in an mbox: how they are written, and that all of them are found.
import { open } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { fromLine, fromLines, type FromLine } from "../../../src/fetch/destinations/from-line.ts";
import { keyOf } from "../../support/delivery.ts";
import { Folder } from "../../support/folder.ts";

let folder: Folder;
beforeEach(async () => {
  folder = await Folder.make();
});
afterEach(() => folder.remove());

async function linesOf(text: string, from?: number): Promise<FromLine[]> {
  await folder.write("inbox", Buffer.from(text, "latin1"));
  const file = await open(join(folder.path, "inbox"));
  try {
    const lines: FromLine[] = [];
    for await (const line of fromLines(file, from)) lines.push(line);
    return lines;
  } finally {
    await file.close();
  }
}

const KEY = keyOf("a");

test("has the key as the sender, and the time in UTC", () => {
  expect(fromLine(KEY, new Date(0))).toBe(`From ${KEY}@popwright Thu Jan  1 00:00:00 1970\n`);
  expect(fromLine(KEY, new Date("2026-11-21T13:09:58.999Z"))).toBe(
    `From ${KEY}@popwright Sat Nov 21 13:09:58 2026\n`,
  );
});

test("are found together with those of other programs, and nowhere else", async () => {
  const line = fromLine(KEY, new Date(0));
  const text = `${line}\nFrom a\n\nFrom ann@example.com ${KEY}\n From \n>${line}${line}`;
  expect(await linesOf(text)).toEqual([
    { at: 0, key: KEY },
    { at: line.length + 1, key: undefined },
    { at: text.indexOf("From ann"), key: undefined },
    { at: text.lastIndexOf(line), key: KEY },
  ]);
  expect(await linesOf("")).toEqual([]);
  expect(await linesOf("\n\nFrom")).toEqual([]);
  expect(await linesOf("\n\nFrom ")).toEqual([{ at: 2, key: undefined }]);
});

test("are found from an offset on", async () => {
  const text = "From a\n\nFrom b\n";
  expect((await linesOf(text, 0)).map(({ at }) => at)).toEqual([0, 8]);
  expect((await linesOf(text, 1)).map(({ at }) => at)).toEqual([8]);
  expect((await linesOf(text, 8)).map(({ at }) => at)).toEqual([8]);
  expect((await linesOf(text, 9)).map(({ at }) => at)).toEqual([]);
  expect((await linesOf(text, 100)).map(({ at }) => at)).toEqual([]);
});

test("are found wherever the file is cut into blocks", async () => {
  const line = fromLine(KEY, new Date(0));
  const block = 256 * 1024;
  for (let before = block - line.length - 2; before <= block + 2; before++) {
    const text = `${"x".repeat(before - 1)}\n${line}${"y".repeat(block)}\nFrom z`;
    expect(await linesOf(text)).toEqual([
      { at: before, key: KEY },
      { at: text.length - 6, key: undefined },
    ]);
  }
});
