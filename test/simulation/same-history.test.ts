// One seed gives one history: in each process, on an idle machine and on a busy one, and on each version of Node.
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, expect, test } from "vitest";
import { commandFor, installRuntimes, type RuntimeName } from "../runtimes/binaries.ts";

const OTHERS = ["node22", "node24"] as const satisfies readonly RuntimeName[];

const WORLDS = [join(import.meta.dirname, "main.ts"), "--from", "1", "--seeds", "5"];

/** Returns the digest of the histories of these worlds. */
async function digestOf(file: string, args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(file, args);
  const digest = /^digest of all histories: (\w+)$/m.exec(stdout)?.[1];
  if (digest === undefined) throw new Error(stdout);
  return digest;
}

const here = (): Promise<string> => digestOf(process.execPath, ["--import", "tsx", ...WORLDS]);

let expected = "";

beforeAll(async () => {
  await installRuntimes(OTHERS);
  expected = await here();
});

test("in three processes at the same time", async () => {
  const digests = await Promise.all([here(), here(), here()]);
  expect(digests).toEqual(digests.map(() => expected));
});

test.each(OTHERS)("on %s", async (name) => {
  expect(await digestOf(...commandFor(name, ["--import", "tsx", ...WORLDS]))).toBe(expected);
});
