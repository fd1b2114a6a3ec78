// Logins as real servers answer them, as scripts: prompts of every kind, words in unusual places, temporary
// refusals.
import { describe, expect, test } from "vitest";
import { Pop3Client, type Pop3Auth } from "../../../src/index.ts";
import { auth, LOGGED_IN, offering, toScript } from "../../support/ann.ts";
import { codeOf, failureOf } from "../../support/outcome.ts";
import { ScriptedServer, type Step } from "../../support/scripted-server.ts";
import { login } from "../../support/scripted-session.ts";
import { base64 } from "../../support/secret.ts";

const token = { user: "ann", accessToken: "token-1" };
const XOAUTH2 = base64("user=ann\x01auth=Bearer token-1\x01\x01");
const PLAIN = base64("\0ann\0secret");

/** After the login. */
const CAPA: readonly Step[] = ["C: CAPA", "S: -ERR"];

describe("the first continuation", () => {
  const WAYS: [string, Pop3Auth, string][] = [
    ["PLAIN", auth, PLAIN],
    ["XOAUTH2", token, XOAUTH2],
    ["OAUTHBEARER", token, ""],
    ["EXTERNAL", {}, "="],
    ["ANONYMOUS", { user: "ann" }, "YW5u"],
    ["SCRAM-SHA-256", auth, ""],
  ];

  test.each(WAYS)("%s: accepts a plus, whatever follows it", async (mechanism, given, message) => {
    for (const plus of ["+", "+ ", "+ go ahead", "+ =", "+ VXNlcm5hbWU6", "+ OK", "+  "]) {
      const said = message === "=" ? "C: " : message === "" ? /^\S+$/ : `C: ${message}`;
      await using server = await ScriptedServer.listen([
        ...[...offering(`SASL ${mechanism}`), `C: AUTH ${mechanism}`, `S: ${plus}`, said, "S: -ERR no"],
      ]);
      const options = toScript(server, { auth: { ...given, mechanism, initialResponse: false } });
      expect(await codeOf(Pop3Client.connect(options)), plus).toBe("POP3_AUTH_REJECTED");
      await server.played();
    }
  });

  test.each(WAYS)("%s: rejects +OK instead of it", async (mechanism, given) => {
    await using server = await ScriptedServer.listen([
      ...[...offering(`SASL ${mechanism}`), `C: AUTH ${mechanism}`, "S: +OK", "C: CAPA", "S: -ERR"],
    ]);
    const options = toScript(server, { auth: { ...given, mechanism, initialResponse: false } });
    // The server's word counts, but for who has to prove himself.
    const code = mechanism.startsWith("SCRAM") ? "POP3_SCRAM_SERVER_SIGNATURE" : "resolved";
    const client = new Pop3Client(options);
    expect(await codeOf(client.connect())).toBe(code);
    client.close();
  });
});

describe("LOGIN", () => {
  test.each([
    ["VXNlcm5hbWU6", "UGFzc3dvcmQ6"],
    [base64("User Name\0"), base64("Password\0")],
    // The prompts stand in for nothing: the first is for the name, whatever it says.
    [base64("Password:"), base64("Username:")],
    ["", ""],
    ["Username:", "Password:"],
  ])('accepts the prompts "%s" and "%s"', async (first, second) => {
    const script = [
      ...[...offering("SASL LOGIN"), "C: AUTH LOGIN", `S: + ${first}`, `C: ${base64("ann")}`],
      ...[`S: + ${second}`, `C: ${base64("secret")}`, "S: +OK", ...CAPA],
    ];
    expect(await login(script)).toBe("transaction");
  });

  test("sends no password if the name is refused", async () => {
    await using server = await ScriptedServer.listen([
      ...[...offering("SASL LOGIN"), "C: AUTH LOGIN", "S: + VXNlcm5hbWU6", "C: YW5u", "S: -ERR who?"],
    ]);
    expect(await codeOf(Pop3Client.connect(toScript(server, { auth })))).toBe("POP3_AUTH_REJECTED");
    await server.played();
    expect(server.clear).not.toContain(base64("secret"));
  });
});

