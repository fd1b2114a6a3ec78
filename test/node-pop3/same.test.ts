// node-pop3 and the drop-in, side by side on one server: the same calls give the same results.
import Theirs from "node-pop3";
import { afterEach, beforeEach, expect, test } from "vitest";
import Ours from "../../src/node-pop3/index.ts";
import type { Pop3Server } from "../../src/testing/index.ts";
import { listen } from "../support/ann.ts";

/** With the line break that node-pop3 drops: none of these messages has one at its end there. */
const MESSAGES = ["Subject: one\r\n\r\nfirst\r\nsecond\r\n", "Subject: two\r\n\r\n2\r\n"];

let server: Pop3Server;
beforeEach(async () => {
  server = await listen({ messages: MESSAGES, apop: false });
});
afterEach(() => server.close());

type Client = Ours;

/** Runs the same calls with both packages, and returns both results. */
async function both(run: (pop3: Client) => Promise<unknown>): Promise<[theirs: unknown, ours: unknown]> {
  const options = { host: server.host, port: server.port, user: "ann", password: "secret" };
  const theirs = await run(new Theirs(options) as unknown as Client);
  await server.idle();
  const ours = await run(new Ours({ ...options, tlsOptions: { ca: server.ca } }));
  await server.idle();
  return [theirs, ours];
}

test.each<[name: string, run: (pop3: Client) => Promise<unknown>]>([
  ["UIDL", (pop3) => pop3.UIDL()],
  ["UIDL of one message", (pop3) => pop3.UIDL(2)],
  ["LIST", (pop3) => pop3.LIST()],
  ["LIST of one message, as a string", (pop3) => pop3.LIST("2")],
  ["STAT", (pop3) => pop3.STAT()],
  ["NOOP", (pop3) => pop3.NOOP()],
  ["DELE", (pop3) => pop3.DELE(1)],
  ["RSET", (pop3) => pop3.RSET()],
  ["_connect", (pop3) => pop3._connect()],
  ["command STAT", async (pop3) => (await pop3._connect(), pop3.command("STAT"))],
  ["command LIST 1", async (pop3) => (await pop3._connect(), pop3.command("LIST", 1))],
  ["command DELE", async (pop3) => (await pop3._connect(), pop3.command("DELE", "2"))],
  ["command RSET", async (pop3) => (await pop3._connect(), pop3.command("RSET"))],
  [
    "command UIDL, as rows",
    async (pop3) => {
      await pop3._connect();
      const [info, stream] = await pop3.command("UIDL");
      const read = pop3 instanceof Ours ? Ours : Theirs;
      return [info, read.listify((await read.stream2String(stream as never)) as string)];
    },
  ],
])("%s gives the same", async (_name, run) => {
  const [theirs, ours] = await both(async (pop3) => {
    const result = await run(pop3);
    return [result, await pop3.RSET(), await pop3.QUIT()];
  });
  expect(ours).toEqual(theirs);
});

test.each<[name: string, run: (pop3: Client) => Promise<string>, whole: string]>([
  ["RETR", (pop3) => pop3.RETR(1), MESSAGES[0] as string],
  ["TOP", (pop3) => pop3.TOP(1, 1), "Subject: one\r\n\r\nfirst\r\n"],
])("%s gives the same, and the last line break as well", async (_name, run, whole) => {
  const [theirs, ours] = await both(async (pop3) => {
    const text = await run(pop3);
    await pop3.QUIT();
    return text;
  });
  expect(ours).toBe(whole);
  expect(`${String(theirs)}\r\n`).toBe(whole);
});

test("QUIT without a session, and after another QUIT", async () => {
  const [theirs, ours] = await both(async (pop3) => [
    await pop3.QUIT(),
    await pop3.LIST(),
    await pop3.QUIT(),
  ]);
  expect(ours).toEqual(theirs);
  expect(ours).toEqual(["Bye", expect.anything(), expect.stringMatching(/bye|./i)]);
});

test("both delete what DELE has marked, at QUIT", async () => {
  for (const left of [1, 0]) {
    const [each] = [left === 1 ? Theirs : Ours];
    const pop3 = new each({
      host: server.host,
      port: server.port,
      user: "ann",
      password: "secret",
      tlsOptions: { ca: server.ca },
    });
    await pop3.DELE(1);
    await pop3.QUIT();
    await server.idle();
    expect(server.maildrop("ann").messages).toHaveLength(left);
  }
});

test("a refusal is an error with eventName, command and the text of the server", async () => {
  const [theirs, ours] = await both(async (pop3) => {
    const error: unknown = await pop3.RETR(9).catch((reason: unknown) => reason);
    await pop3.QUIT();
    return error;
  });
  expect(theirs).toMatchObject({ eventName: "error", command: "RETR 9", message: "no such message" });
  expect(ours).toMatchObject({
    eventName: "error",
    command: "RETR 9",
    text: "no such message",
    code: "POP3_REFUSED",
  });
  expect((ours as Error).message).toContain("no such message");
});
