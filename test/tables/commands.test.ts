// A command is complete when it is in each table of the tests, in the server for tests, and in the documentation.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { commandOf } from "../../src/testing/client-line.ts";
import { hear, sessionOf } from "../testing/dialogue.ts";
import {
  callsOn,
  exportedFunctions,
  firstColumn,
  methodsOf,
  methodsWithArguments,
  root,
  stringsIn,
  stringsOf,
} from "./source.ts";

const CLIENT = "src/client.ts";
const COMMANDS = "src/protocol/commands.ts";

const METHODS = methodsOf(CLIENT, "Pop3Client");
const FACTORIES = exportedFunctions(COMMANDS);

interface Table {
  readonly question: string;
  readonly file: string;
  /** The constants that are the table. */
  readonly constants: readonly string[];
  /** The methods that it is about. @default all */
  readonly methods?: readonly string[];
  /** Methods that need a test of another form: the file in which it is, or why there is nothing to test. */
  readonly elsewhere: Readonly<Record<string, string>>;
}

const LOGIN = "test/client/login/login.test.ts";
const BY_HAND = "test/faults/giving-up-by-hand.test.ts";

const TABLES: readonly Table[] = [
  {
    question: "the states in which it is allowed",
    file: "test/client/session/states.test.ts",
    constants: ["COMMANDS"],
    elsewhere: { connect: "test/client/session/states.test.ts", close: "it is allowed in each state" },
  },
  {
    question: "its wrong arguments",
    file: "test/client/session/arguments.test.ts",
    constants: ["WRONG", "WRONG_NAMES"],
    methods: methodsWithArguments(CLIENT, "Pop3Client"),
    elsewhere: { apop: "test/client/login/apop.test.ts" },
  },
  {
    question: "its misspelt options",
    file: "test/tables/option-names.test.ts",
    constants: ["TABLE"],
    elsewhere: { close: "it has no options" },
  },
  {
    question: "what it sends and returns",
    file: "test/client/session/commands.test.ts",
    constants: ["CASES"],
    elsewhere: {
      connect: "test/client/session/connect.test.ts",
      close: "it sends nothing",
      user: LOGIN,
      pass: LOGIN,
      apop: "test/client/login/apop.test.ts",
      authenticate: LOGIN,
      stls: "test/client/tls/stls.test.ts",
      utf8: "test/client/session/commands.test.ts",
      quit: "test/client/session/quit.test.ts",
      retrStream: "test/client/messages/stream.test.ts",
      retrieve: "test/client/messages/retrieve.test.ts",
      supports: "test/client/session/supports.test.ts",
    },
  },
  {
    question: "what a refusal does",
    file: "test/client/session/commands.test.ts",
    constants: ["REFUSABLE"],
    elsewhere: {
      connect: "test/client/session/end.test.ts",
      close: "it sends nothing",
      user: LOGIN,
      pass: LOGIN,
      apop: LOGIN,
      authenticate: "test/client/login/refusal.test.ts",
      stls: "test/client/tls/stls.test.ts",
      utf8: "test/client/session/commands.test.ts",
      quit: "test/client/session/quit.test.ts",
      retrStream: "test/client/messages/stream.test.ts",
      retrieve: "test/client/messages/retrieve-loop.test.ts",
      supports: "test/client/session/supports.test.ts",
    },
  },
  {
    question: "what an abort does",
    file: "test/faults/giving-up-calls.test.ts",
    constants: ["SMALL"],
    elsewhere: {
      connect: "test/faults/giving-up-connect.test.ts",
      close: "it takes no signal",
      user: BY_HAND,
      pass: BY_HAND,
      apop: BY_HAND,
      authenticate: BY_HAND,
      stls: BY_HAND,
      utf8: BY_HAND,
      quit: BY_HAND,
      retrStream: "test/faults/giving-up-streams.test.ts",
      retrieve: "test/faults/giving-up-loops.test.ts",
      supports: "test/client/session/supports.test.ts",
    },
  },
  {
    question: "its deadlines",
    file: "test/hostile/deadlines.test.ts",
    constants: ["CALLS"],
    elsewhere: { connect: "test/hostile/deadline-call.ts", close: "it waits for nothing" },
  },
];

