import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { Accounts } from "../../src/testing/accounts.ts";
import { ann, hear, linesOf, play, sessionOf, TIMESTAMP, type Setting } from "./dialogue.ts";

function expectDialogue(written: string, setting?: Setting): void {
  expect(play(sessionOf(setting), written)).toEqual(linesOf(written));
}

const digest = (secret: string): string => createHash("md5").update(`${TIMESTAMP}${secret}`).digest("hex");
const base64 = (text: string): string => Buffer.from(text).toString("base64");
const LOGIN = "USER ann\r\nPASS se cret\r\n";

describe("a session as in RFC 1939", () => {
  it("greets with its timestamp", () => {
    expect(sessionOf().greeting().line).toBe(`+OK popwright test server ready ${TIMESTAMP}`);
    expect(sessionOf({ apop: false, greeting: "hello" }).greeting().line).toBe("+OK hello");
    expect(sessionOf({ apop: false, greeting: "" }).greeting().line).toBe("+OK");
  });

  it("goes from login to QUIT", () => {
    expectDialogue(`
      C: USER ann
      S: +OK send PASS
      C: PASS se cret
      S: +OK logged in
      C: STAT
      S: +OK 2 54
      C: LIST
      S: +OK 2 messages
      S: 1 32
      S: 2 22
      S: .
      C: LIST 2
      S: +OK 2 22
      C: UIDL
      S: +OK 2 messages
      S: 1 uid-1
      S: 2 uid-2
      S: .
      C: UIDL 1
      S: +OK 1 uid-1
      C: RETR 1
      S: +OK 32 octets
      S: Subject: one
      S: 
      S: first
      S: ..second
      S: .
      C: RETR 2
      S: +OK 22 octets
      S: Subject: two
      S: 
      S: last
      S: .
      C: NOOP
      S: +OK
      C: QUIT
      S: +OK bye
      * close
    `);
  });

  it("keeps the numbers, and hides marked messages until RSET", () => {
    expectDialogue(`
      C: USER ann
      S: +OK send PASS
      C: PASS se cret
      S: +OK logged in
      C: DELE 1
      S: +OK marked as deleted
      C: DELE 1
      S: -ERR no such message
      C: STAT
      S: +OK 1 22
      C: LIST
      S: +OK 1 messages
      S: 2 22
      S: .
      C: UIDL
      S: +OK 1 messages
      S: 2 uid-2
      S: .
      C: LIST 1
      S: -ERR no such message
      C: UIDL 1
      S: -ERR no such message
      C: RETR 1
      S: -ERR no such message
      C: TOP 1 0
      S: -ERR no such message
      C: RSET
      S: +OK nothing is marked
      C: STAT
      S: +OK 2 54
    `);
  });

  it("returns the top of a message", () => {
    expectDialogue(`
      C: USER ann
      S: +OK send PASS
      C: PASS se cret
      S: +OK logged in
      C: TOP 1 0
      S: +OK the top follows
      S: Subject: one
      S: 
      S: .
      C: TOP 1 1
      S: +OK the top follows
      S: Subject: one
      S: 
      S: first
      S: .
      C: TOP 1 9999999999
      S: +OK the top follows
      S: Subject: one
      S: 
      S: first
      S: ..second
      S: .
      C: TOP 2 1
      S: +OK the top follows
      S: Subject: two
      S: 
      S: last
      S: .
    `);
  });

  it("returns the top of messages without headers, body, or CRLF", () => {
    const messages = [
      "\r\na\r\nb\r\n",
      "Subject: x\r\n",
      "Subject: x\n\na\nb\n",
      "Subject: x\r\n\r\n\r\n\r\nb",
    ];
    const session = sessionOf({ users: { ann: { pass: "se cret", messages } } });
    hear(session, LOGIN);
    const tops = [1, 2, 3, 4].map((number) => hear(session, `TOP ${String(number)} 1\r\n`).slice(1));
    expect(tops).toEqual([
      ["S: ", "S: a", "S: ."],
      ["S: Subject: x", "S: ."],
      ["S: Subject: x\n\na\nb\n", "S: ."],
      ["S: Subject: x", "S: ", "S: ", "S: ."],
    ]);
  });

  it("serves an empty maildrop and an empty message", () => {
    const users = { ann: { pass: "x" }, bob: { pass: "x", messages: [""] } };
    expectDialogue(
      `
      C: USER ann
      S: +OK send PASS
      C: PASS x
      S: +OK logged in
      C: STAT
      S: +OK 0 0
      C: LIST
      S: +OK 0 messages
      S: .
      C: UIDL
      S: +OK 0 messages
      S: .
    `,
      { users },
    );
    expectDialogue(
      `
      C: USER bob
      S: +OK send PASS
      C: PASS x
      S: +OK logged in
      C: LIST 1
      S: +OK 1 0
      C: RETR 1
      S: +OK 0 octets
      S: .
    `,
      { users },
    );
  });

  it("accepts verbs in any case, and rejects invalid arguments", () => {
    expectDialogue(`
      C: user ann
      S: +OK send PASS
      C: pass se cret
      S: +OK logged in
      C: Retr 0
      S: -ERR no such message
      C: RETR 3
      S: -ERR no such message
      C: RETR
      S: -ERR wrong arguments
      C: RETR x
      S: -ERR wrong arguments
      C: RETR -1
      S: -ERR wrong arguments
      C: RETR 1 2
      S: -ERR wrong arguments
      C: RETR 99999999999
      S: -ERR wrong arguments
      C: TOP 1
      S: -ERR wrong arguments
      C: TOP 1 -1
      S: -ERR wrong arguments
      C: STAT 1
      S: -ERR wrong arguments
      C: LIST 01
      S: +OK 1 32
      C: 
      S: -ERR unknown command
      C: XTND XMIT
      S: -ERR unknown command
    `);
  });

  it("requires the right password, and USER before each PASS", () => {
    expectDialogue(`
      C: PASS se cret
      S: -ERR USER comes first
      C: USER ann
      S: +OK send PASS
      C: PASS wrong
      S: -ERR [AUTH] wrong user name or password
      C: PASS se cret
      S: -ERR USER comes first
      C: USER nobody
      S: +OK send PASS
      C: PASS se cret
      S: -ERR [AUTH] wrong user name or password
      C: USER ann
      S: +OK send PASS
      C: USER ann
      S: +OK send PASS
      C: PASS se cret
      S: +OK logged in
    `);
  });

  it("accepts APOP with the digest of its timestamp", () => {
    expectDialogue(`
      C: APOP ann ${digest("wrong")}
      S: -ERR [AUTH] wrong user name or password
      C: APOP nobody ${digest("")}
      S: -ERR [AUTH] wrong user name or password
      C: APOP ann ${digest("se cret")}
      S: +OK logged in
    `);
    expectDialogue(`C: APOP ann ${digest("se cret")}\nS: -ERR unknown command`, { apop: false });
  });
});

