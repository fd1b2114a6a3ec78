// A process is stopped during an append, and continued after another one has taken over its lock. None of its
// bytes get into the message of the other process.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, utimes } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Mbox } from "popwright/fetch";
import { deliver } from "../support/delivery.ts";
import { bodiesOf, mboxForm } from "../support/mbox-form.ts";
import { scratch } from "../support/scratch.ts";
import { isStopped } from "./stopped-process.ts";

const PROGRAM = join(import.meta.dirname, "stop-in-append.mjs");
const OTHER = Buffer.from("Subject: other\r\n\r\ntwo lines\r\n");

test("a process that is stopped past its lock", async () => {
  const path = join(await scratch(), "inbox");
  const child = spawn(process.execPath, [PROGRAM, path, "slow"], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    let said = "";
    child.stdout.on("data", (octets: Buffer) => (said += octets.toString()));
    const closed = once(child, "close");
    expect(await isStopped(child.pid as number)).toBe(true);
    const before = new Date(Date.now() - 6 * 60_000);
    await utimes(`${path}.lock`, before, before);
    expect(await deliver(new Mbox(path), "other", OTHER)).toBe("new");
    const delivered = await readFile(path);
    expect(bodiesOf(delivered)).toEqual([mboxForm(OTHER)]);

    child.kill("SIGCONT");
    await closed;
    expect(said.trim()).toBe(`POP3_DESTINATION: the lock of ${path} was lost`);
    expect(await readFile(path)).toEqual(delivered);
    const message = Buffer.from(`Subject: slow\r\n\r\n${"slow\r\n".repeat(200_000)}`);
    expect(await deliver(new Mbox(path), "slow", message)).toBe("new");
    const bodies = bodiesOf(await readFile(path));
    expect([bodies.length, bodies[1]?.equals(mboxForm(message))]).toEqual([2, true]);
  } finally {
    child.kill("SIGKILL");
  }
});
