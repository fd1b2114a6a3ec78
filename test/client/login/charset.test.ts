// User names and passwords beyond ASCII: in UTF-8 or in the octets of another charset, and never with a
// character lost.
import { describe, expect, test } from "vitest";
import { Pop3Client, type Pop3Auth } from "../../../src/index.ts";
import { listen, offering, to, toScript } from "../../support/ann.ts";
import { Wiretap } from "./attempt.ts";
import { codeOf, failureOf } from "../../support/outcome.ts";
import { ScriptedServer, type Step } from "../../support/scripted-server.ts";
import { visible } from "../../support/secret.ts";

/** After the login. */
const CAPA: readonly Step[] = ["C: CAPA", "S: -ERR"];

/** Logs in. Resolves with what was written after the first CAPA, one character for each octet. */
async function octetsOf(script: readonly Step[], offered: string, auth: Pop3Auth): Promise<string[]> {
  await using server = await ScriptedServer.listen([...offering(offered), ...script, "S: +OK", ...CAPA]);
  const wiretap = new Wiretap();
  const client = await Pop3Client.connect(toScript(server, { auth, socket: wiretap.socket }));
  client.close();
  await server.played();
  // Line by line: each is one write.
  return wiretap.writes.slice(1, -1).map((octets) => octets.toString("latin1"));
}

const base64 = (octets: string): string => Buffer.from(octets, "latin1").toString("base64");
const USER: Step[] = [/^USER /, "S: +OK", /^PASS /];
const PLAIN: Step[] = [/^AUTH PLAIN \S+$/];
const LOGIN: Step[] = ["C: AUTH LOGIN", "S: + ", /^\S+$/, "S: + ", /^\S+$/];

describe.each<[string | undefined, string, string, string, string]>([
  [undefined, "\u00e4nn", "gr\u00f6\u00dfe", "\xc3\xa4nn", "gr\xc3\xb6\xc3\x9fe"],
  ["utf8", "\u00e4nn", "gr\u00f6\u00dfe", "\xc3\xa4nn", "gr\xc3\xb6\xc3\x9fe"],
  ["latin1", "\u00e4nn", "gr\u00f6\u00dfe", "\xe4nn", "gr\xf6\xdfe"],
  ["ISO-8859-1", "\u00e4nn", "gr\u00f6\u00dfe", "\xe4nn", "gr\xf6\xdfe"],
  ["iso-8859-15", "\u00e4nn", "5 \u20ac", "\xe4nn", "5 \xa4"],
  ["windows-1252", "\u00e4nn", "5 \u20ac", "\xe4nn", "5 \x80"],
  [
    ...(["koi8-r", "\u0430\u043d\u043d\u0430", "\u043f\u0430\u0440\u043e\u043b\u044c"] as const),
    ...(["\xc1\xce\xce\xc1", "\xd0\xc1\xd2\xcf\xcc\xd8"] as const),
  ],
  ["shift_jis", "\u65e5\u672c", "\u8868", "\x93\xfa\x96\x7b", "\x95\x5c"],
  ["us-ascii", "ann", "secret", "ann", "secret"],
])("charset %s", (charset, user, pass, userOctets, passOctets) => {
  const auth = { user, pass, ...(charset !== undefined && { charset }) };

  test("applies to USER and PASS", async () => {
    expect(await octetsOf(USER, "USER", auth)).toEqual([`USER ${userOctets}\r\n`, `PASS ${passOctets}\r\n`]);
  });

  test("applies to PLAIN", async () => {
    const message = base64(`${userOctets}\0${userOctets}\0${passOctets}`);
    expect(await octetsOf(PLAIN, "SASL PLAIN", { ...auth, authzid: user })).toEqual([
      `AUTH PLAIN ${message}\r\n`,
    ]);
  });

  test("applies to LOGIN", async () => {
    expect(await octetsOf(LOGIN, "SASL LOGIN", auth)).toEqual([
      ...["AUTH LOGIN\r\n", `${base64(userOctets)}\r\n`, `${base64(passOctets)}\r\n`],
    ]);
  });
});

