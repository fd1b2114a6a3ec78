// One line or two: the initial response is sent with AUTH, except if the line is too short for it, or at
// Exchange.
import { describe, expect, test } from "vitest";
import { Pop3Client, type Pop3Auth, type Pop3ClientOptions } from "../../../src/index.ts";
import { offering, toScript } from "../../support/ann.ts";
import { Wiretap } from "./attempt.ts";
import { codeOf, failureOf } from "../../support/outcome.ts";
import { ScriptedServer, type Step } from "../../support/scripted-server.ts";
import { login } from "../../support/scripted-session.ts";
import { base64 } from "../../support/secret.ts";

const token = { user: "ann", accessToken: "token-1" };
const XOAUTH2 = base64("user=ann\x01auth=Bearer token-1\x01\x01");
const PLAIN = base64("\0ann\0secret");

/** After the login. */
const CAPA: readonly Step[] = ["C: CAPA", "S: -ERR"];
const EXCHANGE = "The Microsoft Exchange POP3 service is ready. [TABPADIAUAAyADMAQwBBADAAMgAwADIALgA=]";

/** The greeting of Exchange Online, and what it lists. */
const exchange = (...sasl: string[]): string[] => [
  ...[
    `S: +OK ${EXCHANGE}`,
    "C: CAPA",
    "S: +OK",
    "S: TOP",
    "S: UIDL",
    "S: SASL PLAIN XOAUTH2",
    ...sasl,
    "S: .",
  ],
];

/** Logs in to the script with a name for the server: the connection goes to the script, whatever the name is. */
async function loginTo(host: string, script: readonly Step[], given: Pop3Auth): Promise<string> {
  await using server = await ScriptedServer.listen(script);
  const wiretap = new Wiretap();
  const { socket } = wiretap;
  const client = new Pop3Client({
    ...toScript(server, { auth: given }),
    host,
    socket: (target) =>
      typeof socket === "function" ? socket({ ...target, host: "127.0.0.1" }) : Promise.reject(new Error()),
  });
  const code = await codeOf(client.connect());
  client.close();
  await server.played();
  return code;
}

describe("XOAUTH2 at Exchange uses two steps", () => {
  const twoSteps: Step[] = [
    "C: AUTH XOAUTH2",
    "S: + ",
    `C: ${XOAUTH2}`,
    "S: +OK User successfully authenticated.",
  ];
  const oneLine: Step[] = [`C: AUTH XOAUTH2 ${XOAUTH2}`, "S: +OK"];

  test("if the greeting names Exchange", async () => {
    expect(await login([...exchange(), ...twoSteps, ...CAPA], { ...token, pass: "unused" })).toBe(
      "transaction",
    );
  });

  test.each([
    ["outlook.office365.com", true],
    ["OUTLOOK.OFFICE365.COM", true],
    ["partner.outlook.cn", true],
    ["outlook.office365.us", true],
    ["pop-mail.outlook.com", true],
    ["pop.example.com", false],
    ["pop.notoutlook.com", false],
    ["pop.gmail.com", false],
  ])("if the host is one of Microsoft's: %s, %j", async (host, known) => {
    const lines = known ? twoSteps : oneLine;
    expect(await loginTo(host, [...offering("SASL XOAUTH2"), ...lines, ...CAPA], token)).toBe("resolved");
  });

  test("unless the caller requests one", async () => {
    const given = { ...token, initialResponse: true };
    expect(await login([...exchange(), ...oneLine, ...CAPA], given)).toBe("transaction");
  });

  test("but other mechanisms use one", async () => {
    const script = [...exchange(), `C: AUTH PLAIN ${PLAIN}`, "S: +OK", ...CAPA];
    expect(await login(script)).toBe("transaction");
  });

  test("and one if the name alone is refused", async () => {
    const script = [...exchange(), "C: AUTH XOAUTH2", "S: -ERR Protocol error. 10", ...oneLine, ...CAPA];
    expect(await login(script, token)).toBe("transaction");
  });

  test("but does not retry a refused token", async () => {
    const refused = "S: -ERR Authentication failure: unknown user name or bad password.";
    await using server = await ScriptedServer.listen([...exchange(), ...twoSteps.slice(0, 3), refused]);
    const failure = await failureOf(Pop3Client.connect(toScript(server, { auth: token })));
    expect(failure).toMatchObject({
      code: "POP3_AUTH_REJECTED",
      text: "Authentication failure: unknown user name or bad password.",
    });
    await server.played();
    expect(server.connections).toBe(1);
  });

  test("in one line that is refused before the server closes: reports its words", async () => {
    const refused = "S: -ERR Protocol error. Connection is closed. 10";
    await using server = await ScriptedServer.listen([
      ...offering("SASL XOAUTH2"),
      ...[oneLine[0] as Step, refused, "* close"],
    ]);
    const failure = await failureOf(Pop3Client.connect(toScript(server, { auth: token })));
    expect(failure).toMatchObject({
      code: "POP3_AUTH_REJECTED",
      text: "Protocol error. Connection is closed. 10",
    });
    await server.played();
  });
});

