// Credentials that could end a line, a field or a command are rejected before anything is sent. The error
// does not show them.
import { describe, expect, test } from "vitest";
import { Pop3Client, type Pop3Auth } from "../../../src/index.ts";
import { offering, offeringApop, toScript } from "../../support/ann.ts";
import { codeOf, failureOf } from "../../support/outcome.ts";
import { ScriptedServer, type Step } from "../../support/scripted-server.ts";
import { login } from "../../support/scripted-session.ts";
import { base64, visible } from "../../support/secret.ts";

const SASL = [
  ...["PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"],
  ...["XOAUTH2", "OAUTHBEARER", "EXTERNAL", "ANONYMOUS"],
];
const OFFERED = offeringApop("USER", `SASL ${SASL.join(" ")}`);
const CR_LF = ["hunter2\r\nDELE 1", "hunter2\r", "\nhunter2", "\r\n"];
const NUL = ["hunter2\0", "\0hunter2", "hun\0ter2"];
const LONE_SURROGATE = ["hunter2\ud800"];

/** What each takes, and what it must not have in it. */
const FIELDS: [string, keyof Pop3Auth, readonly string[]][] = [
  ["USER", "user", [...CR_LF, ...NUL]],
  ["USER", "pass", [...CR_LF, ...NUL]],
  ["APOP", "user", [...CR_LF, ...NUL, "hunter2 x", "hunter2\tx"]],
  ["PLAIN", "user", NUL],
  ["PLAIN", "pass", NUL],
  ["PLAIN", "authzid", NUL],
  ["CRAM-MD5", "user", [...CR_LF, ...NUL, ...LONE_SURROGATE]],
  ["CRAM-MD5", "pass", NUL],
  ["DIGEST-MD5", "user", [...CR_LF, ...NUL, ...LONE_SURROGATE]],
  ["DIGEST-MD5", "authzid", [...CR_LF, ...NUL, ...LONE_SURROGATE]],
  ...["SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"].flatMap(
    (name): [string, keyof Pop3Auth, readonly string[]][] => [
      [name, "user", [...CR_LF, ...NUL, "\u0007hunter2", "\u00ad", "\u0627hunter2"]],
      [name, "pass", [...CR_LF, ...NUL, "\u0007hunter2", "\u00ad", "\u0627hunter2"]],
      [name, "authzid", [...NUL, ...LONE_SURROGATE]],
    ],
  ),
  ["XOAUTH2", "user", [...CR_LF, ...NUL, "ann\x01auth=Bearer hunter2", ...LONE_SURROGATE]],
  ["XOAUTH2", "accessToken", [...CR_LF, ...NUL, "hunter2 x", "hunter2\x01", "hunter2\u00e9"]],
  ["OAUTHBEARER", "user", [...CR_LF, ...NUL, "ann\x01auth=Bearer hunter2", ...LONE_SURROGATE]],
  ["OAUTHBEARER", "accessToken", [...CR_LF, ...NUL, "hunter2 x", "hunter2\x01", "hunter2\u00e9"]],
  ["EXTERNAL", "authzid", [...CR_LF, ...NUL, ...LONE_SURROGATE]],
  ["ANONYMOUS", "user", [...CR_LF, ...NUL, "\u202ehunter2", "hunter2".repeat(40)]],
];

describe.each(FIELDS)("%s: %s", (mechanism, field, values) => {
  test.each(values)("rejects %j", async (value) => {
    await using server = await ScriptedServer.listen([...OFFERED, "* octets", "* close"]);
    const client = await Pop3Client.connect(toScript(server));
    const auth = { user: "ann", pass: "secret", accessToken: "token-1", mechanism, [field]: value };
    const failure = await failureOf(client.authenticate(auth));
    expect(failure.code).toBe("POP3_INVALID_ARGUMENT");
    expect(visible(failure)).not.toContain("hunter2");
    expect(client.state).toBe("authorization");
    client.close();
    await server.played();
    expect(server.lines).toEqual(["CAPA"]);
  });
});

describe("a line end that is harmless within base64", () => {
  const pass = "secret\r\nDELE 1\r\n";
  const CAPA: readonly Step[] = ["C: CAPA", "S: -ERR"];

  test("is sent with PLAIN", async () => {
    const script = [
      ...offering("SASL PLAIN"),
      `C: AUTH PLAIN ${base64(`\0ann\0${pass}`)}`,
      "S: +OK",
      ...CAPA,
    ];
    expect(await login(script, { pass })).toBe("transaction");
  });

  test("is sent with LOGIN", async () => {
    const script = [
      ...[...offering("SASL LOGIN"), "C: AUTH LOGIN", "S: + ", "C: YW5u", "S: + ", `C: ${base64(pass)}`],
      ...["S: +OK", ...CAPA],
    ];
    expect(await login(script, { pass })).toBe("transaction");
  });

  test("is part of the digest with APOP and CRAM-MD5", async () => {
    const apop = [...offeringApop("USER"), /^APOP ann [0-9a-f]{32}$/, "S: +OK", ...CAPA];
    expect(await login(apop, { pass, mechanism: "APOP" })).toBe("transaction");
    const challenged = ["C: AUTH CRAM-MD5", "S: + PDFAMj4=", /^[A-Za-z0-9+/=]+$/, "S: +OK", ...CAPA];
    const cramMd5 = [...offering("SASL CRAM-MD5"), ...challenged];
    expect(await login(cramMd5, { pass, mechanism: "CRAM-MD5" })).toBe("transaction");
  });
});

describe("a command line of more than 255 octets", () => {
  test.each<[string, Partial<Pop3Auth>]>([
    ["USER", { user: "u".repeat(249) }],
    ["USER", { user: "\u00fc".repeat(125) }],
    ["USER", { pass: "p".repeat(249) }],
    ["APOP", { user: "u".repeat(216) }],
  ])("with %s, %o, rejects before any line is sent", async (mechanism, long) => {
    await using server = await ScriptedServer.listen([...OFFERED, "* octets", "* close"]);
    const auth = { user: "ann", pass: "secret", mechanism, ...long };
    expect(await codeOf(Pop3Client.connect(toScript(server, { auth })))).toBe("POP3_COMMAND_TOO_LONG");
    await server.played();
    expect(server.lines).toEqual(["CAPA"]);
  });

  test.each<[string, Partial<Pop3Auth>]>([
    ["USER", { user: "u".repeat(248) }],
    ["USER", { pass: "p".repeat(248) }],
  ])("is accepted at 255 octets with %s, %o", async (_, long) => {
    const { user = "ann", pass = "secret" } = { ...long } as Record<string, string>;
    const script = [...offering("USER"), `C: USER ${user}`, "S: +OK", `C: PASS ${pass}`, "S: +OK"];
    expect(await login([...script, "C: CAPA", "S: -ERR"], long)).toBe("transaction");
  });

  test("does not apply to a response", async () => {
    const pass = "p".repeat(5000);
    const script = [
      ...[...offering("SASL PLAIN"), "C: AUTH PLAIN", "S: + ", `C: ${base64(`\0ann\0${pass}`)}`, "S: +OK"],
      ...["C: CAPA", "S: -ERR"],
    ];
    expect(await login(script, { pass })).toBe("transaction");
  });
});
