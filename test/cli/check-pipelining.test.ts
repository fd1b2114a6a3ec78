// `check --pipelining` tests whether a server answers several RETR in order.
import { expect, test } from "vitest";
import { OutOfOrderServer, type OutOfOrderOptions } from "../support/out-of-order-server.ts";
import { annsServer, urlOf } from "./ann.ts";
import { Terminal } from "./terminal.ts";

const TEXTS = ["Subject: 1\r\n\r\none\r\n", "Subject: 2\r\n\r\ntwo\r\n", "Subject: 3\r\n\r\nthree\r\n"];

/** Runs `check` on a server that breaks pipelining. */
async function checked(
  options: OutOfOrderOptions,
  ...words: string[]
): Promise<[Terminal, OutOfOrderServer]> {
  await using server = await OutOfOrderServer.listen(TEXTS, options);
  const terminal = new Terminal();
  const url = `pop3://ann@127.0.0.1:${server.port}?stls=never`;
  expect(await terminal.run("check", url, ...words)).toBe(0);
  return [terminal, server];
}

const WILDDUCK = { capabilities: ["IMPLEMENTATION WildDuck-v1.46.1"] };

test("check names a server program that is known to break pipelining", async () => {
  const [terminal, server] = await checked(WILDDUCK);
  expect(terminal.words).toContain(
    "Its pipelining is broken (WildDuck before 1.46.15). It writes the reply to the next command before the last line of a message. popwright sends it no command after RETR or TOP.",
  );
  expect(server.sessions.flat().join()).not.toContain("RETR");
});

test("--pipelining does not test a server program that is known to break it", async () => {
  const [terminal] = await checked(WILDDUCK, "--pipelining");
  expect(terminal.words).toContain("not tried: pipelining is limited");
});

test("--pipelining reports a server that breaks pipelining", async () => {
  const [terminal, server] = await checked({}, "--pipelining");
  expect(terminal.words).toContain("broken: the server wrote the reply to a later command into the message");
  expect(terminal.words).toContain("For 24 hours popwright sends it one command at a time");
  // No DELE is sent, and no QUIT: some servers delete retrieved messages at QUIT.
  expect(server.sessions.flat().join()).not.toMatch(/QUIT|DELE/);
});

test("--pipelining says that a lost connection proves nothing", async () => {
  const [terminal] = await checked({ closes: true }, "--pipelining");
  expect(terminal.words).toMatch(/not certain: 127\.0\.0\.1:\d+ closed the connection/);
  expect(terminal.words).toContain("or the connection was lost for another reason");
  expect(terminal.words).not.toContain("broken");
});

test("--pipelining reports a server that breaks pipelining in JSON", async () => {
  const [terminal] = await checked({ closes: true }, "--pipelining", "--json");
  expect(terminal.json[0]).toMatchObject({ ok: true, pipelining: "broken" });
});

test("--pipelining reports a server that answers in order", async () => {
  await using server = await annsServer();
  const terminal = new Terminal();
  expect(await terminal.run("check", urlOf(server), "--pipelining")).toBe(0);
  expect(terminal.words).toContain("2 messages arrived together and in order");
  const said = server.transcript.lines.filter((line) => /^C: (?:RETR|RSET|QUIT)/.test(line));
  expect(said).toEqual(["C: RETR 1", "C: RETR 2", "C: RSET", "C: QUIT"]);
});