const COMMANDS = [
  "CAPA",
  "NOOP",
  "STLS",
  "UTF8",
  "LANG",
  "LANG en",
  "USER ann",
  "PASS se cret",
  `APOP ann ${digest("se cret")}`,
  `AUTH PLAIN ${base64("\0ann\0se cret")}`,
  "STAT",
  "LIST",
  "LIST 1",
  "UIDL",
  "UIDL 1",
  "RETR 1",
  "TOP 1 0",
  "DELE 1",
  "RSET",
  "QUIT",
  "XTND",
];

describe("every command in every state", () => {
  const STATES: readonly [state: string, before: string, accepted: readonly string[]][] = [
    ["AUTHORIZATION", "", ["CAPA", "STLS", "UTF8", "LANG", "USER", "APOP", "AUTH", "QUIT"]],
    [
      "AUTHORIZATION after USER",
      "USER ann\r\n",
      ["CAPA", "STLS", "UTF8", "LANG", "USER", "PASS", "APOP", "AUTH", "QUIT"],
    ],
    [
      "TRANSACTION",
      LOGIN,
      ["CAPA", "LANG", "NOOP", "STAT", "LIST", "UIDL", "RETR", "TOP", "DELE", "RSET", "QUIT"],
    ],
    ["an AUTH exchange", "AUTH PLAIN\r\n", []],
  ];
  it.each(STATES)("is accepted or refused as the RFCs say: %s", (_, before, accepted) => {
    const taken = COMMANDS.filter((command) => {
      const session = sessionOf();
      hear(session, before);
      return hear(session, `${command}\r\n`)[0]?.startsWith("S: +OK");
    });
    expect(taken).toEqual(COMMANDS.filter((command) => accepted.includes(command.split(" ")[0] ?? "")));
  });
});

