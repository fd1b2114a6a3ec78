// What the drop-in does differently from node-pop3 on purpose, as docs/migration.md lists it.
import Theirs from "node-pop3";
import { inspect } from "node:util";
import { expect, test } from "vitest";
import { Pop3ConnectionError, Pop3Error } from "../../src/index.ts";
import Ours from "../../src/node-pop3/index.ts";
import type { Pop3Server } from "../../src/testing/index.ts";
import { five, left, listen } from "../support/ann.ts";
import { ScriptedServer } from "../support/scripted-server.ts";

const login = { user: "ann", password: "secret" };

/** A client for an embedded server, which trusts its certificate. */
function to(server: Pop3Server, more: object = {}): Ours {
  return new Ours({
    host: server.host,
    port: server.port,
    tls: server.secure,
    tlsOptions: { ca: server.ca },
    ...login,
    ...more,
  });
}

const failureOf = async (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => undefined,
    (error: unknown) => error,
  );

const AWKWARD = Buffer.from("Subject: \xfcber\r\n\r\n.dot\r\n..two\r\n\xff\r\n", "latin1");

test("messages arrive byte for byte, however the packets are cut", async () => {
  for (const chunk of [1, 7, undefined]) {
    await using server = await listen({
      messages: [AWKWARD],
      apop: false,
      ...(chunk !== undefined && { chunk }),
    });
    const pop3 = to(server);
    expect(Buffer.from(await pop3.RETR(1), "latin1")).toEqual(AWKWARD);
    const [, stream] = await (await pop3._connect(), pop3.command("RETR", 1));
    expect(Buffer.concat((await stream?.toArray()) as Buffer[])).toEqual(AWKWARD);
    expect(await (await pop3.client()).retr(1)).toEqual(AWKWARD);
    await pop3.QUIT();
  }
  // There: bytes that are not UTF-8 are lost, and dots are doubled.
  await using server = await listen({ messages: [AWKWARD], apop: false });
  const theirs = new Theirs({ host: server.host, port: server.port, ...login });
  const text = await theirs.RETR(1);
  await theirs.QUIT();
  expect(text).toContain("\ufffd");
  expect(text).toContain("\r\n...two\r\n");
});

test("UTF-8 is decoded as such", async () => {
  const message = "Subject: \u00fcber\r\n\r\n\u20ac\r\n";
  await using server = await listen({ messages: [message], apop: false });
  const pop3 = to(server);
  expect(await pop3.RETR(1)).toBe(message);
  expect(await pop3.TOP("1")).toBe("Subject: \u00fcber\r\n\r\n");
  await pop3.QUIT();
});

test("without TLS nothing is sent but STLS, unless stls says so", async () => {
  await using server = await listen({ stls: false, apop: false });
  const error = await failureOf(to(server).UIDL());
  expect(error).toMatchObject({ code: "POP3_TLS_REQUIRED" });
  expect(server.transcript.toString()).not.toContain("ann");
  const open = to(server, { stls: "never" });
  expect(await open.STAT()).toBe("1 22");
  await open.QUIT();
});

test.each([true, false])("a certificate that is not trusted is refused, with tls: %s", async (tls) => {
  await using server = await listen({ tls });
  const error = await failureOf(to(server, { tlsOptions: {} }).UIDL());
  expect(error).toMatchObject({ code: "POP3_TLS_CERT", eventName: "error" });
});

test("tls and servername go into TLS", async () => {
  await using server = await listen({ tls: true });
  const pop3 = to(server, { servername: "localhost" });
  expect(await pop3.STAT()).toBe("1 22");
  await pop3.QUIT();
  const error = await failureOf(to(server, { servername: "mail.example.org" }).STAT());
  expect(error).toMatchObject({ code: "POP3_TLS_CERT" });
});

test("the timeout ends each wait, and each call settles", async () => {
  await using server = await listen({ faults: [{ on: "STAT", stall: 0 }], apop: false });
  const pop3 = to(server, { timeout: 150 });
  const warned: unknown[] = [];
  pop3.on("warn", (error) => warned.push(error.code));
  const errors = await Promise.all([failureOf(pop3.STAT()), failureOf(pop3.DELE(1))]);
  expect(errors[0]).toMatchObject({ code: "POP3_COMMAND_TIMEOUT", eventName: "timeout" });
  expect(errors[1]).toMatchObject({ code: "POP3_COMMAND_TIMEOUT", command: "DELE 1" });
  expect(errors[0]).toBeInstanceOf(Pop3ConnectionError);
  expect(warned).toEqual(["POP3_COMMAND_TIMEOUT"]);
});

test("calls that are started together are answered each with its own result", async () => {
  await using server = await five();
  const pop3 = to(server);
  const texts = await Promise.all([1, 2, 3, 4, 5].map((number) => pop3.RETR(number)));
  expect(texts).toEqual(["1\r\n", "2\r\n", "3\r\n", "4\r\n", "5\r\n"]);
  const marked = await Promise.all([pop3.DELE(2), failureOf(pop3.DELE(9)), pop3.DELE(4), pop3.QUIT()]);
  expect(marked[1]).toMatchObject({ code: "POP3_REFUSED", command: "DELE 9" });
  expect(await left(server)).toBe("135");
});

