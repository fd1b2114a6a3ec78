// What real servers do with CAPA, and what becomes of it here.
import { expect } from "vitest";
import { Pop3Client } from "popwright";
import { toScript } from "../support/ann.ts";
import { codeOf } from "../support/outcome.ts";
import { base64, SECRET } from "../support/secret.ts";
import { ScriptedServer, type Step } from "../support/scripted-server.ts";
import type { Row } from "./row.ts";
import { octets, session } from "./steps.ts";

const listed = (...lines: readonly string[]): readonly Step[] => [
  "C: CAPA",
  "S: +OK",
  ...lines.map((line) => `S: ${line}`),
  "S: .",
];
const NO_CAPA = ["C: CAPA", "S: -ERR unknown command"] as const;
const LOGIN = ["C: USER ann", "S: +OK", `C: PASS ${SECRET}`, "S: +OK"] as const;
const BY_USER = { auth: { user: "ann", pass: SECRET, mechanism: "USER" } } as const;

/** What the server lists before the login, read by `look`. */
function lists(
  row: string,
  name: string,
  lines: readonly string[],
  look: (capabilities: Pop3Client["capabilities"]) => unknown,
  gives: unknown,
): Row {
  return {
    row,
    name,
    server: ["S: +OK hello", ...listed(...lines)],
    noLogin: true,
    calls: ({ capabilities }) => Promise.resolve(look(capabilities)),
    gives,
    leaves: "authorization",
  };
}