describe("capabilities (RFC 2449)", () => {
  const capa = (setting?: Setting, before = ""): string[] => {
    const session = sessionOf(setting);
    if (before !== "") hear(session, before);
    return hear(session, "CAPA\r\n").slice(1, -1);
  };

  it("are listed in both states; STLS only if it is possible", () => {
    const standard = [
      "TOP",
      "UIDL",
      "USER",
      "SASL PLAIN LOGIN",
      "STLS",
      "PIPELINING",
      "RESP-CODES",
      "AUTH-RESP-CODE",
      "UTF8 USER",
      "LANG",
      "IMPLEMENTATION popwright",
    ].map((line) => `S: ${line}`);
    const withoutStls = standard.filter((line) => line !== "S: STLS");
    expect(capa()).toEqual(standard);
    expect(capa({}, LOGIN)).toEqual(withoutStls);
    expect(capa({}, "STLS\r\n")).toEqual(withoutStls);
    expect(capa({ secure: true })).toEqual(withoutStls);
    expect(capa({ stls: false })).toEqual(withoutStls);
  });

  it("follow from the options", () => {
    expect(capa({ requireTls: true })).not.toContain("S: USER");
    expect(capa({ requireTls: true })).not.toContain("S: SASL PLAIN LOGIN");
    expect(capa({ requireTls: true, secure: true })).toContain("S: USER");
    expect(capa({ loginDelay: 900 })).toContain("S: LOGIN-DELAY 900");
    expect(
      capa({
        top: false,
        uidl: false,
        user: false,
        sasl: [],
        stls: false,
        pipelining: false,
        utf8: false,
        lang: false,
      }),
    ).toEqual(["S: RESP-CODES", "S: AUTH-RESP-CODE", "S: IMPLEMENTATION popwright"]);
  });

  it("can be added, replaced and omitted", () => {
    expect(capa({ capabilities: ["X-ONE", "X-TWO"] }).slice(-2)).toEqual(["S: X-ONE", "S: X-TWO"]);
    const asked: unknown[] = [];
    const setting: Setting = {
      capabilities: (question) => {
        asked.push([question.state, question.secure, question.user, question.standard.includes("STLS")]);
        return ["TOP"];
      },
    };
    expect(capa(setting)).toEqual(["S: TOP"]);
    expect(capa(setting, LOGIN)).toEqual(["S: TOP"]);
    expect(asked).toEqual([
      ["AUTHORIZATION", false, undefined, true],
      ["TRANSACTION", false, "ann", false],
    ]);
    expectDialogue("C: CAPA\nS: -ERR unknown command", { capabilities: false });
  });

  it("make a command unknown if they are switched off", () => {
    const setting = { top: false, uidl: false, user: false, sasl: [], stls: false, utf8: false, lang: false };
    const off = ["USER ann", "PASS x", "AUTH PLAIN", "STLS", "UTF8", "LANG"];
    for (const command of off) expectDialogue(`C: ${command}\nS: -ERR unknown command`, setting);
    const session = sessionOf(setting);
    hear(session, `APOP ann ${digest("se cret")}\r\n`);
    expect(hear(session, "UIDL\r\nTOP 1 0\r\n")).toEqual([
      "S: -ERR unknown command",
      "S: -ERR unknown command",
    ]);
  });
});

describe("STLS (RFC 2595)", () => {
  it("is accepted once, and forgets the commands before it", () => {
    expectDialogue(`
      C: USER ann
      S: +OK send PASS
      C: STLS
      S: +OK begin TLS
      * starttls
      C: PASS se cret
      S: -ERR USER comes first
      C: STLS
      S: -ERR TLS is already active
    `);
  });

  it("ends the session if octets follow in clear text", () => {
    for (const after of ["USER ann\r\n", "\r\n", "x", "\0"]) {
      expect(hear(sessionOf(), `STLS\r\n${after}`)).toEqual(["S: -ERR bytes after STLS", "* close"]);
    }
  });

  it("is refused after UTF8 (RFC 6856)", () => {
    expectDialogue("C: UTF8\nS: +OK UTF8 is on\nC: STLS\nS: -ERR STLS is not allowed after UTF8");
  });

  it("is required for login with the option", () => {
    expectDialogue(
      `
      C: USER ann
      S: -ERR not without TLS
      C: PASS se cret
      S: -ERR not without TLS
      C: APOP ann ${digest("se cret")}
      S: -ERR not without TLS
      C: AUTH PLAIN ${base64("\0ann\0se cret")}
      S: -ERR not without TLS
      C: STLS
      S: +OK begin TLS
      * starttls
      C: USER ann
      S: +OK send PASS
    `,
      { requireTls: true },
    );
  });
});

describe("UTF8 (RFC 6856)", () => {
  it("has no argument, can be repeated, and precedes the login", () => {
    expectDialogue(`
      C: UTF8 on
      S: -ERR wrong arguments
      C: UTF8
      S: +OK UTF8 is on
      C: UTF8
      S: +OK UTF8 is on
      C: USER ann
      S: +OK send PASS
      C: UTF8
      S: +OK UTF8 is on
      C: PASS se cret
      S: +OK logged in
      C: UTF8
      S: -ERR not in the TRANSACTION state
    `);
  });
});