test("a message number is not used in another session", async () => {
  await using server = await five({ on: "RETR", close: 0, nth: 1 });
  const pop3 = to(server);
  expect(await pop3.UIDL()).toHaveLength(5);
  expect(await failureOf(pop3.RETR(1))).toMatchObject({ code: "POP3_CLOSED", eventName: "close" });
  // The first message of the next session may be another one.
  expect(await failureOf(pop3.DELE(1))).toMatchObject({ code: "POP3_CLOSED", command: "DELE 1" });
  expect(await failureOf(pop3.command("DELE", 1))).toMatchObject({ code: "POP3_CLOSED", command: "DELE" });
  expect(await pop3.UIDL()).toHaveLength(5);
  await pop3.DELE(1);
  await pop3.QUIT();
  expect(await left(server)).toBe("2345");
});

test("QUIT fails if marked messages were not deleted", async () => {
  await using server = await five({ on: "STAT", close: 0, nth: 1 }, { on: "QUIT", close: 0, nth: 1 });
  const pop3 = to(server);
  await pop3.DELE(1);
  await failureOf(pop3.STAT());
  // There, it is "Bye".
  expect(await failureOf(pop3.QUIT())).toMatchObject({ code: "POP3_CLOSED", command: "QUIT" });
  expect(await pop3.QUIT()).toBe("Bye");
  await pop3.DELE(2);
  expect(await failureOf(pop3.QUIT())).toMatchObject({ code: "POP3_COMMIT_UNKNOWN", marked: [2] });
  expect(await pop3.STAT()).toMatch(/^[45] /);
  await pop3.QUIT();
});

test("a stream has backpressure, and the next command waits for no reader", async () => {
  const large = Buffer.alloc(4 * 1024 * 1024, "0123456789abcd\r\n");
  await using server = await listen({ messages: [large, "2\r\n"], apop: false });
  const pop3 = to(server);
  await pop3._connect();
  const [info, stream] = await pop3.command("RETR", 1);
  expect(info).toBe(`${large.length} octets`);
  expect(stream?.readableLength).toBeLessThan(large.length / 2);
  const [text] = await pop3.command("TOP", 2, 0);
  expect(text).toBe("the top follows");
  expect(Buffer.concat((await stream?.toArray()) as Buffer[]).equals(large)).toBe(true);
  const [, other] = await pop3.command("RETR", 1);
  other?.destroy();
  expect(await pop3.STAT()).toMatch(/^2 /);
  await pop3.QUIT();
});

test("a message that breaks off fails its stream", async () => {
  await using server = await five({ on: "RETR", cut: 15 });
  const pop3 = to(server);
  await pop3._connect();
  const outcome = await failureOf(
    pop3.command("RETR", 1).then(([, stream]) => Ours.stream2String(stream as NonNullable<typeof stream>)),
  );
  expect(outcome).toBeInstanceOf(Pop3Error);
});

test("commands by hand: USER and PASS, CAPA, AUTH", async () => {
  await using server = await listen({ apop: false, sasl: ["PLAIN", "XOAUTH2"] });
  const pop3 = to(server, { user: undefined, password: undefined });
  expect(await failureOf(pop3.command("STAT"))).toMatchObject({ eventName: "no-socket", code: "POP3_STATE" });
  expect(await failureOf(pop3.STAT())).toMatchObject({ code: "POP3_CONFIG" });
  await pop3.connect();
  await pop3.command("USER", "ann");
  await pop3.command("PASS secret");
  const [, stream] = await pop3.command("CAPA");
  expect(await Ours.stream2String(stream as NonNullable<typeof stream>)).toContain("UIDL\r\n");
  expect(await pop3.command("NOOP")).toEqual(["", null]);
  await pop3.command("QUIT");
  await pop3.connect();
  await pop3.command("AUTH", "PLAIN", Buffer.from("\0ann\0secret").toString("base64"));
  expect(await pop3.command("STAT")).toEqual(["1 22", null]);
  await pop3.QUIT();
  await pop3.connect();
  const token = Buffer.from("user=ann\x01auth=Bearer wrong\x01\x01").toString("base64");
  expect(await failureOf(pop3.command("AUTH XOAUTH2", token))).toMatchObject({ code: "POP3_AUTH_REJECTED" });
  expect(await failureOf(pop3.command("AUTH", "NTLM"))).toMatchObject({ code: "POP3_INVALID_ARGUMENT" });
  await pop3.QUIT();
});

test("a refused login ends the session, and the next call tries again", async () => {
  await using server = await listen({ apop: false });
  const pop3 = to(server, { password: "hunter2" });
  for (let tries = 0; tries < 2; tries++)
    expect(await failureOf(pop3.UIDL())).toMatchObject({ code: "POP3_AUTH_REJECTED", eventName: "error" });
  expect(await pop3.QUIT()).toBe("Bye");
  expect(inspect(pop3)).not.toContain("hunter2");
});

test("what is not POP3 is a bad-server-response", async () => {
  await using server = await ScriptedServer.listen((peer) => peer.send("HTTP/1.1 400 Bad Request\r\n"));
  const pop3 = new Ours({ host: "127.0.0.1", port: server.port, ...login });
  expect(await failureOf(pop3.LIST())).toMatchObject({
    code: "POP3_BAD_GREETING",
    eventName: "bad-server-response",
  });
});

test("options that do not exist are refused, and the port may be a string", () => {
  expect(() => new Ours({ host: "pop.example.com", ...login, ssl: true } as never)).toThrow(
    "unknown option ssl",
  );
  expect(() => new Ours({ user: "ann" } as never)).toThrow("host is undefined");
  const pop3 = new Ours({ host: "pop.example.com", port: "8110" as never, ...login });
  expect(pop3).toMatchObject({ host: "pop.example.com", port: 8110, tls: false, user: "ann" });
  expect(new Ours({ host: "pop.example.com", tls: true }).port).toBe(995);
});
