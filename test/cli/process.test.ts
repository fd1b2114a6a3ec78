// The command as a process: signals, and a reader that closes the pipe early.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { annsServer, urlOf } from "./ann.ts";
import { newDirectory } from "../support/place.ts";

const root = join(import.meta.dirname, "../..");
const tsx = pathToFileURL(join(root, "node_modules/tsx/dist/esm/index.mjs")).href;

function start(...words: string[]): ChildProcess & { stdout: NodeJS.ReadableStream } {
  return spawn(
    process.execPath,
    ["--import", tsx, "--import", hearing, join(root, "src/cli/main.ts"), ...words],
    {
      cwd: root,
      env: { ...process.env, POPWRIGHT_PASSWORD: "secret" },
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    },
  ) as ChildProcess & { stdout: NodeJS.ReadableStream };
}

/**
 * On Windows a process cannot send Ctrl+C or Ctrl+Break to another one: there `kill` ends the process
 * immediately. Therefore the test sends a message, and the process emits the signal itself.
 */
const hearing = `data:text/javascript,${encodeURIComponent(
  "process.on('message', (signal) => process.emit(signal)); process.channel.unref();",
)}`;

function signal(child: ChildProcess, name: NodeJS.Signals): void {
  if (process.platform === "win32") child.send(name);
  else child.kill(name);
}

test.each<NodeJS.Signals>(
  process.platform === "win32" ? ["SIGINT", "SIGBREAK", "SIGHUP"] : ["SIGINT", "SIGTERM"],
)("%s ends fetch --watch cleanly", async (name) => {
  await using server = await annsServer();
  const directory = await newDirectory();
  const words = ["--to", join(directory, "Mail"), "--state", join(directory, "state"), "--watch", "--json"];
  const child = start("fetch", urlOf(server), ...words);
  let told = "";
  for await (const piece of child.stdout) {
    told += String(piece);
    if (told.includes('"type":"end"')) signal(child, name);
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  expect([child.exitCode, child.signalCode]).toEqual([0, null]);
  expect(await readdir(join(directory, "Mail", "new"))).toHaveLength(2);
});

test("a reader that closes the pipe early is not a failure", async () => {
  const messages = Array.from({ length: 20_000 }, (_, index) => `Subject: ${String(index)}\r\n\r\n`);
  await using server = await annsServer({ users: { ann: { pass: "secret", messages } } });
  const child = start("list", urlOf(server), "--json");
  let err = "";
  child.stderr?.on("data", (piece: Buffer) => {
    err += String(piece);
  });
  child.stdout.once("data", () => {
    (child.stdout as unknown as { destroy(): void }).destroy();
  });
  await once(child, "close");
  expect(child.exitCode).toBe(0);
  expect(err).not.toContain("Error");
});
