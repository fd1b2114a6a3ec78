// APOP needs a timestamp that can be trusted. In clear text it goes before a password, if that may be sent.
import { describe, expect, test } from "vitest";
import { apopDigest, Pop3Client } from "../../../src/index.ts";
import { auth, listen, said, to, toScript } from "../../support/ann.ts";
import { codeOf, failureOf } from "../../support/outcome.ts";
import { ScriptedServer } from "../../support/scripted-server.ts";

const apop = { ...auth, mechanism: "APOP" };

test("sends the digest of RFC 1939", () => {
  const digest = apopDigest("<1896.697170952@dbc.mtview.ca.us>", "tanstaaf");
  expect(digest).toBe("c4c9334bac560ecc979e58001b3e22fb");
});

describe.each<[string, Buffer | string]>([
  ["nothing in it", "+OK hello\r\n"],
  ["no domain", "+OK <abc>\r\n"],
  ["only an at sign", "+OK <@>\r\n"],
  ["an empty domain", "+OK <a@>\r\n"],
  ["an empty local part", "+OK <@b>\r\n"],
  ["a space", "+OK <a b@c>\r\n"],
  ["two at signs", "+OK <a@b@c>\r\n"],
  ["two timestamps", "+OK <a@b> <c@d>\r\n"],
  ["brackets within", "+OK <a<b@c>>\r\n"],
  ["no end", "+OK <a@b\r\n"],
  ["no beginning", "+OK a@b>\r\n"],
  ["its brackets in the wrong order", "+OK >a@b<\r\n"],
  ["UTF-8", "+OK <é@mail.test>\r\n"],
  ["octets that are not text", Buffer.from("+OK <\x80\xff\xfe\x01@\xde\xad>\r\n", "latin1")],
  ["a control character", "+OK <a\x01@b>\r\n"],
  ["a local part of 251 octets", `+OK <${"a".repeat(251)}@b>\r\n`],
  ["a domain of 251 octets", `+OK <a@${"b".repeat(251)}>\r\n`],
  ["brackets without end", `+OK ${"<".repeat(4000)}@${">".repeat(4000)}\r\n`],
])("a timestamp with %s", (_, greeting) => {
  test("gets no digest: connect() rejects with POP3_AUTH_NO_MECHANISM", async () => {
    await using server = await ScriptedServer.listen([Buffer.from(greeting), "C: CAPA", "S: -ERR"]);
    const code = await codeOf(Pop3Client.connect(toScript(server, { auth: apop })));
    expect(["POP3_AUTH_NO_MECHANISM", "POP3_APOP_BAD_CHALLENGE"]).toContain(code);
    await server.played();
    expect(server.lines).toEqual(["CAPA"]);
  });

  test("gets no digest: apop() rejects with POP3_NOT_SUPPORTED", async () => {
    await using server = await ScriptedServer.listen([Buffer.from(greeting), "C: CAPA", "S: -ERR"]);
    const client = await Pop3Client.connect(toScript(server));
    expect(await codeOf(client.apop("ann", "secret"))).toBe("POP3_NOT_SUPPORTED");
    expect(client.state).toBe("authorization");
    client.close();
    await server.played();
    expect(server.lines).toEqual(["CAPA"]);
  });
});

const TIMESTAMP = "<1896.697170952@dbc.mtview.ca.us>";
const DIGEST = apopDigest(TIMESTAMP, auth.pass);

/** What a server offers in clear text, and the first line of the login if a password may be sent. */
const CHOSEN: readonly (readonly [string, readonly string[], string])[] = [
  ["PLAIN, LOGIN and USER", ["SASL PLAIN LOGIN", "USER"], `APOP ann ${DIGEST}`],
  ["USER", ["USER"], `APOP ann ${DIGEST}`],
  ["nothing that is known", ["SASL X-OWN"], `APOP ann ${DIGEST}`],
  ["CRAM-MD5", ["SASL PLAIN CRAM-MD5", "USER"], "AUTH CRAM-MD5"],
  ["DIGEST-MD5", ["SASL PLAIN CRAM-MD5 DIGEST-MD5", "USER"], "AUTH DIGEST-MD5"],
];

describe.each(CHOSEN)("in clear text, with a timestamp and an offer of %s", (_, capabilities, line) => {
  const offer = [
    `S: +OK ${TIMESTAMP}`,
    "C: CAPA",
    "S: +OK",
    ...capabilities.map((each) => `S: ${each}`),
    "S: .",
  ];

  test("what does not show the password is preferred, and a refusal is the end", async () => {
    await using server = await ScriptedServer.listen([...offer, `C: ${line}`, "S: -ERR no"]);
    const failure = await failureOf(Pop3Client.connect(toScript(server, { auth })));
    expect(failure).toMatchObject({ code: "POP3_AUTH_REJECTED" });
    expect(failure.message.includes('try mechanism: "USER"')).toBe(line.startsWith("APOP"));
    await server.played();
    expect(server.lines).toEqual(["CAPA", line]);
  });

  test("nothing is sent if a password must not be sent", async () => {
    await using server = await ScriptedServer.listen(offer);
    const call = Pop3Client.connect(toScript(server, { allowPlaintextAuth: false, auth }));
    await expect(call).rejects.toMatchObject({ code: "POP3_TLS_REQUIRED" });
    await server.played();
    expect(server.lines).toEqual(["CAPA"]);
  });
});

