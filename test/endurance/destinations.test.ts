// Processes are killed during delivery (SIGKILL). Every message that is there is complete, and in the end
// each is there once.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { KINDS, messageOf, type Kind } from "./deliverer.ts";
import { deliver } from "../support/delivery.ts";
import { Folder, octetsIn } from "../support/folder.ts";
import { bodiesOf, mboxForm } from "../support/mbox-form.ts";

const root = join(import.meta.dirname, "../..");
const tsx = pathToFileURL(join(root, "node_modules/tsx/dist/esm/index.mjs")).href;
const COUNT = 8;
/** The process is killed when it has printed this number of lines. */
const MOMENTS = [2, 8, 10, 27];

let folder: Folder;
let path: string;
beforeEach(async () => {
  folder = await Folder.make();
  path = join(folder.path, "mail");
});
afterEach(() => folder.remove());

/** Runs a process, and kills it at a moment; returns what it has said. */
async function run(kind: Kind, moment = Infinity): Promise<string[]> {
  const script = join(import.meta.dirname, "deliverer.ts");
  const child = spawn(process.execPath, ["--import", tsx, script, kind, path, String(COUNT)], {
    cwd: root,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "close");
  const said: string[] = [];
  createInterface(child.stdout).on("line", (line) => {
    if (said.push(line) === moment) child.kill("SIGKILL");
  });
  const [code, signal] = (await ended) as [number | null, string | null];
  expect([code, signal]).toEqual(moment === Infinity ? [0, null] : [null, "SIGKILL"]);
  return said;
}

describe.each<
  [kind: Kind, delivered: () => Promise<Buffer[]>, form: (message: Buffer) => Buffer, rest: string[]]
>([
  ["maildir", () => octetsIn(join(path, "new")), (message) => message, []],
  ["mbox", async () => bodiesOf(await readFile(path).catch(() => Buffer.alloc(0))), mboxForm, ["mail"]],
])("%s", (kind, delivered, form, rest) => {
  const expected = Array.from({ length: COUNT }, (_, nth) => form(messageOf(String(nth))).toString("latin1"));

  test("has only complete messages, each of them once", async () => {
    for (const moment of MOMENTS) {
      const said = await run(kind, moment);
      const news = said.filter((line) => line === "new" || line === "known").length;
      if (kind === "mbox") continue; // may have half a message now; the next who holds the lock takes it back
      const kept = (await delivered()).map((message) => message.toString("latin1"));
      expect(kept.length).toBeGreaterThanOrEqual(news);
      for (const message of kept) expect(expected.includes(message)).toBe(true);
    }
    const last = await run(kind);
    expect(last.at(-1)).toBe("end");
    expect(last).toContain("known");
    const kept = (await delivered()).map((message) => message.toString("latin1"));
    expect(kept.sort().join("") === [...expected].sort().join("")).toBe(true);
    // What may be left of a lock is too young to be swept.
    const files = (await folder.files()).filter((file) => !/^mail(?:\/new\/|\.lock\.)/.test(file));
    expect(files).toEqual(rest);
  });
});

test("two processes that deliver the same messages at the same time", async () => {
  await mkdir(path);
  const [first, second] = await Promise.all([run("maildir"), run("maildir")]);
  const outcomes = [...first, ...second].filter((line) => line === "new" || line === "known");
  expect(outcomes.filter((line) => line === "new")).toHaveLength(COUNT);
  expect(outcomes).toHaveLength(2 * COUNT);
  expect(await octetsIn(join(path, "new"))).toHaveLength(COUNT);
  expect(await folder.files("mail/tmp")).toEqual([]);
  expect(await deliver(KINDS.maildir(path), "0", Buffer.from("again"))).toBe("known");
});
