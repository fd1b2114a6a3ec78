// A loop over `retrieve()` begins while DELE or RSET is in progress, or after such a call was aborted: its messages are
// those that are not marked when the reply has come.
import { expect, test } from "vitest";
import { Pop3Client } from "../../../src/index.ts";
import { auth, LOGGED_IN, toScript } from "../../support/ann.ts";
import { codeOf, settledCode } from "../../support/outcome.ts";
import { ScriptedServer } from "../../support/scripted-server.ts";
import { expectNothingUnhandled } from "../../support/unhandled.ts";

expectNothingUnhandled();

const LIST = ["C: LIST", "S: +OK", "S: 1 3", "S: 2 3", "S: ."];
const UIDL = ["C: UIDL", "S: +OK", "S: 1 a", "S: 2 b", "S: ."];
const retr = (number: number): string[] => [`C: RETR ${number}`, "S: +OK", `S: ${number}`, "S: ."];
const QUIT = ["C: QUIT", "S: +OK"];

/** A session whose mail was listed. */
async function listed(steps: readonly string[]): Promise<[ScriptedServer, Pop3Client]> {
  const server = await ScriptedServer.listen([...LOGGED_IN, ...LIST, ...UIDL, ...steps]);
  const client = await Pop3Client.connect(toScript(server, { auth }));
  await client.list();
  await client.uidl();
  return [server, client];
}

async function retrieved(client: Pop3Client): Promise<string[]> {
  const texts: string[] = [];
  for await (const message of client.retrieve()) texts.push((await message.buffer()).toString());
  return texts;
}

/** Makes a call, and aborts it when its command was sent. */
async function abortedWhenSent(
  server: ScriptedServer,
  call: (signal: AbortSignal) => Promise<void>,
  command: RegExp,
): Promise<void> {
  const controller = new AbortController();
  const code = codeOf(call(controller.signal));
  await server.wrote(command);
  controller.abort();
  expect(await code).toBe("POP3_ABORTED");
}

test.each([
  ["+OK marked", ["2\r\n"]],
  ["-ERR no", ["1\r\n", "2\r\n"]],
])("DELE was aborted, and the reply is %s", async (reply, texts) => {
  const left = texts.flatMap((text) => retr(Number(text)));
  const [server, client] = await listed(["C: DELE 1", "* wait", `S: ${reply}`, ...left, ...QUIT]);
  await using _ = server;
  await abortedWhenSent(server, (signal) => client.dele(1, { signal }), /DELE 1/);
  const loop = retrieved(client);
  expect(await settledCode(loop)).toBe("still waiting");
  server.goOn();
  expect(await loop).toEqual(texts);
  await client.quit();
  await server.played();
});

test("DELE is in progress", async () => {
  const [server, client] = await listed(["C: DELE 1", "* wait", "S: +OK", "C: DELE 2", "S: +OK", ...QUIT]);
  await using _ = server;
  const deletions = Promise.all([client.dele(1), client.dele(2)]);
  const loop = retrieved(client);
  server.goOn();
  expect(await loop).toEqual([]);
  await deletions;
  await client.quit();
});

test("RSET was aborted: the messages are there again", async () => {
  const steps = ["C: DELE 1", "S: +OK", "C: RSET", "* wait", "S: +OK"];
  const [server, client] = await listed([...steps, ...LIST, ...UIDL, ...retr(1), ...retr(2), ...QUIT]);
  await using _ = server;
  await client.dele(1);
  await abortedWhenSent(server, (signal) => client.rset({ signal }), /RSET/);
  const loop = retrieved(client);
  server.goOn();
  expect(await loop).toEqual(["1\r\n", "2\r\n"]);
  await client.quit();
  await server.played();
});

test("a call that was aborted before it was sent delays no loop", async () => {
  const [server, client] = await listed([...retr(1), ...retr(2), ...QUIT]);
  await using _ = server;
  const controller = new AbortController();
  const code = codeOf(client.dele(1, { signal: controller.signal }));
  controller.abort();
  expect(await code).toBe("POP3_ABORTED");
  expect(await retrieved(client)).toEqual(["1\r\n", "2\r\n"]);
  await client.quit();
  await server.played();
});

test("the loop is aborted while it waits, and the session continues", async () => {
  const [server, client] = await listed(["C: DELE 1", "* wait", "S: +OK", "C: NOOP", "S: +OK", ...QUIT]);
  await using _ = server;
  const deletion = client.dele(1);
  await server.wrote(/DELE 1/);
  const controller = new AbortController();
  const first = client.retrieve({ signal: controller.signal }).next();
  controller.abort();
  expect(await settledCode(first)).toBe("POP3_ABORTED");
  server.goOn();
  await deletion;
  await client.noop();
  await client.quit();
  await server.played();
});

test("the connection ends while the loop waits", async () => {
  const [server, client] = await listed(["C: DELE 1", "* wait", "* close"]);
  await using _ = server;
  await abortedWhenSent(server, (signal) => client.dele(1, { signal }), /DELE 1/);
  const loop = codeOf(retrieved(client));
  server.goOn();
  expect(await loop).toBe("POP3_CLOSED");
});
