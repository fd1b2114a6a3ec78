// `check` prints each step of a session, and explains the step that fails.
import { describe, expect, test } from "vitest";
import { makeCertificate, Pop3Server, type Fault, type Pop3ServerOptions } from "../../src/testing/index.ts";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { annsServer, urlOf } from "./ann.ts";
import { newDirectory } from "../support/place.ts";
import { OctetServer } from "./octet-server.ts";
import { Terminal } from "./terminal.ts";

/** Returns the result of each step: `ok login`. */
function stepsOf({ out }: Terminal): string[] {
  return [...out.matchAll(/^(ok|FAIL) +(\S+)/gm)].map(([, mark, name]) => `${String(mark)} ${String(name)}`);
}

describe("a server without faults", () => {
  test("all steps succeed over TLS", async () => {
    await using server = await annsServer({ tls: true });
    const ca = join(await newDirectory(), "ca.pem");
    await writeFile(ca, server.ca);
    const terminal = new Terminal();
    expect(await terminal.run("check", urlOf(server), "--ca", ca)).toBe(0);
    expect(stepsOf(terminal)).toEqual([
      ...[
        "ok connection",
        "ok greeting",
        "ok capabilities",
        "ok login",
        "ok mailbox",
        "ok unique-ids",
        "ok end",
      ],
    ]);
    expect(terminal.words).toMatch(/TLSv1\.3, \S+, certificate verified/);
    expect(terminal.words).toContain(
      "pipelining, UIDL, TOP, UTF8, response codes; login by PLAIN, LOGIN, USER",
    );
    expect(terminal.words).toContain("as ann");
    expect(terminal.words).toContain("2, all different");
    expect(terminal.err).toBe("");
    await server.idle();
    expect(server.maildrop("ann").messages).toHaveLength(2);
    expect(server.transcript.lines.filter((line) => line.startsWith("C: "))).not.toContain("C: DELE 1");
    expect(server.transcript.lines).toContain("C: QUIT");
  });

  test("check does not log in without a user", async () => {
    await using server = await annsServer();
    const terminal = new Terminal();
    expect(await terminal.run("check", urlOf(server, ""))).toBe(0);
    expect(terminal.words).toContain("not tried: the URL does not name a user");
    expect(terminal.words).toContain("The server offers STLS: remove ?stls=never to use it.");
  });

  test("check recommends TLS from the first byte after STLS", async () => {
    await using server = await annsServer();
    const ca = join(await newDirectory(), "ca.pem");
    await writeFile(ca, server.ca);
    const terminal = new Terminal();
    expect(await terminal.run("check", urlOf(server).replace("?stls=never", ""), "--ca", ca)).toBe(0);
    expect(terminal.words).toMatch(/by STLS, .* TLS from the first byte is safer/);
  });

  test("check explains a server without CAPA, UIDL and STLS", async () => {
    await using server = await annsServer({ capabilities: false, uidl: false, stls: false });
    const terminal = new Terminal();
    expect(await terminal.run("check", urlOf(server))).toBe(0);
    expect(terminal.words).toContain("the server lists none");
    expect(terminal.words).toContain("unique-ids none Without unique-ids");
    expect(terminal.words).toContain("The server does not offer STLS");
  });

  test.each([
    [
      ["USER", "LOGIN-DELAY 300", "EXPIRE 0"],
      "at least 300 s between logins; messages may be deleted after they",
    ],
    [["USER", "EXPIRE NEVER"], "messages never expire"],
    [["USER", "EXPIRE 30 USER"], "messages expire after 30 days"],
    [["SASL XOAUTH2 OAUTHBEARER"], "It accepts only access tokens"],
    [["UIDL"], "It lists no login method"],
  ])("check describes the capabilities %j", async (capabilities, words) => {
    await using server = await annsServer({ capabilities: () => capabilities });
    const terminal = new Terminal();
    expect(await terminal.run("check", urlOf(server, ""))).toBe(0);
    expect(terminal.words).toContain(words);
  });

  test("check reports repeated unique-ids and a wrong count", async () => {
    await using server = await annsServer({
      faults: [
        { on: "UIDL", reply: "+OK\r\n1 same\r\n2 same\r\n.\r\n" },
        { on: "STAT", reply: "+OK 3 100\r\n" },
      ],
    });
    const terminal = new Terminal();
    expect(await terminal.run("check", urlOf(server))).toBe(0);
    expect(terminal.words).toContain("1 of 2 are not unique");
    expect(terminal.words).toContain("STAT counts 3, LIST has 2.");
  });
});