export const QUIRKS_CAPABILITIES: readonly Row[] = [
  {
    row: "Q.17",
    name: "CAPA is refused: USER is taken, and whether there is UIDL is found out by asking",
    server: ["S: +OK", ...NO_CAPA, ...LOGIN, ...NO_CAPA, "C: UIDL", "S: +OK", "S: 1 a", "S: ."],
    calls: (client) => client.supports("UIDL"),
    gives: true,
    leaves: "transaction",
  },
  ...["* close", "* reset"].map((end): Row => ({
    row: "Q.18",
    name: `CAPA is answered by ${end.slice(2)}: a second connection does not ask for it`,
    play: async () => {
      await using server = await ScriptedServer.listen(["S: +OK hello", /^(?:CAPA|USER ann)$/, end]);
      const auth = { user: "ann", pass: SECRET };
      const code = await codeOf(Pop3Client.connect(toScript(server, { auth })));
      expect(["POP3_CLOSED", "POP3_RESET"]).toContain(code);
      expect(server.lines).toEqual(["CAPA", "USER ann"]);
    },
  })),
  {
    row: "Q.18",
    name: "CAPA is not answered at all",
    differs:
      "no second connection is made by itself: the error says what is not answered, and `capa: false` helps",
    server: ["S: +OK hello", "C: CAPA"],
    elapses: 60_000,
    secret: "nowhere",
    fails: "POP3_COMMAND_TIMEOUT",
    error: { command: "CAPA" },
  },
  {
    row: "Q.18",
    name: "a server that must not be asked for CAPA: a session without it; an explicit capa() still asks",
    server: ["S: +OK hello", ...LOGIN, "C: LIST 1", "S: +OK 1 120", ...listed("UIDL")],
    options: { capa: false },
    calls: async (client) => [await client.list(1), (await client.capa()).uidl],
    gives: [120, true],
    leaves: "transaction",
  },
  {
    row: "Q.19",
    name: "CAPA is known before the login and refused after it: the first list stays valid",
    server: ["S: +OK hello", ...listed("TOP", "UIDL", "USER"), ...LOGIN, ...NO_CAPA],
    calls: ({ capabilities: { top, uidl } }) => Promise.resolve([top, uidl]),
    gives: [true, true],
    leaves: "transaction",
  },
  {
    row: "Q.19",
    name: "CAPA is refused before the login and known after it",
    server: ["S: +OK hello", ...NO_CAPA, ...LOGIN, ...listed("TOP", "UIDL")],
    calls: ({ capabilities: { top, uidl } }) => Promise.resolve([top, uidl]),
    gives: [true, true],
    leaves: "transaction",
  },
  {
    row: "Q.20",
    name: "other capabilities after the login: only the latest count",
    server: [
      ...["S: +OK hello", ...listed("USER", "UIDL", "SASL XOAUTH2", "EXPIRE 31 USER", "UTF8"), ...LOGIN],
      ...listed("UIDL", "PIPELINING", "EXPIRE NEVER", "XOIP", "IMPLEMENTATION Z Server"),
    ],
    options: BY_USER,
    calls: async ({ capabilities }) => {
      const { sasl, pipelining, expire, implementation, utf8, all } = capabilities;
      return Promise.resolve([sasl, pipelining, expire, implementation, utf8, all.has("XOIP")]);
    },
    gives: [[], true, { days: "never", perUser: false }, "Z Server", undefined, true],
    leaves: "transaction",
  },
  {
    row: "Q.21",
    name: "UIDL is listed after the login only",
    server: [
      ...["S: +OK hello", ...listed("USER"), ...LOGIN, ...listed("UIDL")],
      ...["C: UIDL 1", "S: +OK 1 a"],
    ],
    calls: async (client) => [await client.supports("UIDL"), await client.uidl(1)],
    gives: [true, "a"],
    leaves: "transaction",
  },
  {
    row: "Q.22",
    name: "UIDL is not listed, and works: asked once",
    differs:
      "all of UIDL is asked for, not `UIDL 1`: an empty maildrop answers that as well, and the answer is kept",
    server: [
      ...[
        "S: +OK hello",
        ...listed("USER"),
        ...LOGIN,
        ...listed("TOP"),
        "C: UIDL",
        "S: +OK",
        "S: 1 a",
        "S: .",
      ],
    ],
    calls: async (client) => [await client.supports("UIDL"), await client.supports("UIDL")],
    gives: [true, true],
    leaves: "transaction",
  },
  {
    row: "Q.22",
    name: "UIDL is not listed, and refused: asked once",
    server: session("C: UIDL", "S: -ERR unknown command"),
    calls: async (client) => [await client.supports("UIDL"), await client.supports("UIDL")],
    gives: [false, false],
    leaves: "transaction",
  },
  ...["not listed", "listed"].map((how): Row => ({
    row: how === "listed" ? "Q.24" : "Q.23",
    name: `TOP is ${how}, and refused`,
    differs:
      "it rejects and goes no other way: a whole message is more than the caller asked for, and some servers count a RETR",
    server: [
      ...["S: +OK hello", ...NO_CAPA, ...LOGIN, ...listed("UIDL", ...(how === "listed" ? ["TOP"] : []))],
      ...["C: TOP 1 0", "S: -ERR unknown command", "C: RETR 1", "S: +OK", "S: Subject: a", "S: ."],
    ],
    calls: async (client) => {
      await expect(client.top(1)).rejects.toMatchObject({ code: "POP3_REFUSED", text: "unknown command" });
      return client.retr(1);
    },
    gives: octets("Subject: a\r\n"),
    leaves: "transaction",
  })),
  {
    row: "Q.25",
    name: "an empty list is not an error, and USER is left",
    server: ["S: +OK hello", ...listed(), ...LOGIN, ...listed()],
    calls: ({ capabilities: { all } }) => Promise.resolve(all.size),
    gives: 0,
    leaves: "transaction",
  },
  lists(
    "Q.26",
    "a line that begins with a dot is not the end",
    [".X-DOT", "..X-DOTS", "UIDL"],
    ({ all }) => [...all.keys()],
    ["X-DOT", ".X-DOTS", "UIDL"],
  ),
  lists(
    "Q.27",
    "unknown names, lower case, blanks at the end, parameters",
    ["X-GOOGLE-RICO", "uidl  ", "Xoip a b ", "x-zimbra"],
    ({ all, uidl }) => [uidl, [...all]],
    [
      true,
      [
        ["X-GOOGLE-RICO", ""],
        ["UIDL", ""],
        ["XOIP", "a b"],
        ["X-ZIMBRA", ""],
      ],
    ],
  ),
  ...(
    [
      ["EXPIRE 0", { days: 0, perUser: false }],
      ["EXPIRE NEVER", { days: "never", perUser: false }],
      ["EXPIRE 31 USER", { days: 31, perUser: true }],
      ["EXPIRE soon", undefined],
      ["EXPIRE", undefined],
    ] as const
  ).map(([line, value]) => lists("Q.28", line, [line], ({ expire }) => expire, value)),
  ...(
    [
      ["LOGIN-DELAY 300", { seconds: 300, perUser: false }],
      ["LOGIN-DELAY -1", undefined],
      ["LOGIN-DELAY", undefined],
    ] as const
  ).map(([line, value]) => lists("Q.28", line, [line], ({ loginDelay }) => loginDelay, value)),
  lists("Q.28", "IMPLEMENTATION alone", ["IMPLEMENTATION"], (each) => each.implementation, undefined),
  {
    row: "Q.29",
    name: "SASL without mechanisms: what is not listed is not tried",
    server: ["S: +OK hello", ...listed("SASL")],
    options: { auth: { user: "ann", pass: SECRET, mechanism: "PLAIN" } },
    secret: "nowhere",
    fails: "POP3_AUTH_NO_MECHANISM",
  },
  {
    row: "Q.29",
    name: "SASL without mechanisms: what is not listed is tried for who insists",
    server: [
      ...["S: +OK hello", ...listed("SASL"), `C: AUTH PLAIN ${base64(`\0ann\0${SECRET}`)}`, "S: +OK"],
      ...NO_CAPA,
    ],
    options: { auth: { user: "ann", pass: SECRET, mechanism: "PLAIN", force: true } },
    leaves: "transaction",
  },
  lists(
    "Q.30",
    "IMPLEMENTATION of several words",
    ["IMPLEMENTATION Cyrus POP3  server v3.8"],
    ({ implementation }) => implementation,
    "Cyrus POP3  server v3.8",
  ),
  lists(
    "Q.31",
    "values after an equals sign",
    ["SASL=PLAIN LOGIN", "UTF8=USER", "EXPIRE=7"],
    ({ sasl, utf8, expire }) => [sasl, utf8, expire],
    [["PLAIN", "LOGIN"], { user: true }, { days: 7, perUser: false }],
  ),
  {
    row: "Q.32",
    name: "CAPA without end",
    server: ["S: +OK hello", "C: CAPA", "S: +OK", octets("X-MORE\r\n".repeat(10_000))],
    secret: "nowhere",
    fails: "POP3_RESPONSE_TOO_LARGE",
  },
];
