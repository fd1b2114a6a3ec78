// Whatever a server repeats of the password or token, no line and no JSON of a command shows it.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Pop3Server } from "../../src/testing/index.ts";
import { newDirectory } from "../support/place.ts";
import { repeatingServer } from "./repeating-server.ts";
import { lineOf } from "./program.ts";
import { Terminal } from "./terminal.ts";

const SECRET = "hunter2-token/5";

async function run(secret: string, words: string, ...args: string[]): Promise<Terminal> {
  await using server = await repeatingServer(words);
  const terminal = new Terminal();
  terminal.env["POPWRIGHT_PASSWORD"] = secret;
  await terminal.run(args[0] as string, server.url, ...args.slice(1));
  return terminal;
}

test.each([
  "check",
  "check --json",
  "check --pipelining",
  "list",
  "list --json",
  "fetch --dry-run",
  "fetch --dry-run --json",
])("%s", async (line) => {
  const { out, err } = await run(SECRET, SECRET, ...line.split(" "));
  expect(`${out}${err}`).not.toContain("hunter2");
  expect(out).toContain("****");
});

test("a secret that is printed by a command is known before the greeting is shown", async () => {
  await using server = await repeatingServer(SECRET);
  const terminal = new Terminal();
  delete terminal.env["POPWRIGHT_PASSWORD"];
  const command = await lineOf(`console.log(${JSON.stringify(SECRET)})`);
  await terminal.run("check", server.url, "--password-command", command);
  expect(terminal.out).toMatch(/greeting +\S* ?\*{4}/);
  expect(terminal.out).not.toContain("hunter2");
});

test("a refusing greeting", async () => {
  await using server = await repeatingServer(SECRET, { greeting: `-ERR no ${SECRET}` });
  for (const args of [
    ["check"],
    ["check", "--json"],
    ["list"],
    ["get", "1"],
    ["fetch", "--dry-run", "--json"],
  ]) {
    const terminal = new Terminal();
    terminal.env["POPWRIGHT_TOKEN"] = SECRET;
    await terminal.run(args[0] as string, server.url, ...args.slice(1));
    expect(terminal.words, args.join(" ")).not.toContain("hunter2");
    expect(terminal.words, args.join(" ")).toContain("****");
  }
});

test("a secret with spaces is masked where a line is wrapped, and one with invisible characters where they are escaped", async () => {
  for (const secret of ["correct horse battery", "hunter\u200b2\u202e-token", 'hunter"2\\"-token']) {
    const words = `${"x ".repeat(33)}${secret} ${"y ".repeat(25)}${secret}`;
    for (const args of [["check"], ["check", "--json"]]) {
      const { words: shown } = await run(secret, words, ...args);
      expect(shown).not.toMatch(/correct|battery|hunter|-token/);
    }
  }
});

test("a message is written as it is", async () => {
  await using server = await repeatingServer(SECRET);
  const terminal = new Terminal();
  terminal.env["POPWRIGHT_PASSWORD"] = SECRET;
  expect(await terminal.run("get", server.url, "1")).toBe(0);
  expect(terminal.out).toBe(`Subject: ${SECRET}\r\n\r\n${SECRET}\r\n`);
  expect(terminal.err).toBe("");
});

test("ledger and retry mask the unique-ids and reasons of a server", async () => {
  await using server = await repeatingServer(SECRET, { refuse: "RETR" });
  const directory = await newDirectory();
  const state = ["--state", join(directory, "state")];
  const terminal = new Terminal();
  terminal.env["POPWRIGHT_PASSWORD"] = SECRET;
  await terminal.run("fetch", server.url, "--to", join(directory, "mail"), ...state);
  await terminal.run("ledger", ...state);
  await terminal.run("ledger", "--json", ...state);
  await terminal.run("retry", server.url, ...state);
  expect(terminal.words).not.toContain("hunter2");
  expect(terminal.words).toContain("uid-****");
});

test("our own words stay, even if one is the password", async () => {
  const planned = await run("dry-run", "hello", "fetch", "--dry-run", "--json");
  expect(planned.json.at(-1)).toMatchObject({ type: "end", report: { outcome: "dry-run" } });
  const { words } = await run("retrieved", "hello", "fetch", "--dry-run");
  expect(words).toContain("would be retrieved");
  expect(words).not.toContain("****");
});

test("a recording masks what the server repeats before the login, and replays", async () => {
  await using server = await repeatingServer(SECRET);
  const path = join(await newDirectory(), "session.txt");
  const terminal = new Terminal();
  terminal.env["POPWRIGHT_PASSWORD"] = SECRET;
  expect(await terminal.run("check", server.url, "--record", path)).toBe(0);
  const transcript = await readFile(path, "utf8");
  expect(transcript).not.toContain("hunter2");
  expect(transcript).toMatch(/^S: \+OK \*{4}\n/);
  await using replay = await Pop3Server.replay(transcript);
  const again = new Terminal();
  again.env["POPWRIGHT_PASSWORD"] = SECRET;
  const url = server.url.replace(/:\d+\?/, `:${String(replay.port)}?`);
  expect(await again.run("check", url)).toBe(0);
  await replay.idle();
  expect(replay.mismatch).toBeUndefined();
});
