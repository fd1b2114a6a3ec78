// Logging in: each method on the wire, and by hand.
import { describe, expect, test } from "vitest";
import { Pop3Client, type Pop3Auth } from "../../../src/index.ts";
import { auth, listen, offering, said, to, toScript } from "../../support/ann.ts";
import { turns } from "../../support/turns.ts";
import { ScriptedServer, type Step } from "../../support/scripted-server.ts";
import { login } from "../../support/scripted-session.ts";

const base64 = (text: string): string => Buffer.from(text, "utf8").toString("base64");

const PLAIN = base64("\0ann\0secret");

/** After the login. */
const CAPA: readonly Step[] = ["C: CAPA", "S: -ERR"];

describe("on the wire", () => {
  test("USER and PASS send a line each", async () => {
    const script = [...offering("USER"), "C: USER ann", "S: +OK", "C: PASS secret", "S: +OK", ...CAPA];
    expect(await login(script)).toBe("transaction");
  });

  test("USER and PASS can have spaces and 8-bit characters", async () => {
    const script = [...offering("USER"), "C: USER änn b", "S: +OK", "C: PASS  sé cret ", "S: +OK", ...CAPA];
    expect(await login(script, { user: "änn b", pass: " sé cret " })).toBe("transaction");
  });

  test("PASS is not sent before USER is answered, even with PIPELINING", async () => {
    await using server = await ScriptedServer.listen(
      [
        ...offering("USER", "PIPELINING"),
        ...["C: USER ann", "S: +OK", "C: PASS secret", "S: +OK", "C: CAPA", "S: -ERR"],
      ],
      { lockstep: true },
    );
    const client = await Pop3Client.connect(toScript(server, { auth }));
    await turns();
    client.close();
    await server.played();
  });

  test("AUTH PLAIN sends an initial response", async () => {
    const script = [...offering("SASL PLAIN"), `C: AUTH PLAIN ${PLAIN}`, "S: +OK", ...CAPA];
    expect(await login(script)).toBe("transaction");
  });

  test("AUTH PLAIN sends the identity of another user", async () => {
    const script = [
      ...offering("SASL PLAIN"),
      ...[`C: AUTH PLAIN ${base64("bob\0ann\0secret")}`, "S: +OK", ...CAPA],
    ];
    expect(await login(script, { authzid: "bob" })).toBe("transaction");
  });

  test.each(["+ ", "+", "+ say it", "+ ===", `+ ${base64("Password:")}`])(
    'AUTH PLAIN without an initial response answers the challenge "%s"',
    async (challenge) => {
      const script = [
        ...offering("SASL PLAIN"),
        ...["C: AUTH PLAIN", `S: ${challenge}`, `C: ${PLAIN}`, "S: +OK", ...CAPA],
      ];
      expect(await login(script, { initialResponse: false })).toBe("transaction");
    },
  );

  test.each([
    [base64("Username:"), base64("Password:")],
    ["", ""],
    ["User Name", "what else?"],
  ])('AUTH LOGIN answers the prompts "%s" and "%s"', async (first, second) => {
    const script = [
      ...offering("SASL LOGIN"),
      ...["C: AUTH LOGIN", `S: + ${first}`, `C: ${base64("ann")}`],
      ...[`S: + ${second}`, `C: ${base64("secret")}`, "S: +OK", ...CAPA],
    ];
    expect(await login(script)).toBe("transaction");
  });

  test("APOP sends the digest of RFC 1939", async () => {
    const script = [
      ...["S: +OK POP3 server ready <1896.697170952@dbc.mtview.ca.us>", "C: CAPA", "S: -ERR"],
      ...["C: APOP mrose c4c9334bac560ecc979e58001b3e22fb", "S: +OK", ...CAPA],
    ];
    expect(await login(script, { user: "mrose", pass: "tanstaaf", mechanism: "APOP" })).toBe("transaction");
  });

  test("an initial response that just fits is sent in the line", async () => {
    // "AUTH PLAIN " and CRLF are 13 octets; 240 of base64 are 180 octets: two NUL, "ann", and 175.
    const pass = "p".repeat(175);
    const script = [
      ...offering("SASL PLAIN"),
      ...[`C: AUTH PLAIN ${base64(`\0ann\0${pass}`)}`, "S: +OK", ...CAPA],
    ];
    expect(await login(script, { pass })).toBe("transaction");
  });

  test("an initial response that does not fit is sent in a second step", async () => {
    const pass = "p".repeat(178);
    const script = [
      ...offering("SASL PLAIN"),
      ...["C: AUTH PLAIN", "S: + ", `C: ${base64(`\0ann\0${pass}`)}`, "S: +OK", ...CAPA],
    ];
    expect(await login(script, { pass })).toBe("transaction");
  });
});