describe("a long token", () => {
  const accessToken = "t".repeat(8192);
  const long = base64(`user=ann\x01auth=Bearer ${accessToken}\x01\x01`);
  const longAuth = { user: "ann", accessToken };

  // Some servers take a line only whole.
  test.each<[string, Step[], Partial<Pop3ClientOptions>]>([
    ["in the second step", ["C: AUTH XOAUTH2", "S: + ", `C: ${long}`], {}],
    [
      "in one line, if the caller allows it",
      [`C: AUTH XOAUTH2 ${long}`],
      { limits: { commandLine: 16_384 } },
    ],
  ])("is sent in one write, %s", async (_, lines, more) => {
    await using server = await ScriptedServer.listen([
      ...offering("SASL XOAUTH2"),
      ...lines,
      "S: +OK",
      ...CAPA,
    ]);
    const wiretap = new Wiretap();
    const client = await Pop3Client.connect(
      toScript(server, { auth: longAuth, socket: wiretap.socket, ...more }),
    );
    client.close();
    await server.played();
    const writes = wiretap.writes.map((octets) => octets.toString("latin1"));
    expect(writes.filter((octets) => octets.includes(long))).toHaveLength(1);
    // Each line is one write, and no write ends within a line.
    expect(writes.filter((octets) => !octets.endsWith("\r\n"))).toEqual([]);
    expect(writes).toHaveLength(lines.filter((line) => String(line).startsWith("C: ")).length + 2);
  });

  test("is not sent in a line of 255 octets, even if initialResponse is true", async () => {
    const script = [...offering("SASL XOAUTH2"), "C: AUTH XOAUTH2", "S: + ", `C: ${long}`, "S: +OK", ...CAPA];
    expect(await login(script, { ...longAuth, initialResponse: true })).toBe("transaction");
  });
});

describe("an initial response at the limit of the line", () => {
  /** The user name that makes the line as long as this, CRLF included. */
  test.each([
    ["PLAIN", 255, (user: string) => `\0${user}\0secret`],
    ["PLAIN", 259, (user: string) => `\0${user}\0secret`],
    ["ANONYMOUS", 254, (user: string) => user],
    ["ANONYMOUS", 258, (user: string) => user],
  ])("with %s, %i octets", async (mechanism, octets, message) => {
    const room = octets - `AUTH ${mechanism} \r\n`.length;
    const user = "u".repeat(Math.floor(room / 4) * 3 - message("").length);
    const said = base64(message(user));
    const line = `AUTH ${mechanism} ${said}`;
    const steps = line.length + 2 <= 255 ? [`C: ${line}`] : [`C: AUTH ${mechanism}`, "S: + ", `C: ${said}`];
    const script = [...offering(`SASL ${mechanism}`), ...steps, "S: +OK", ...CAPA];
    expect(await login(script, { user, mechanism })).toBe("transaction");
  });
});
