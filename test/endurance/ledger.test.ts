// Processes are killed while they record: everything that they reported as durable is there, and every record
// that is there is complete.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { FileLedger } from "../../src/fetch/ledger/file-ledger.ts";
import { scratch } from "../support/scratch.ts";

const RECORDER = fileURLToPath(new URL("recorder.ts", import.meta.url));

/** What became of a recorder, and what it said: `[mailbox, count]`. */
interface Ended {
  readonly code: number | null;
  readonly said: readonly (readonly [name: string, count: number])[];
  /** Its last line, if it ended by itself. */
  readonly failure: string | undefined;
}

/** Starts a recorder, and kills it when it has printed `lines` lines. */
async function record(command: readonly string[], lines = Infinity): Promise<Ended> {
  const [file = "", ...args] = command;
  const child = spawn(file, args, { stdio: ["ignore", "pipe", "inherit"] });
  try {
    let output = "";
    child.stdout.setEncoding("latin1").on("data", (chunk: string) => {
      output += chunk;
      if (output.split("\n").length > lines) child.kill("SIGKILL");
    });
    const [code] = (await once(child, "close")) as [number | null];
    const said = [...output.matchAll(/^(\w+) (\d+)\n/gm)].map(
      ([, name = "", count]) => [name, Number(count)] as const,
    );
    return { code, said, failure: /^POP3_.*/m.exec(output)?.[0] };
  } finally {
    child.kill("SIGKILL");
  }
}

const command = (...args: string[]): string[] => [process.execPath, "--import", "tsx", RECORDER, ...args];

/** They are numbered from 0 on. */
function expectNumbered(entries: ReadonlyMap<string, unknown>): void {
  expect([...entries.keys()]).toEqual(Array.from({ length: entries.size }, (_, at) => `${at}`));
}

test.each([
  { kills: [5, 23] },
  { kills: [64, 3] },
  { kills: [1, 47] },
  { kills: [31, 12] },
  { kills: [17, 90] },
  // Most are killed soon after they have taken the mailboxes over.
  { kills: [30, 1, 2, 1, 3, 1, 4, 2, 1] },
])("processes that are killed after some records: $kills", async ({ kills }) => {
  const ledger = new FileLedger(await scratch());
  const said = new Map<string, number>();
  for (const lines of kills) {
    // The next one takes the mailboxes over.
    const ended = await record(
      command(ledger.directory, "oneByOne", "overlapping", "rewriting", "polling"),
      lines,
    );
    expect(ended.code).toBeNull();
    expect(ended.said.length).toBeGreaterThanOrEqual(lines);
    for (const [name, count] of ended.said) said.set(name, Math.max(said.get(name) ?? 0, count));

    const oneByOne = await ledger.read("oneByOne");
    expect(oneByOne.entries.size).toBeGreaterThanOrEqual(said.get("oneByOne") ?? 0);
    expectNumbered(oneByOne.entries);

    const overlapping = await ledger.read("overlapping");
    expect(overlapping.entries.size).toBeGreaterThanOrEqual(said.get("overlapping") ?? 0);
    expectNumbered(overlapping.entries);
    expect(overlapping.state.lastRun ?? 0, "records are there as a whole").toBe(overlapping.entries.size);

    const rewriting = await ledger.read("rewriting");
    expect(rewriting.state.lastRun ?? 0).toBeGreaterThanOrEqual(said.get("rewriting") ?? 0);
    expect(rewriting.entries.get("same")?.size).toBe(rewriting.state.lastRun);

    // The state file survives the death of a process; only a crash of the machine may take it.
    const polling = await ledger.read("polling");
    const { lastRun = 0 } = polling.state;
    expect(lastRun).toBeGreaterThanOrEqual(said.get("polling") ?? 0);
    expectNumbered(polling.entries);
    expect(polling.entries.size).toBe(Math.floor(lastRun / 10));
  }
  // The next process finds no trace of them.
  for (const name of ["oneByOne", "overlapping", "rewriting", "polling"])
    await (await ledger.open(name)).close();
  expect((await readdir(ledger.directory)).filter((name) => !/\.(?:journal|state)$/.test(name))).toEqual([]);
});

test("a process at its limit of file sizes keeps exactly its acknowledged records", async () => {
  const ledger = new FileLedger(await scratch());
  // As a full disk does it: a part of a write is written, and then no more. EFBIG is what ENOSPC is there.
  const limited = [
    "/bin/sh",
    "-c",
    'ulimit -f 8; exec "$0" "$@"',
    ...command(ledger.directory, "overlapping"),
  ];
  const { code, said, failure } = await record(limited);
  expect([code, failure]).toEqual([1, "POP3_LEDGER EFBIG"]);
  const { entries, state } = await ledger.read("overlapping");
  expectNumbered(entries);
  expect(said.at(-1)).toEqual(["overlapping", entries.size]);
  expect(state.lastRun).toBe(entries.size);
  const [name = ""] = (await readdir(ledger.directory)).filter((each) => each.endsWith(".journal"));
  expect((await readFile(join(ledger.directory, name), "latin1")).endsWith("\n")).toBe(true);
  const mailbox = await ledger.open("overlapping");
  expect(await mailbox.load()).toEqual(entries);
  await mailbox.close();
});