describe("listings with malformed lines", () => {
  test("check prints each malformed line and uses the others", async () => {
    await using server = await annsServer({
      faults: [
        { on: "LIST", reply: "+OK\r\n1 22\r\n2 -1\r\n.\r\n" },
        { on: "UIDL", reply: "+OK\r\n1 a\r\n2 b c\r\n.\r\n" },
      ],
    });
    const terminal = new Terminal();
    expect(await terminal.run("check", urlOf(server))).toBe(0);
    expect(terminal.words).toContain('LIST has a malformed line, "2 -1": no size follows the number.');
    expect(terminal.words).toContain("1, all different");
    expect(terminal.words).toContain('UIDL has a malformed line, "2 b c": the unique-id has a space in it.');
    expect(terminal.words).toContain("it is retrieved in every run");
    expect(terminal.words).not.toContain("STAT counts");
  });

  test("a maildrop with only malformed lines is not empty", async () => {
    const bad = (id: string): string => `+OK\r\n${[1, 2].map((n) => `${String(n)} ${id}\r\n`).join("")}.\r\n`;
    await using server = await annsServer({
      faults: [
        { on: "LIST", reply: bad("x") },
        { on: "UIDL", reply: bad("b c") },
      ],
    });
    const terminal = new Terminal();
    expect(await terminal.run("check", urlOf(server), "--json")).toBe(0);
    expect(terminal.json[0]).toMatchObject({ ok: true, messages: 2, uids: "none" });
    expect(terminal.json[0]?.["malformed"]).toHaveLength(4);
  });

  test("a listing without a readable line is a failure", async () => {
    await using server = await annsServer({ faults: [{ on: "UIDL", reply: "+OK\r\n<html>\r\n.\r\n" }] });
    const terminal = new Terminal();
    expect(await terminal.run("check", urlOf(server))).toBe(69);
    expect(terminal.words).toContain("POP3_BAD_LISTING");
  });
});

