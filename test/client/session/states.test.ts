// Every command in every state: a command that is not allowed rejects before an octet is sent.
import { describe, expect, test } from "vitest";
import { Pop3Client, type Pop3State } from "../../../src/index.ts";
import { auth, listen, logIn, said, to, toScript } from "../../support/ann.ts";
import { codeOf } from "../../support/outcome.ts";
import { turns } from "../../support/turns.ts";
import { ScriptedServer } from "../../support/scripted-server.ts";

type Call = (client: Pop3Client) => Promise<unknown>;

/** A stream as a call: resolves when it has ended. */
async function drained(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of stream);
}

const AUTHORIZATION: readonly Pop3State[] = ["authorization"];
const TRANSACTION: readonly Pop3State[] = ["transaction"];
const BOTH: readonly Pop3State[] = ["authorization", "transaction"];

const COMMANDS: readonly (readonly [string, readonly Pop3State[], Call])[] = [
  ["user", AUTHORIZATION, (client) => client.user("ann")],
  ["pass", AUTHORIZATION, (client) => client.pass("secret")],
  ["apop", AUTHORIZATION, (client) => client.apop("ann", "secret")],
  ["authenticate", AUTHORIZATION, (client) => client.authenticate(auth)],
  ["stls", AUTHORIZATION, (client) => client.stls()],
  ["utf8", AUTHORIZATION, (client) => client.utf8()],
  ["stat", TRANSACTION, (client) => client.stat()],
  ["list", TRANSACTION, (client) => client.list()],
  ["list of one", TRANSACTION, (client) => client.list(1)],
  ["uidl", TRANSACTION, (client) => client.uidl()],
  ["uidl of one", TRANSACTION, (client) => client.uidl(1)],
  ["retr", TRANSACTION, (client) => client.retr(1)],
  ["retrStream", TRANSACTION, (client) => drained(client.retrStream(1))],
  ["top", TRANSACTION, (client) => client.top(1, 2)],
  ["retrieve", TRANSACTION, (client) => drained(client.retrieve())],
  ["retrieve of some", TRANSACTION, (client) => drained(client.retrieve([1]))],
  ["retrieve of tops", TRANSACTION, (client) => drained(client.retrieve(undefined, { top: 1 }))],
  ["dele", TRANSACTION, (client) => client.dele(1)],
  ["dele of several", TRANSACTION, (client) => client.dele([1])],
  ["dele of none", TRANSACTION, (client) => client.dele([])],
  ["noop", TRANSACTION, (client) => client.noop()],
  ["rset", TRANSACTION, (client) => client.rset()],
  ["supports", TRANSACTION, (client) => client.supports("UIDL")],
  ["capa", BOTH, (client) => client.capa()],
  ["lang", BOTH, (client) => client.lang()],
  ["lang of one", BOTH, (client) => client.lang("en")],
  ["command", BOTH, (client) => client.command("LANG en")],
  ["command STAT", TRANSACTION, (client) => client.command("stat")],
  ["quit", BOTH, (client) => client.quit()],
];

test("the error says what to do first", async () => {
  await using server = await listen();
  const unconnected = new Pop3Client("pop3://mail.test");
  await expect(unconnected.stat()).rejects.toThrow("the client is not connected: call connect() first");
  await using connected = await Pop3Client.connect(to(server, { stls: "never" }));
  await expect(connected.stat()).rejects.toThrow(
    "STAT is only allowed after the login: set the option auth, or call authenticate() first",
  );
  await using client = await logIn(server);
  await expect(client.stls()).rejects.toThrow("STLS is only allowed before the login");
});

describe.each(COMMANDS)("%s", (_, allowed, call) => {
  test("rejects before connect()", async () => {
    const client = new Pop3Client({ host: "mail.test", socket: () => new Promise(() => {}) });
    expect(client.state).toBe("disconnected");
    expect(await codeOf(call(client))).toBe("POP3_STATE");
    expect(client.state).toBe("disconnected");
  });

  test("rejects during connect()", async () => {
    const client = new Pop3Client({ host: "mail.test", socket: () => new Promise(() => {}) });
    const connecting = codeOf(client.connect());
    expect(await codeOf(call(client))).toBe("POP3_STATE");
    client.close();
    expect(await connecting).toBe("POP3_CLOSED");
  });

  test("rejects during the login", async () => {
    await using server = await ScriptedServer.listen(["S: +OK", "C: CAPA", "S: -ERR", "C: USER ann"]);
    const client = new Pop3Client(toScript(server, { auth }));
    const connecting = codeOf(client.connect());
    await server.wrote(/USER/);
    expect(client.state).toBe("authorization");
    expect(await codeOf(call(client))).toBe("POP3_STATE");
    await turns();
    client.close();
    expect(await connecting).toBe("POP3_CLOSED");
    await server.played();
    expect(server.lines).toEqual(["CAPA", "USER ann"]);
  });

  test.each(BOTH)("is sent or rejects in the %s state", async (state) => {
    await using server = await listen();
    await using client =
      state === "transaction" ? await logIn(server) : await Pop3Client.connect(to(server, { stls: "never" }));
    await client.capa();
    expect(client.state).toBe(state);
    const before = said(server).length;
    const code = await codeOf(call(client));
    if (allowed.includes(state)) {
      // A command that this server refuses was still sent.
      expect(["resolved", "POP3_REFUSED", "POP3_AUTH_REJECTED", "POP3_TLS_CERT"]).toContain(code);
    } else {
      expect(code).toBe("POP3_STATE");
      await client.capa();
      expect(said(server).slice(before)).toEqual(["C: CAPA"]);
      expect(client.state).toBe(state);
    }
  });

  test("rejects during QUIT, and after it", async () => {
    await using server = await listen();
    await using client = await logIn(server);
    await client.noop();
    const before = said(server).length;
    const quit = client.quit();
    expect(client.state).toBe("update");
    expect(await codeOf(call(client))).toBe("POP3_CLOSED");
    await quit;
    expect(client.state).toBe("closed");
    expect(await codeOf(call(client))).toBe("POP3_CLOSED");
    await server.idle();
    expect(said(server).slice(before)).toEqual(["C: QUIT"]);
  });

  test("rejects after close()", async () => {
    await using server = await listen();
    const client = await logIn(server);
    await client.noop();
    const before = said(server).length;
    client.close();
    expect(client.state).toBe("closed");
    expect(await codeOf(call(client))).toBe("POP3_CLOSED");
    await server.idle();
    expect(said(server).slice(before)).toEqual([]);
  });
});

test("connect() rejects if it is called twice, and after the end", async () => {
  await using server = await listen();
  const client = new Pop3Client(to(server, { stls: "never", auth }));
  const first = client.connect();
  await expect(client.connect()).rejects.toMatchObject({ code: "POP3_STATE" });
  await first;
  await expect(client.connect()).rejects.toMatchObject({ code: "POP3_STATE" });
  expect(await client.stat()).toEqual({ count: 1, size: 22 });
  await client.quit();
  await expect(client.connect()).rejects.toMatchObject({ code: "POP3_STATE" });
  expect(server.connections).toBe(1);
});
