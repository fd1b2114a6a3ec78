// The output of the command that prints a secret cannot be read completely: a part of the secret is not used.
import { execFile, type ChildProcess } from "node:child_process";
import { expect, test, vi } from "vitest";
import { annsServer, urlOf } from "./ann.ts";
import { lineOf } from "./program.ts";
import { Terminal } from "./terminal.ts";

vi.mock("node:child_process", { spy: true });

/** Runs `list` with a command that prints the password, and lets streams of that command fail. */
async function listWhile(...streams: readonly ("stdin" | "stdout" | "stderr")[]): Promise<Terminal> {
  await using server = await annsServer();
  const { execFile: execFileAsEver } =
    await vi.importActual<typeof import("node:child_process")>("node:child_process");
  vi.mocked(execFile).mockImplementationOnce((...args: Parameters<typeof execFile>): ChildProcess => {
    const child = execFileAsEver(...args);
    for (const stream of streams) child[stream]?.destroy(new Error("read EIO"));
    return child;
  });
  const terminal = new Terminal();
  const command = await lineOf('console.log("secret")');
  const code = await terminal.run("list", urlOf(server), "--password-command", command);
  expect(code).toBe(streams.includes("stdout") ? 78 : 0);
  return terminal;
}

test("its standard output", async () => {
  const terminal = await listWhile("stdout");
  expect(terminal.words).toMatch(/popwright: cannot read what the command \S+ prints: read EIO/);
});

test("its other streams do not matter", async () => {
  const terminal = await listWhile("stdin", "stderr");
  expect(terminal.words).toContain("2 messages");
});