describe("the embedded server accepts", () => {
  test.each<[string, Partial<Pop3Auth>, string[]]>([
    ["PLAIN", { mechanism: "PLAIN" }, ["C: AUTH PLAIN ****"]],
    ["PLAIN in two steps", { mechanism: "plain", initialResponse: false }, ["C: AUTH PLAIN", "C: ****"]],
    ["LOGIN", { mechanism: "LOGIN" }, ["C: AUTH LOGIN", "C: ****", "C: ****"]],
    ["USER", { mechanism: "USER" }, ["C: USER ann", "C: PASS ****"]],
    ["APOP", { mechanism: "APOP" }, ["C: APOP ann ****"]],
  ])("%s", async (_, given, lines) => {
    await using server = await listen({ tls: true });
    await using client = await Pop3Client.connect(to(server, { auth: { ...auth, ...given } }));
    expect(await client.stat()).toEqual({ count: 1, size: 22 });
    expect(said(server)).toEqual(["* TLS", "C: CAPA", ...lines, "C: CAPA", "C: STAT"]);
  });
});

describe("by hand", () => {
  test("USER and PASS succeed after a refusal", async () => {
    await using server = await listen({ tls: true });
    await using client = await Pop3Client.connect(to(server));
    await client.user("ann");
    await expect(client.pass("wrong")).rejects.toMatchObject({ code: "POP3_AUTH_REJECTED" });
    expect(client.state).toBe("authorization");
    await client.user("ann");
    await client.pass("secret");
    expect(client.state).toBe("transaction");
    expect(await client.stat()).toEqual({ count: 1, size: 22 });
  });

  test("APOP succeeds, also in clear text", async () => {
    await using server = await listen();
    await using client = await Pop3Client.connect(to(server, { stls: "never", allowPlaintextAuth: false }));
    await client.apop("ann", "secret");
    expect(client.state).toBe("transaction");
  });

  test("STLS and then a login succeed", async () => {
    await using server = await listen();
    await using client = await Pop3Client.connect(to(server, { stls: "never", allowPlaintextAuth: false }));
    await client.stls();
    expect(client.secure).toBe(true);
    await client.authenticate(auth);
    expect(client.state).toBe("transaction");
    await client.noop();
    expect(said(server)).toEqual([
      ...["C: CAPA", "C: STLS", "* TLS", "C: CAPA", "C: AUTH PLAIN ****", "C: CAPA", "C: NOOP"],
    ]);
  });

  test("one login runs at a time, and other calls reject during it", async () => {
    await using server = await listen({ tls: true });
    await using client = await Pop3Client.connect(to(server));
    const first = client.authenticate(auth);
    await expect(client.authenticate(auth)).rejects.toMatchObject({ code: "POP3_STATE" });
    await expect(client.stls()).rejects.toMatchObject({ code: "POP3_STATE" });
    await expect(client.capa()).rejects.toMatchObject({ code: "POP3_STATE" });
    await first;
    expect(client.state).toBe("transaction");
  });
});
