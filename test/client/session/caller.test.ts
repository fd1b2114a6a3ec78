// The error of a call shows the line of the program that made the call, although it was created when data arrived.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Pop3Client, Pop3Error, Pop3Pool, type Pop3ClientOptions } from "popwright";
import { fetchAll, fetchMail, MemoryLedger, newMail } from "popwright/fetch";
import type { Pop3Server } from "popwright/testing";
import { auth, five, logIn, to } from "../../support/ann.ts";
import { newDirectory } from "../../support/place.ts";

const root = join(import.meta.dirname, "../../..");
const entry = (path: string): string => JSON.stringify(pathToFileURL(join(root, "src", path)).href);

let server: Pop3Server;
beforeAll(async () => {
  server = await five();
});
afterAll(() => server.close());

const wrong = (): Pop3ClientOptions => to(server, { stls: "never", auth: { ...auth, pass: "wrong" } });
const ledger = new MemoryLedger();
const destination = (): void => undefined;

/** Calls that the server refuses, and how the line of this file is found that made them. */
const CALLS: Readonly<Record<string, (client: Pop3Client) => unknown>> = {
  connect: () => Pop3Client.connect(wrong()),
  retr: (client) => client.retr(99),
  top: (client) => client.top(99),
  list: (client) => client.list(99),
  uidl: (client) => client.uidl(99),
  dele: (client) => client.dele([1, 99]),
  command: (client) => client.command("XTND"),
  retrStream: (client) => client.retrStream(99).toArray(),
  "buffer() in a loop": async (client) => {
    for await (const message of client.retrieve([99])) await message.buffer();
  },
  "stream() in a loop": async (client) => {
    for await (const message of client.retrieve([99])) await message.stream().toArray();
  },
  "the state": (client) => client.user("ann"),
  "an argument": (client) => client.retr(0),
  "pool.use": () => new Pop3Pool().use(wrong(), () => undefined),
  fetchMail: () => fetchMail(wrong(), { ledger, destination }),
  newMail: () => newMail(wrong(), { ledger, repeat: false }).next(),
  fetchAll: () => fetchAll(undefined as never, { ledger, destination }).next(),
};

/** The lines of this file in the stack of an error of ours. */
function mine(error: unknown): string[] {
  expect(Pop3Error.is(error), String(error)).toBe(true);
  return String((error as Error).stack)
    .split("\n")
    .filter((line) => line.includes("caller.test.ts"));
}

test.each(Object.entries(CALLS))("%s: the stack has the line of the call, once", async (_name, make) => {
  await using client = await logIn(server);
  let error: unknown;
  try {
    await make(client);
  } catch (thrown) {
    error = thrown;
  }
  const lines = mine(error);
  expect(lines.length).toBeGreaterThan(0);
  expect(new Set(lines).size).toBe(lines.length);
});

test.each(["connect", "pool.use", "fetchMail", "newMail", "buffer() in a loop"])(
  "%s: the stack has the line of the call even if nothing awaits it",
  async (name) => {
    await using client = await logIn(server);
    const error = await new Promise<unknown>((resolve) => {
      (CALLS[name]?.(client) as Promise<unknown>).then(resolve, resolve);
    });
    expect(mine(error).length).toBeGreaterThan(0);
  },
);

test("each of the calls that meet the end of the session has its own line", async () => {
  await using client = await logIn(server);
  const stacks: string[] = [];
  const note = (error: unknown): void => void stacks.push(mine(error).join("\n"));
  async function first(): Promise<void> {
    await client.noop();
  }
  async function second(): Promise<void> {
    await client.stat();
  }
  const both = [first().catch(note), second().catch(note)];
  client.close();
  await Promise.all(both);
  expect(stacks).toEqual([expect.stringContaining(" first ("), expect.stringContaining(" second (")]);
});

test("a program that allows no stack gets the error unchanged", async () => {
  await using client = await logIn(server);
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    await expect(client.retr(99)).rejects.toMatchObject({ code: "POP3_REFUSED" });
  } finally {
    Error.stackTraceLimit = limit;
  }
});

/** Programs that end with an uncaught rejection. */
const PROGRAMS: Readonly<Record<string, string>> = {
  "a client":
    "async function main() {\n  await client.noop();\n  await client.retr(99); // here\n}\nawait main();",
  "a pool that nothing waits for":
    "const account = { ...options, auth: { user: 'ann', pass: 'wrong' } };\n" +
    "new Pop3Pool().use(account, () => undefined); // here",
  "a message of a loop":
    "for await (const message of client.retrieve([99])) // here\n  await message.buffer();",
  "a pool":
    "const account = { ...options, auth: { user: 'ann', pass: 'wrong' } };\n" +
    "await new Pop3Pool().use(account, () => undefined); // here",
  fetchMail:
    "const account = { ...options, auth: { user: 'ann', pass: 'wrong' } };\n" +
    "await fetchMail(account, { ledger: new MemoryLedger(), destination: () => 0 }); // here",
};

test.each(Object.entries(PROGRAMS))("the end of a process by %s shows the line", async (_name, program) => {
  const file = join(await newDirectory(), "program.mjs");
  const lines = [
    `import { Pop3Client, Pop3Pool } from ${entry("index.ts")};`,
    `import { fetchMail, MemoryLedger } from ${entry("fetch/index.ts")};`,
    `const options = ${JSON.stringify(to(server, { stls: "never", auth }))};`,
    "const client = await Pop3Client.connect(options);",
    ...program.split("\n"),
  ];
  await writeFile(file, lines.join("\n"));
  const child = spawn(process.execPath, ["--import", "tsx", file], {
    cwd: root,
    stdio: ["ignore", "ignore", "pipe"],
  });
  const [output] = await Promise.all([text(child.stderr), once(child, "close")]);
  const here = lines.findIndex((line) => line.endsWith("// here")) + 1;
  expect(output).toContain(`program.mjs:${here}:`);
  expect(child.exitCode).toBe(1);
});
