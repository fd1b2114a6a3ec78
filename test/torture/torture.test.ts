// Whichever system call fails, is short or is interrupted: the command line ends, with the right exit code and a
// sentence about it, and no message is lost or delivered twice.
//
// POPWRIGHT_TORTURE=all: every call of every command with every fault. POPWRIGHT_TORTURE="all/5": every fifth of them,
// and each fault of each function at each place once. POPWRIGHT_TORTURE="COMMAND: CALL: FAULT": just this, as a finding
// prints it. Otherwise every call of a fetch into a Maildir with its most likely fault, and a sample of the others.
// `-- -t NAME` selects a command: npm run test:torture -- -t "fetch into mbox"
import { writeSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { COMMANDS, type Command } from "./commands.ts";
import { faultsFor, isLasting } from "./faults.ts";
import { buildShim, type Fault, type LoggedCall } from "./shim.ts";
import { callsOf, torture, tortureNamed } from "./torture.ts";

const WANTED = process.env["POPWRIGHT_TORTURE"] ?? "";
/** "all" or "all/5". */
const [, ALL, PART = "1"] = /^(all)(?:\/([1-9]\d*))?$/.exec(WANTED) ?? [];
/** The number of calls of each other command. */
const SAMPLE = 2;

let directory: string;
let library: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "popwright-shim-"));
  library = await buildShim(directory);
});
afterAll(() => rm(directory, { recursive: true, force: true }));

/** Every fault of every call. */
function everyFault(calls: readonly LoggedCall[]): Fault[] {
  return calls.flatMap((call) =>
    faultsFor(call.function, call.place).flatMap((what) =>
      [false, true]
        .filter((andLater) => !andLater || isLasting(what))
        .map((andLater) => ({ call, what, andLater })),
    ),
  );
}

/** Every `part`-th of these faults, and each kind once. */
function spread(faults: readonly Fault[], part: number): Fault[] {
  const kinds = new Map<string, Fault[]>();
  for (const fault of faults) {
    const kind = [fault.call.function, fault.call.place, fault.what, fault.andLater].join(" ");
    kinds.set(kind, [...(kinds.get(kind) ?? []), fault]);
  }
  // Another first one for each kind, so that different calls fail.
  return [...kinds.values()].flatMap((alike, nth) =>
    alike.filter((_, at) => at % part === nth % Math.min(part, alike.length)),
  );
}

function faultsOf(calls: readonly LoggedCall[], command: Command): Fault[] {
  if (ALL !== undefined) return spread(everyFault(calls), Number(PART));
  const step = command.name === "fetch into Maildir" ? 1 : Math.ceil(calls.length / SAMPLE);
  // Others for each command.
  const first = (COMMANDS.indexOf(command) * 7) % step;
  return calls
    .filter((_, nth) => nth % step === first)
    .map((call) => ({ call, what: faultsFor(call.function, call.place)[0] as string, andLater: false }));
}

async function all(command: Command, faults: readonly Fault[]): Promise<void> {
  const found: string[] = [];
  const hits = new Map<string, number>();
  let missed = 0;
  const left = [...faults];
  const work = async (): Promise<void> => {
    for (let fault = left.shift(); fault !== undefined; fault = left.shift()) {
      const { ended, wrong } = await torture(command, fault, library);
      // At once: the rest may take an hour.
      for (const each of wrong) writeSync(1, `\n${each}\n\n`);
      found.push(...wrong);
      const kind = `${fault.call.function} ${fault.call.place}`;
      if (ended.hit !== undefined) hits.set(kind, (hits.get(kind) ?? 0) + 1);
      else missed++;
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  const counts = [...hits]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([kind, count]) => `${kind} ${String(count)}`);
  const total = [...hits.values()].reduce((sum, count) => sum + count, 0);
  writeSync(
    1,
    `${command.name}: ${String(total)} calls failed (${counts.join(", ")}), ${String(missed)} were not made, ${String(found.length)} findings\n`,
  );
  expect(found.map((each) => each.split("\n")[0])).toEqual([]);
}

if (WANTED !== "" && ALL === undefined) {
  test(WANTED, async () => {
    const [command, fault] = tortureNamed(WANTED);
    await all(command, [fault]);
  });
} else {
  describe("a system call fails", () => {
    test.each(COMMANDS.map((command) => [command.name, command] as const))("%s", async (_, command) => {
      const calls = await callsOf(command, library);
      // Otherwise the shim does not see what this version of Node calls.
      const seen = new Set(calls.map(({ function: name, place }) => `${name} ${place}`));
      const socket = ["socket", "connect", "read", "write"].map((name) => `${name} socket`);
      const files = ["open", "write", "stat", "close", "fsync", "rename", "link", "unlink"];
      const expected = command.name.startsWith("fetch into")
        ? [...socket, ...files.map((name) => `${name} state`)]
        : socket;
      expect([...seen]).toEqual(expect.arrayContaining(expected));
      await all(command, faultsOf(calls, command));
    });
  });
}
