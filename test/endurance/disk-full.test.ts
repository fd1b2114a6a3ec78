// The disk, a small tmpfs, is full: the run ends, no message is blamed, nothing is lost, and the next run
// succeeds once there is space.
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { accountOf, mail, serverWith } from "../support/mail.ts";

const PROGRAM = join(import.meta.dirname, "disk-full.mjs");
const COUNT = 40;
/** Each is larger than a page, which is what a tmpfs gives out. */
const MESSAGES = Array.from({ length: COUNT }, (_, number) => mail(number, "x".repeat(9000)));
const PAGE = 4096;

interface Outcome {
  readonly full: Readonly<Record<string, unknown>>;
  readonly delivered: readonly string[];
  readonly again: Readonly<Record<string, unknown>>;
  readonly messages: readonly string[];
  readonly begun: number;
}

test.each([
  ["mail", 0],
  ["mail", 10 * PAGE],
  ["mail", 100 * PAGE],
  ["ledger", 0],
  ["ledger", PAGE],
  ["ledger", 2 * PAGE],
  ["both", 0],
  ["both", 4 * PAGE],
  ["both", 11 * PAGE],
  ["both", 77 * PAGE],
])("the disk of the %s has %i bytes left", async (what, room) => {
  await using server = await serverWith(MESSAGES);
  const directory = await mkdtemp(join(tmpdir(), "popwright-full-"));
  const disk = join(directory, "disk");
  const on = (wanted: string, name: string): string =>
    join(what === "both" || what === wanted ? disk : directory, name);
  const task = {
    ...{ account: accountOf(server), policy: { delete: "delivered", retry: { first: 0 }, tries: 2 } },
    ...{ disk, state: on("ledger", "state"), maildir: on("mail", "Mail"), room },
  };
  try {
    // The disk is the process's own, and goes with it.
    const mounted = 'mkdir "$0" && mount -t tmpfs -o size=2m tmpfs "$0" && exec "$@"';
    const command = [mounted, disk, process.execPath, PROGRAM, JSON.stringify(task)];
    const { stdout } = await promisify(execFile)("unshare", [
      "--mount",
      "--map-root-user",
      "sh",
      "-c",
      ...command,
    ]);
    const outcome = JSON.parse(stdout) as Outcome;
    expect(outcome.full).toMatchObject({
      code:
        what === "ledger"
          ? "POP3_LEDGER"
          : (expect.stringMatching(/^POP3_(?:LEDGER|DESTINATION)$/) as string),
      message: expect.stringContaining("ENOSPC") as string,
    });
    expect(outcome.delivered.length).toBeLessThan(what === "ledger" ? COUNT + 1 : COUNT);
    expect(outcome.again).toMatchObject({ outcome: "done", failed: [], skipped: [], deleted: COUNT });
    expect([...outcome.messages].sort()).toEqual([...MESSAGES].sort());
    expect(outcome.begun).toBe(0);
    await server.idle();
    expect(server.maildrop("ann").messages).toHaveLength(0);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