describe("the last reply", () => {
  test.each<[string, Step[]]>([
    ["USER", ["C: USER ann", "S: +OK", "C: PASS secret"]],
    ["SASL PLAIN", [`C: AUTH PLAIN ${PLAIN}`]],
    ["SASL LOGIN", ["C: AUTH LOGIN", "S: + ", "C: YW5u", "S: + ", "C: c2VjcmV0"]],
  ])("%s: accepts +OK without text", async (offered, lines) => {
    expect(await login([...offering(offered), ...lines, "S: +OK", ...CAPA])).toBe("transaction");
  });

  test.each(["+OKAY", "+ok", "+ERR", "+OK\ttab", "+", "+ ", "-OK"])(
    'rejects "%s" after PASS',
    async (reply) => {
      const script = [...offering("USER"), "C: USER ann", "S: +OK", "C: PASS secret", `S: ${reply}`];
      await using server = await ScriptedServer.listen(script);
      expect(await codeOf(Pop3Client.connect(toScript(server, { auth })))).toBe("POP3_PROTOCOL");
      await server.played();
    },
  );

  test("replaces the capabilities by those listed after it", async () => {
    await using server = await ScriptedServer.listen([
      ...[...offering("SASL PLAIN", "STLS", "X-BEFORE"), `C: AUTH PLAIN ${PLAIN}`, "S: +OK"],
      ...["C: CAPA", "S: +OK", "S: PIPELINING", "S: X-BEHIND", "S: ."],
    ]);
    const client = await Pop3Client.connect(toScript(server, { auth }));
    expect([...client.capabilities.all.keys()]).toEqual(["PIPELINING", "X-BEHIND"]);
    client.close();
    await server.played();
  });
});

describe("a temporary refusal", () => {
  test.each([
    ["[SYS/TEMP] Temporary system problem. Please try again later.", "SYS/TEMP", true],
    ["[IN-USE] Unable to lock maildrop: Mailbox is locked by POP server", "IN-USE", true],
    ["[LOGIN-DELAY] minimum time between mail checks violation", "LOGIN-DELAY", true],
    ["[in-use] it is", "IN-USE", true],
    ["maildrop already locked", undefined, true],
    ["mailbox is in use by another session", undefined, true],
    ["server busy", undefined, true],
    ["please wait a few minutes", undefined, true],
    ["Service unavailable", undefined, true],
    ["login allowed only every 15 minutes", undefined, true],
    ["[SYS/PERM] locked for good", "SYS/PERM", false],
    ["[AUTH] the account is locked", "AUTH", false],
    ["Logon failure: unknown user name or bad password.", undefined, false],
    ["Command is not valid in this state.", undefined, false],
    ["invalid user name or password", undefined, false],
  ])("is recognised: -ERR %s", async (reply, responseCode, temporary) => {
    const script = [...offering("USER"), "C: USER ann", "S: +OK", "C: PASS secret", `S: -ERR ${reply}`];
    await using server = await ScriptedServer.listen(script);
    const failure = await failureOf(Pop3Client.connect(toScript(server, { auth })));
    expect(failure).toMatchObject({
      code: temporary ? "POP3_TEMPORARY" : "POP3_AUTH_REJECTED",
      temporary,
      text: reply.replace(/^\[.*\] /, ""),
      command: "PASS ****",
    });
    expect((failure as { responseCode?: string }).responseCode).toBe(responseCode);
    await server.played();
  });

  test("is recognised in the answer to STAT", async () => {
    await using server = await ScriptedServer.listen([
      ...[...LOGGED_IN, "C: STAT", "S: -ERR login allowed only every 15 minutes"],
    ]);
    const client = await Pop3Client.connect(toScript(server, { auth }));
    expect(await failureOf(client.stat())).toMatchObject({
      code: "POP3_REFUSED",
      temporary: true,
      text: "login allowed only every 15 minutes",
    });
    expect(client.state).toBe("transaction");
    client.close();
    await server.played();
  });
});