describe("the step that fails", () => {
  const login: [string, Pop3ServerOptions, number, string][] = [
    [
      "a wrong password",
      { users: { ann: { pass: "other" } } },
      77,
      "The server does not accept this user name with this password.",
    ],
    ["a locked maildrop", refusing("[IN-USE] locked"), 75, "Another session uses the mailbox."],
    [
      "a login that comes too soon",
      refusing("[LOGIN-DELAY] later"),
      75,
      "It is too soon after the last login.",
    ],
    ["disabled passwords", refusing("Basic authentication is disabled."), 77, "Use OAuth2 (--token-command)"],
    [
      "a temporary problem",
      refusing("[SYS/TEMP] Temporary system problem"),
      75,
      "Google has a temporary problem",
    ],
  ];
  test.each(login)("check explains %s at the login", async (_, options, code, words) => {
    await using server = await annsServer(options);
    const terminal = new Terminal();
    expect(await terminal.run("check", urlOf(server))).toBe(code);
    expect(stepsOf(terminal).at(-1)).toBe("FAIL login");
    expect(terminal.words).toContain(words);
  });

  const faults: [string, Fault, string, number, string][] = [
    [
      "POP that is off, which shows after the login",
      { on: "STAT", reply: "-ERR [SYS/PERM] Your account is not enabled for POP access.\r\n" },
      ...(["FAIL mailbox", 69, "Gmail: The login was right, but POP is turned off"] as const),
    ],
    [
      "an IMAP server",
      { on: "greeting", reply: "* OK IMAP4rev1\r\n" },
      "FAIL greeting",
      69,
      "This is an IMAP server.",
    ],
    [
      "an SMTP server",
      { on: "greeting", reply: "220 mx ESMTP\r\n" },
      "FAIL greeting",
      69,
      "This is an SMTP server.",
    ],
    [
      "a web server",
      { on: "greeting", reply: "HTTP/1.1 400 Bad\r\n" },
      "FAIL greeting",
      69,
      "This is a web server.",
    ],
    [
      "a greeting that refuses",
      { on: "greeting", reply: "-ERR [SYS/TEMP] no\r\n" },
      "FAIL greeting",
      75,
      "internal problem",
    ],
    [
      "a connection that closes after PASS",
      { on: "APOP", close: 0 },
      "FAIL login",
      77,
      "some servers answer a wrong password",
    ],
    ["a connection that closes after UIDL", { on: "UIDL", close: 0 }, "FAIL unique-ids", 69, "POP3_CLOSED"],
  ];
  test.each(faults)("check explains %s", async (_, fault, step, code, words) => {
    await using server = await annsServer({ faults: [fault] });
    const terminal = new Terminal();
    expect(await terminal.run("check", urlOf(server))).toBe(code);
    expect(stepsOf(terminal).at(-1)).toBe(step);
    expect(terminal.words).toContain(words);
    expect(terminal.words).not.toContain("secret");
  });

  test("check explains an unknown authority, a wrong name and an expired certificate", async () => {
    await using unknown = await annsServer({ tls: true });
    await using other = await annsServer({
      tls: makeCertificate({ names: ["mail.example.com"] }),
    });
    const ca = join(await newDirectory(), "ca.pem");
    await writeFile(ca, other.ca);
    const first = new Terminal();
    expect(await first.run("check", urlOf(unknown))).toBe(69);
    expect(first.words).toContain("--ca FILE");
    const past = makeCertificate({ notAfter: new Date(Date.now() - 1000) });
    await using late = await annsServer({ tls: past });
    await writeFile(`${ca}.late`, late.ca);
    const third = new Terminal();
    expect(await third.run("check", urlOf(late), "--ca", `${ca}.late`)).toBe(69);
    expect(third.words).toContain("The certificate has expired");
    const second = new Terminal();
    expect(await second.run("check", urlOf(other), "--ca", ca)).toBe(69);
    expect(second.words).toContain("The certificate is for another name");
  });

  // A ServerHello of TLS 1.2 without the extension of RFC 5746, and alerts of level 2 (RFC 8446 section 6).
  const HELLO = [
    ...Buffer.from("160303002a020000260303", "hex"),
    ...Buffer.alloc(32, 7),
    ...Buffer.from("00c02f00", "hex"),
  ];
  test.each<[string, number[], string[]]>([
    ["no secure renegotiation", HELLO, ["RFC 5746", "SSL_OP_LEGACY_SERVER_CONNECT", "Ask its operator"]],
    ["a handshake failure", [0x15, 3, 3, 0, 2, 2, 40], ["no cipher", "DEFAULT@SECLEVEL=0"]],
    ["insufficient security", [0x15, 3, 3, 0, 2, 2, 71], ["no cipher", "DEFAULT@SECLEVEL=0"]],
    ["an old version", [0x15, 3, 1, 0, 2, 2, 70], ["versions of TLS", "minVersion"]],
    ["a hello of TLS 1.0", [0x16, 3, 1, ...HELLO.slice(3, 9), 3, 1, ...HELLO.slice(11)], ["minVersion"]],
    ["a required certificate", [0x15, 3, 3, 0, 2, 2, 116], ["client certificate"]],
    ["an unknown name", [0x15, 3, 3, 0, 2, 2, 112], ["does not know this name"]],
  ])("check explains what to do about a server with %s", async (_, octets, words) => {
    await using server = await OctetServer.listen((client) => {
      client.once("data", () => client.write(Buffer.from(octets)));
    });
    const terminal = new Terminal();
    expect(await terminal.run("check", `pop3s://ann@localhost:${String(server.port)}`)).toBe(69);
    expect(terminal.words).toContain("(POP3_TLS_HANDSHAKE)");
    for (const word of words) expect(terminal.words).toContain(word);
  });

  test.each(["", "?stls=if-offered"])("check writes an IPv6 address as a URL has it%s", async (query) => {
    await using server = await annsServer({ host: "::1", stls: false });
    const terminal = new Terminal();
    await terminal.run("check", `pop3://ann@[::1]:${String(server.port)}${query || "?stls=never"}`);
    expect(terminal.words).toContain(`[::1]:${String(server.port)}, in clear text`);
    expect(terminal.words).toContain("pop3s://[::1]");
    expect(terminal.words).not.toMatch(/[^[]::1/);
  });

  test("check writes an IPv6 address as a URL has it, if a connection fails or is on the wrong port", async () => {
    const server = await annsServer({ host: "::1" });
    const { port } = server;
    const wrong = new Terminal();
    expect(await wrong.run("check", `pop3s://ann@[::1]:${String(port)}`)).toBe(69);
    expect(wrong.words).toContain(`Use pop3://[::1]:${String(port)}`);
    await server.close();
    const closed = new Terminal();
    expect(await closed.run("check", `pop3s://ann@[::1]:${String(port)}`)).toBe(69);
    expect(closed.words).toContain(`cannot connect to [::1]:${String(port)}: `);
  });

  test("check explains TLS at a port that begins without it", async () => {
    await using server = await annsServer();
    const terminal = new Terminal();
    expect(await terminal.run("check", `pop3s://ann@127.0.0.1:${String(server.port)}`)).toBe(69);
    expect(terminal.words).toContain(
      `pop3://127.0.0.1:${String(server.port)}, which turns TLS on with STLS.`,
    );
  });

  test("check explains a port at which nothing listens", async () => {
    const server = await annsServer();
    await server.close();
    const terminal = new Terminal();
    expect(await terminal.run("check", urlOf(server))).toBe(69);
    expect(terminal.words).toContain("Nothing listens at that port.");
  });

  test("check explains a server without STLS", async () => {
    await using server = await annsServer({ stls: false });
    const terminal = new Terminal();
    expect(await terminal.run("check", `pop3://ann@127.0.0.1:${String(server.port)}`)).toBe(69);
    expect(terminal.words).toContain("The server does not offer STLS. Try pop3s://");
  });

  test("a signal stops check", async () => {
    await using server = await annsServer({ faults: [{ on: "greeting", stall: 0 }] });
    const terminal = new Terminal();
    const code = terminal.run("check", urlOf(server));
    while (server.unusedFaults.length > 0) await new Promise((resolve) => setImmediate(resolve));
    terminal.signal.abort();
    expect(await code).toBe(75);
  });
});

describe("control characters from a server", () => {
  // A colour, a colour with C1, and text with reversed direction.
  const HOSTILE = "\x1b[31m \u009b31m \u202e\u2066";
  // All characters that control a terminal, except line breaks.
  const RAW = /[\0-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/;

  test.each<[string, Pop3ServerOptions, number]>([
    ["the greeting", { faults: [{ on: "greeting", nth: "every", reply: `+OK ${HOSTILE}\r\n` }] }, 0],
    ["the names of mechanisms", { capabilities: () => ["USER", `SASL ${HOSTILE}`] }, 0],
    [
      "a greeting that is not POP3",
      { faults: [{ on: "greeting", nth: "every", reply: `* ${HOSTILE}\r\n` }] },
      69,
    ],
    [
      "a greeting that refuses",
      { faults: [{ on: "greeting", nth: "every", reply: `-ERR ${HOSTILE}\r\n` }] },
      75,
    ],
    ["a login that is refused", refusing(HOSTILE), 77],
  ])("are escaped in %s", async (_, options, code) => {
    await using server = await annsServer(options);
    for (const more of [[], ["--json"]]) {
      const terminal = new Terminal();
      expect(await terminal.run("check", urlOf(server), ...more)).toBe(code);
      expect(terminal.out + terminal.err).not.toMatch(RAW);
      expect(terminal.out).toMatch(
        more.length === 0 ? /\\x1b\[31m[\s,]+\\x9b31m[\s,]+\\u202e\\u2066/i : /\\u(?:001b|202e)|\\x1b/i,
      );
    }
  });

  test("are complete in the JSON output", async () => {
    await using server = await annsServer({
      capabilities: () => ["USER", `SASL ${HOSTILE}`],
      faults: [{ on: "greeting", reply: `+OK ${HOSTILE}\r\n` }],
    });
    const terminal = new Terminal();
    expect(await terminal.run("check", urlOf(server), "--json")).toBe(0);
    expect(terminal.json[0]).toMatchObject({ greeting: HOSTILE, capabilities: { SASL: HOSTILE } });
  });
});

describe("check --json", () => {
  test("prints the results of a server without faults", async () => {
    await using server = await annsServer();
    const terminal = new Terminal();
    expect(await terminal.run("check", urlOf(server), "--json")).toBe(0);
    expect(terminal.json).toHaveLength(1);
    expect(terminal.json[0]).toMatchObject({
      ...{ ok: true, host: "127.0.0.1", port: server.port, user: "ann", tls: null, login: true },
      ...{ messages: 2, octets: 52, uids: "unique" },
      capabilities: { UIDL: "", SASL: "PLAIN LOGIN" },
    });
  });

  test("prints the meaning of a refused login", async () => {
    await using server = await Pop3Server.listen(refusing("[IN-USE] locked"));
    const terminal = new Terminal();
    expect(await terminal.run("check", urlOf(server), "--json")).toBe(75);
    const [{ ok, steps } = {}] = terminal.json;
    expect(ok).toBe(false);
    expect((steps as object[]).at(-1)).toMatchObject({
      ...{ step: "login", ok: false, error: { code: "POP3_TEMPORARY", responseCode: "IN-USE" } },
      means: { id: "in-use", kind: "locked", passes: true },
    });
  });
});

function refusing(refusal: string): Pop3ServerOptions {
  return { users: { ann: { pass: "secret", refusal } } };
}
