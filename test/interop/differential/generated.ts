// Random cases, the same in each run. They are made of parts that have a meaning in POP3, because random text
// would find nothing.
import fc from "../../support/fast-check.ts";
import { asReceived } from "../../support/messages.ts";
import type { Case, Command } from "../../support/exchange.ts";

const SEED = 1939;

/** What a block is made of. */
const HOT = [".", "\r", "\n", "+", "-", "\0", "\xff", "a", "\r\n", "\r\n", "\r\n.", "..", ".\r\n", "\n.\n"];
/** The same, without the pieces in which LF does not follow CR. */
const WHOLE_LINES = HOT.filter((piece) => !/(?<!\r)\n/.test(piece));
/** What a status line is made of, and what it nearly is. */
const STATUS = [
  ...["+OK", "+OK", "+OK", "-ERR", "+", "-", "OK", "+Ok", " ", " ", "\0", "\r", "\n", "\t", "\xff", "text"],
  ...["[AUTH] ", "+OK\r\n", "\r\n"],
];
const ENDS = ["\r\n", "\r\n", "\r\n", "\n", "\r", ""];
/** What lines of a listing are, and nearly are. */
const FIELDS = [
  ...["1", "2", "3", "10", "0", "01", "-1", "+1", "1_0", "9007199254740993", "whqtswO00WBw418f9t5JxYwZ"],
  ...["", "x", ".", "\xff", "\0", "a".repeat(70), "a".repeat(71)],
];
/** Without NUL, which some clients reject and some accept. The cases with a block cover it. */
const NUMBERS = FIELDS.filter((field) => field !== "\0");
const SPACES = [" ", " ", " ", "  ", "\t", ""];
const LINE_ENDS = ["\r\n", "\r\n", "\r\n", "\r\n", "\n", "\r", "\r\r\n", "\r\n\r\n", " \r\n", " 5\r\n"];

const joined = (pieces: readonly string[], minLength: number, maxLength: number): fc.Arbitrary<string> =>
  fc.array(fc.constantFrom(...pieces), { minLength, maxLength }).map((parts) => parts.join(""));

/** A line of two fields, or what comes of it. */
const entry = fc
  .tuple(...[FIELDS, SPACES, FIELDS, LINE_ENDS].map((pieces) => fc.constantFrom(...pieces)))
  .map((parts) => parts.join(""));
/** Well-formed lines, and others between them now and then. */
const listing = fc
  .array(fc.oneof({ weight: 3, arbitrary: fc.constant("") }, { weight: 1, arbitrary: entry }), {
    maxLength: 8,
  })
  .map((lines) => lines.map((line, index) => line || `${index + 1} ${100 + index}\r\n`).join(""));

/** The same in each run. What is drawn twice counts once. */
function drawn(count: number, arbitrary: fc.Arbitrary<string>): string[] {
  return [...new Set(fc.sample(arbitrary, { seed: SEED, numRuns: count }))];
}

function cases(command: Command, count: number, reply: fc.Arbitrary<string>): Case[] {
  return drawn(count, reply).map((each, index) => ({
    name: `${command}, drawn: ${index + 1}`,
    exchanges: [{ command, reply: each }],
  }));
}

/** Lines are stuffed, and the end follows: as RFC 1939 section 3 has it, in its own words. */
export function stuffed(message: string): string {
  const lines = message.split("\r\n").map((line) => (line.startsWith(".") ? `.${line}` : line));
  const unfinished = message !== "" && !message.endsWith("\r\n");
  return `${lines.join("\r\n")}${unfinished ? "\r\n" : ""}.\r\n`;
}

/** Messages as a server may send them. */
const messages: readonly Case[] = [
  ...drawn(350, joined(HOT, 0, 60)),
  ...drawn(200, joined(WHOLE_LINES, 1, 60)),
].map((sent, index) => ({
  name: `message, drawn: ${index + 1}`,
  exchanges: [{ command: "RETR", reply: `+OK\r\n${stuffed(sent)}` }],
  message: asReceived(Buffer.from(sent, "latin1")).toString("latin1"),
}));

export const generated: readonly Case[] = [
  ...messages,
  // Nobody has stuffed these, and they may end too early, or not at all.
  ...cases(
    "RETR",
    300,
    joined(HOT, 0, 40).map((block) => `+OK\r\n${block}\r\n.\r\n`),
  ),
  ...cases(
    "RETR",
    100,
    joined(HOT, 0, 20).map((block) => `+OK\r\n${block}`),
  ),
  ...cases(
    "RETR",
    250,
    fc.tuple(joined(STATUS, 1, 4), fc.constantFrom(...ENDS)).map((line) => `${line.join("")}a\r\n.\r\n`),
  ),
  ...cases(
    "NOOP",
    150,
    fc.tuple(joined(STATUS, 1, 4), fc.constantFrom(...ENDS)).map((line) => line.join("")),
  ),
  ...cases(
    "STAT",
    100,
    fc
      .tuple(
        ...[SPACES, NUMBERS, SPACES, NUMBERS, ["", "", " x", " "]].map((pieces) =>
          fc.constantFrom(...pieces),
        ),
      )
      .map((parts) => `+OK${parts.join("")}\r\n`),
  ),
  ...cases(
    "LIST",
    150,
    listing.map((lines) => `+OK\r\n${lines}.\r\n`),
  ),
  ...cases(
    "UIDL",
    150,
    listing.map((lines) => `+OK\r\n${lines}.\r\n`),
  ),
];