describe("logs in to a server that keeps names and passwords in ISO 8859-1", () => {
  const users = { "\u00e4nn": { pass: "gr\u00f6\u00dfe" } };
  const auth = { user: "\u00e4nn", pass: "gr\u00f6\u00dfe" };

  test.each(["USER", "PLAIN", "LOGIN"])("with %s", async (mechanism) => {
    await using server = await listen({ tls: true, users, charset: "latin1" });
    const wrong = Pop3Client.connect(to(server, { auth: { ...auth, mechanism } }));
    expect(await codeOf(wrong)).toBe("POP3_AUTH_REJECTED");
    await using client = await Pop3Client.connect(
      to(server, { auth: { ...auth, mechanism, charset: "latin1" } }),
    );
    expect(client.state).toBe("transaction");
  });

  // RFC 5802 and others say which octets are hashed.
  test.each(["SCRAM-SHA-256", "CRAM-MD5", "DIGEST-MD5", "APOP"])(
    "%s ignores the option, because its charset is fixed",
    async (mechanism) => {
      await using server = await listen({
        tls: true,
        users,
        sasl: ["SCRAM-SHA-256", "CRAM-MD5", "DIGEST-MD5"],
      });
      await using client = await Pop3Client.connect(
        to(server, { auth: { ...auth, mechanism, charset: "latin1" } }),
      );
      expect(client.state).toBe("transaction");
    },
  );
});

describe("rejects and sends nothing", () => {
  const refused = async (auth: Pop3Auth): Promise<unknown> => {
    await using server = await ScriptedServer.listen([
      ...[...offering("USER", "SASL PLAIN LOGIN XOAUTH2"), "* octets", "* close"],
    ]);
    const failure = await failureOf(Pop3Client.connect(toScript(server, { auth })));
    await server.played();
    expect(server.lines).toEqual(["CAPA"]);
    expect(visible(failure)).not.toMatch(/hunter2|\u65e5/);
    return failure.code;
  };

  test.each([
    ...["x-nope", "constructor", "__proto__", " ", "utf-16", "utf-16le", "utf-16be", "ucs2", "utf-32"],
    // What does not begin with ASCII could write anything into a line.
    ...["base64", "hex", "cp037"],
  ])("if the charset is %j", async (charset) => {
    for (const mechanism of ["USER", "PLAIN", "LOGIN"]) {
      expect(await refused({ user: "ann", pass: "hunter2", mechanism, charset })).toBe("POP3_CONFIG");
    }
  });

  test.each([
    ["latin1", "\u65e5"],
    ["latin1", "\u20ac"],
    ["us-ascii", "\u00fc"],
    ["koi8-r", "\u00e9"],
    ["shift_jis", "\u00fc"],
    ["utf8", "\ud800"],
    ["latin1", "\u{1f600}"],
  ])("if %s cannot encode %j", async (charset, letter) => {
    for (const mechanism of ["USER", "PLAIN", "LOGIN"]) {
      const auth = { user: "ann", pass: "hunter2", mechanism, charset };
      expect(await refused({ ...auth, user: letter })).toBe("POP3_INVALID_ARGUMENT");
      expect(await refused({ ...auth, pass: `hunter2${letter}` })).toBe("POP3_INVALID_ARGUMENT");
    }
    const plain = { user: "ann", pass: "hunter2", mechanism: "PLAIN", charset };
    expect(await refused({ ...plain, authzid: letter })).toBe("POP3_INVALID_ARGUMENT");
  });

  test.each([
    ["PASS", { pass: "\u00fc".repeat(125) }],
    ["USER", { user: "\u00fc".repeat(125) }],
  ])("if %s is too long in octets", async (_, long) => {
    const auth = { user: "ann", pass: "hunter2", mechanism: "USER", ...long };
    expect(await refused(auth)).toBe("POP3_COMMAND_TOO_LONG");
    // In the other charset it is half as long.
    const lines = await octetsOf(USER, "USER", { ...auth, charset: "latin1" });
    expect(lines.some((line) => line.includes("\xfc".repeat(125)))).toBe(true);
  });
});