test("a server without CAPA gets APOP in clear text, if its greeting has a timestamp", async () => {
  const script = [`S: +OK ${TIMESTAMP}`, "C: CAPA", "S: -ERR", `C: APOP ann ${DIGEST}`, "S: +OK"];
  await using server = await ScriptedServer.listen([...script, "C: CAPA", "S: -ERR"]);
  const client = await Pop3Client.connect(toScript(server, { auth }));
  expect(client.state).toBe("transaction");
  client.close();
});

test.each([
  ["a timestamp that is not valid", "+OK <1896@dbc@mtview>", {}],
  ["no timestamp", "+OK hello", {}],
  ["a user name with a space", `+OK ${TIMESTAMP}`, { user: "ann b" }],
  ["a charset", `+OK ${TIMESTAMP}`, { charset: "latin1" }],
  ["USER demanded", `+OK ${TIMESTAMP}`, { mechanism: "USER" }],
])("USER and PASS log in for %s", async (_, greeting, more) => {
  const login = { ...auth, ...more };
  const script = [
    `S: ${greeting}`,
    "C: CAPA",
    "S: -ERR",
    `C: USER ${login.user}`,
    "S: +OK",
    "C: PASS secret",
  ];
  await using server = await ScriptedServer.listen([...script, "S: +OK", "C: CAPA", "S: -ERR"]);
  const client = await Pop3Client.connect(toScript(server, { auth: login }));
  expect(client.state).toBe("transaction");
  client.close();
});

test("a refusal says that the server may have no secret for APOP, but not if it is temporary", async () => {
  const script = [`S: +OK ${TIMESTAMP}`, "C: CAPA", "S: -ERR", `C: APOP ann ${DIGEST}`];
  await using refusing = await ScriptedServer.listen([...script, "S: -ERR invalid command"]);
  const refused = await failureOf(Pop3Client.connect(toScript(refusing, { auth })));
  expect(refused.message).toBe(
    'the server refused APOP ann ****: invalid command (many servers print a timestamp although they store no password for APOP: try mechanism: "USER")',
  );
  expect(refused).toMatchObject({ code: "POP3_AUTH_REJECTED", text: "invalid command" });
  await using locked = await ScriptedServer.listen([...script, "S: -ERR [IN-USE] locked"]);
  const later = await failureOf(Pop3Client.connect(toScript(locked, { auth })));
  expect(later).toMatchObject({ code: "POP3_TEMPORARY" });
  expect(later.message).not.toContain("USER");
});

test("is not chosen instead of a password that must not be sent in clear text", async () => {
  await using server = await listen({ stls: false });
  const call = Pop3Client.connect(to(server, { stls: "if-offered", auth }));
  await expect(call).rejects.toMatchObject({ code: "POP3_TLS_REQUIRED" });
  await server.idle();
  expect(said(server)).toEqual(["C: CAPA"]);
});

test("uses the timestamp of a greeting that came within TLS", async () => {
  await using server = await listen({ tls: true });
  await using client = await Pop3Client.connect(to(server, { auth: apop }));
  expect(client.state).toBe("transaction");
});

test("rejects after STLS, because the timestamp came in clear text", async () => {
  await using server = await listen();
  await expect(Pop3Client.connect(to(server, { auth: apop }))).rejects.toMatchObject({
    code: "POP3_AUTH_NO_MECHANISM",
  });
  await using client = await Pop3Client.connect(to(server));
  await expect(client.apop("ann", "secret")).rejects.toMatchObject({ code: "POP3_NOT_SUPPORTED" });
  await client.quit();
  await server.idle();
  expect(server.transcript.toString()).not.toContain("APOP");
});

test.each([
  ["a user name with a space", "ann b", "POP3_INVALID_ARGUMENT"],
  ["a user name with a line end", "ann\r\nQUIT", "POP3_INVALID_ARGUMENT"],
  ["no user name", "", "POP3_INVALID_ARGUMENT"],
  ["a user name that is too long", "a".repeat(230), "POP3_COMMAND_TOO_LONG"],
])("rejects %s before anything is sent", async (_, name, code) => {
  await using server = await ScriptedServer.listen(["S: +OK <1.2@mail.test>", "C: CAPA", "S: -ERR"]);
  const client = await Pop3Client.connect(toScript(server));
  await expect(client.apop(name, "secret")).rejects.toMatchObject({ code });
  client.close();
  await server.played();
  expect(server.lines).toEqual(["CAPA"]);
});