describe("LANG (RFC 6856)", () => {
  it("lists one language", () => {
    expectDialogue(`
      C: LANG
      S: +OK languages follow
      S: en English
      S: .
      C: LANG EN
      S: +OK en the language is English
      C: LANG *
      S: +OK en the language is English
      C: LANG i-default
      S: +OK en the language is English
      C: LANG de
      S: -ERR no such language
      C: LANG en de
      S: -ERR no such language
    `);
  });
});

describe("two sessions", () => {
  it("open a maildrop one after the other", () => {
    const accounts = new Accounts({ ann }, true);
    const first = sessionOf({ accounts });
    const second = sessionOf({ accounts });
    hear(first, LOGIN);
    const inUse = "S: -ERR [IN-USE] another session has the maildrop";
    expect(hear(second, LOGIN)[1]).toBe(inUse);
    hear(first, "DELE 1\r\n");
    first.end();
    expect(hear(second, `${LOGIN}STAT\r\n`)[2]).toBe("S: +OK 2 54");
    expect(hear(sessionOf({ accounts }), LOGIN)[1]).toBe(inUse);
    hear(second, "DELE 1\r\nQUIT\r\n");
    expect(hear(sessionOf({ accounts }), `${LOGIN}STAT\r\n`)[2]).toBe("S: +OK 1 22");
  });

  it("are separated by the login delay", () => {
    let time = 1_000_000;
    const accounts = new Accounts({ ann }, true);
    const setting = { accounts, loginDelay: 60, now: () => time };
    expect(hear(sessionOf(setting), `${LOGIN}QUIT\r\n`)).toContain("S: +OK logged in");
    time += 59_999;
    const refused = "S: -ERR [LOGIN-DELAY] 60 seconds must pass between two logins";
    expect(hear(sessionOf(setting), LOGIN)[1]).toBe(refused);
    time += 1;
    expect(hear(sessionOf(setting), LOGIN)[1]).toBe("S: +OK logged in");
  });

  it("change nothing if they send QUIT before login", () => {
    const accounts = new Accounts({ ann }, true);
    expect(hear(sessionOf({ accounts }), "QUIT\r\n")).toEqual(["S: +OK bye", "* close"]);
    expect(hear(sessionOf({ accounts }), `${LOGIN}STAT\r\n`)[2]).toBe("S: +OK 2 54");
  });
});

describe("lines", () => {
  it("can be cut anywhere, and arrive together", () => {
    const octets = Buffer.from(
      `USER ann\r\nPASS wrong\r\nAUTH LOGIN\r\n${base64("ann")}\r\n${base64("se cret")}\r\nLIST\r\nRETR 1\r\nDELE 2\r\nSTAT\r\nQUIT\r\n`,
    );
    const whole = hear(sessionOf(), octets);
    expect(whole.at(-1)).toBe("* close");
    for (let cut = 0; cut <= octets.length; cut++) {
      const session = sessionOf();
      const said = hear(session, octets.subarray(0, cut));
      said.push(...hear(session, octets.subarray(cut)));
      expect(said).toEqual(whole);
    }
    const session = sessionOf();
    expect(Array.from(octets, (octet) => hear(session, Buffer.from([octet]))).flat()).toEqual(whole);
  });

  it("have at most 255 octets, and answers to challenges 16,384", () => {
    const session = sessionOf();
    expect(hear(session, `USER ${"x".repeat(248)}\r\n`)).toEqual(["S: +OK send PASS"]);
    expect(hear(session, `USER ${"x".repeat(249)}\r\n`)).toEqual(["S: -ERR the command line is too long"]);
    expect(hear(session, `AUTH PLAIN ${"A".repeat(244)}\r\n`)).toEqual([
      "S: -ERR the command line is too long",
    ]);
    hear(session, "AUTH PLAIN\r\n");
    expect(hear(session, `${"A".repeat(16_380)}\r\n`)).toEqual([
      "S: -ERR [AUTH] wrong user name or password",
    ]);
    hear(session, "AUTH PLAIN\r\n");
    expect(hear(session, "A".repeat(16_385))).toEqual(["S: -ERR invalid line", "* close"]);
    expect(hear(session, "QUIT\r\n")).toEqual([]);
  });

  it("can contain neither NUL nor bare LF", () => {
    for (const line of ["NOOP\n", "NO\0OP\r\n"]) {
      expect(hear(sessionOf(), `${line}QUIT\r\n`)).toEqual(["S: -ERR invalid line", "* close"]);
    }
  });
});