describe.each(TABLES)("$question", ({ file, constants, methods = METHODS, elsewhere }) => {
  test("is tested for each method of the client", () => {
    const tested = callsOn("client", file, ...constants);
    const table = `${constants.join(" or ")} in ${file}`;
    expect(
      methods
        .filter((name) => !tested.has(name) && elsewhere[name] === undefined)
        .map((name) => `client.${name}() has no row: add one to ${table}`),
    ).toEqual([]);
    expect(
      Object.keys(elsewhere)
        .filter((name) => tested.has(name) || !methods.includes(name))
        .map(
          (name) => `client.${name}() is no longer an exception: remove it in test/tables/commands.test.ts`,
        ),
    ).toEqual([]);
  });

  const others = Object.entries(elsewhere).filter(([, where]) => where.startsWith("test/"));
  test.each(others)("is tested for %s in %s", (name, where) => {
    expect([...callsOn("client", where)], `add a test of client.${name}() to ${where}`).toContain(name);
  });
});

test("each command of the protocol has a row with its line", () => {
  const file = "test/protocol/commands.test.ts";
  const tested = callsOn("commands", file, "TABLE");
  const withoutLine = ["withSecrets", "bare"];
  expect(
    [...FACTORIES.keys()]
      .filter((name) => !tested.has(name) && !withoutLine.includes(name))
      .map((name) => `commands.${name}() has no row: add one to TABLE in ${file}`),
  ).toEqual([]);
});

test("each command of the protocol is sent by a method", () => {
  const senders = [CLIENT, ...readdirSync(join(root, "src/session")).map((name) => `src/session/${name}`)];
  const sent = new Set(["greeting", "bare", ...senders.flatMap((file) => [...callsOn("commands", file)])]);
  expect(
    [...FACTORIES.keys()]
      .filter((name) => !sent.has(name))
      .map((name) => `nothing sends commands.${name}(): add a method to ${CLIENT}`),
  ).toEqual([]);
});

test("each method of the client is in the documentation, and nothing else", () => {
  const file = "docs/commands.md";
  const documented = firstColumn(file, "## Methods").map(
    (code) => /^(?:client\.)?(\w+)\(/.exec(code)?.[1] ?? code,
  );
  expect(
    METHODS.filter((name) => !documented.includes(name)).map(
      (name) => `client.${name}() is not documented: add a row to ${file}`,
    ),
  ).toEqual([]);
  expect(
    documented
      .filter((name) => !METHODS.includes(name))
      .map((name) => `the client has no method ${name}: correct ${file}`),
  ).toEqual([]);
});

/** The verbs of the commands, and whether their line has a secret. */
const VERBS = new Map(
  [...FACTORIES.values()].flatMap((source): [string, boolean][] => {
    const verb = stringsIn(source).find((text) => /^[A-Z][A-Z0-9]{2,3}(?: |$)/.test(text));
    return verb === undefined ? [] : [[verb.split(" ")[0] as string, source.getText().includes("secrets: ")]];
  }),
);

describe.each([...VERBS])("%s", (verb, isSecret) => {
  test("is known to Pop3Server", () => {
    const answer = hear(sessionOf({ uidl: true }), `${verb}\r\n`);
    expect(
      answer[0],
      `Pop3Server does not know ${verb}: add it to src/testing/transaction.ts or src/testing/session.ts`,
    ).not.toBe("S: -ERR unknown command");
  });

  test.each([
    ["the client", "STATES", "test/protocol/commands.test.ts"],
    ["Pop3Server", "COMMANDS", "test/testing/session.test.ts"],
  ])("is tested in each state of %s", (_, table, file) => {
    const verbs = stringsOf(file, table).map((text) => text.split(" ")[0]);
    expect(verbs, `${verb} is not in ${table} of ${file}: add it`).toContain(verb);
  });

  test(`${isSecret ? "hides" : "shows"} its last argument in transcripts`, () => {
    const { printable } = commandOf(Buffer.from(`${verb} one two`), "utf8");
    expect(
      printable.endsWith(isSecret ? "****" : "one two"),
      `the transcript has ${printable}: add ${verb} to src/testing/client-line.ts`,
    ).toBe(true);
  });
});
