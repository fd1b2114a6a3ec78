// APOP is used only on request, with a timestamp that can be trusted, and never by default in clear text.
import { describe, expect, test } from "vitest";
import { apopDigest, Pop3Client } from "../../../src/index.ts";
import { auth, listen, said, to, toScript } from "../../support/ann.ts";
import { codeOf } from "../../support/outcome.ts";
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

test("is not chosen by default in clear text", async () => {
  const script = ["S: +OK <1.2@mail.test>", "C: CAPA", "S: +OK", "S: SASL X-OWN", "S: ."];
  for (const allowPlaintextAuth of [true, false]) {
    await using server = await ScriptedServer.listen(script);
    const call = Pop3Client.connect(toScript(server, { allowPlaintextAuth, auth }));
    await expect(call).rejects.toMatchObject({ code: "POP3_AUTH_NO_MECHANISM" });
    await server.played();
    expect(server.lines).toEqual(["CAPA"]);
  }
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
