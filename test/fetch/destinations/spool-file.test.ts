// The leftovers of a crash are swept, and nothing else.
import { spawnSync } from "node:child_process";
import { readdir, utimes, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { EmlFolder, Maildir } from "../../../src/fetch/index.ts";
import { SpoolFile, sweep } from "../../../src/fetch/destinations/spool-file.ts";
import { deliver, keyOf } from "../../support/delivery.ts";
import { fileHandles } from "../../support/file-handles.ts";
import { Folder } from "../../support/folder.ts";
import { octets, text } from "../../support/octets.ts";

let folder: Folder;
let spool: SpoolFile;
let ours: string;
beforeEach(async () => {
  folder = await Folder.make();
  spool = await SpoolFile.create(folder.path, keyOf("ours"));
  [ours = ""] = await readdir(folder.path);
});
afterEach(async () => {
  await spool.discard();
  await folder.remove();
});

/** The name as another process gives it. */
function of(pid: number, space?: string): string {
  const name = ours.replace(/-\d+-/, `-${String(pid)}-`);
  return space === undefined ? name : name.replace(/-[0-9a-f]{16}-/, `-${space}-`);
}

const ELSEWHERE = "0123456789abcdef";
const { pid: dead } = spawnSync(process.execPath, ["--version"]);
const HOUR = 60 * 60 * 1000;

async function make(name: string, age = 0): Promise<string> {
  await folder.write(name, "");
  const time = new Date(Date.now() - age);
  await utimes(join(folder.path, name), time, time);
  return name;
}

test("removes the files of dead processes, and old files", async () => {
  await make(of(dead));
  await make(of(process.ppid), 37 * HOUR);
  await make(of(dead, ELSEWHERE), 37 * HOUR);
  await sweep(folder.path);
  expect(await readdir(folder.path)).toEqual([ours]);
});

test("leaves the files of living processes, and those that another process may be writing", async () => {
  const kept = [
    ours,
    await make(of(process.ppid), 35 * HOUR),
    await make(of(1), HOUR),
    await make(of(dead, ELSEWHERE), 35 * HOUR),
    await make("1700000000.M1P2.host", 40 * HOUR),
    await make(`${keyOf("a")}.eml`, 40 * HOUR),
    await make(".hidden", 40 * HOUR),
  ];
  await sweep(folder.path);
  expect((await readdir(folder.path)).sort()).toEqual(kept.sort());
});

test("is done once, before the first message", async () => {
  const maildir = new Maildir(folder.path);
  await deliver(maildir, "one", Buffer.from("1"));
  await make(`tmp/${of(dead)}`);
  await deliver(maildir, "two", Buffer.from("2"));
  expect(await readdir(join(folder.path, "tmp"))).toHaveLength(1);
  await deliver(new Maildir(folder.path), "three", Buffer.from("3"));
  expect(await readdir(join(folder.path, "tmp"))).toEqual([]);
  await make(of(dead));
  await deliver(new EmlFolder(folder.path), "one", Buffer.from("1"));
  expect(await folder.files()).not.toContain(of(dead));
});

describe("pieces", () => {
  const content = async (): Promise<string> => {
    const read: Buffer[] = [];
    for await (const block of spool.read()) read.push(Buffer.from(block));
    return text(Buffer.concat(read));
  };

  test("are appended in order", async () => {
    await spool.write([]);
    await spool.write(["one ", "", "two "].map(octets));
    await spool.write([octets("three")]);
    expect(await content()).toBe("one two three");
  });

  test.each([1, 2, 3, 4, 5, 6])("are written whole if the system takes %i octets at a time", async (most) => {
    const prototype = await fileHandles();
    const spy = vi.spyOn(prototype, "writev").mockImplementation(async function (
      this: FileHandle,
      pieces: readonly Buffer[],
      position?: number,
    ) {
      const part = Buffer.concat(pieces).subarray(0, most);
      return { ...(await this.write(part, 0, part.length, position)), buffers: pieces };
    } as never);
    try {
      await spool.write(["ab", "cde", "f"].map(octets));
      await spool.write(["gh"].map(octets));
    } finally {
      spy.mockRestore();
    }
    expect(await content()).toBe("abcdefgh");
  });
});
