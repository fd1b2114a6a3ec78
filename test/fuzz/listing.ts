// What the two targets of listings have in common: LIST and UIDL as blocks, in both modes. Oracles: a reader by the letter
// of RFC 1939, a second one for listings with malformed lines, and any cutting.
import type { BlockReader } from "../../src/protocol/block.ts";
import type { Columns } from "../../src/protocol/columns.ts";
import type { ListingMode, ListingRules } from "../../src/protocol/listing-block.ts";
import type { MalformedLine } from "../../src/protocol/malformed-line.ts";
import { encodeBlock } from "../../src/protocol/dot-encoder.ts";
import { readReply } from "../support/by-the-letter.ts";
import { listingText } from "../support/exchange.ts";
import { cuts, expectSame, expectThat, isOneLine, outcomeOf, text, type Outcome } from "./oracle.ts";

type Value = number | string;

/** Opens a reader. */
export type Open = (rules: ListingRules) => BlockReader<Columns<Value>>;

const LIMITS = { entries: 40, octets: 4096, line: 560 };
const CODES = ["POP3_BAD_LISTING", "POP3_LIST_TOO_LARGE", "POP3_LINE_TOO_LONG"];

interface Read {
  readonly entries: Outcome<ReadonlyMap<number, Value>>;
  readonly malformed: readonly MalformedLine[];
}

function read(open: Open, chunks: readonly Buffer[], mode: ListingMode): Read {
  const malformed: MalformedLine[] = [];
  const entries = outcomeOf(CODES, () => {
    const reader = open({ ...LIMITS, mode, malformed: (lines) => void malformed.push(...lines) });
    for (const chunk of chunks) reader.octets(chunk);
    return reader.end().toMap();
  });
  return { entries, malformed };
}

/** `data`: a listing before byte-stuffing. What follows its last CRLF is not a line. */
export function checkListing(command: "LIST" | "UIDL", open: Open, data: Buffer): void {
  const end = data.lastIndexOf("\r\n");
  const block = data.subarray(0, end === -1 ? 0 : end + 2);
  const lines = text(block).split("\r\n").slice(0, -1);
  for (const mode of ["strict", "lenient"] as const) {
    const whole = read(open, [Buffer.from(block)], mode);
    const isLarge = "code" in whole.entries && whole.entries.code !== "POP3_BAD_LISTING";
    for (const chunks of cuts(block)) {
      const cut = read(open, chunks, mode);
      if (isLarge) expectThat("code" in cut.entries, "a listing in pieces beyond a limit", cut);
      else expectSame(cut, whole, "a listing in pieces");
    }
    if (isLarge) {
      // A lone LF may have ended a line of its own.
      const entries = lines.flatMap((line) => line.split("\n")).length;
      const isWithin = entries <= LIMITS.entries && lines.every(({ length }) => length + 2 <= LIMITS.line);
      expectThat(!isWithin || block.length > LIMITS.octets, "a limit that is not exceeded", whole);
      continue;
    }
    for (const { text: shown } of whole.malformed)
      expectThat(isOneLine(shown) && shown.length <= 100, "a malformed line that cannot be printed", shown);
    if (mode === "strict") checkStrict(command, block, lines, whole.entries);
    else checkLenient(command, lines, whole);
  }
}

function checkStrict(
  command: "LIST" | "UIDL",
  block: Buffer,
  lines: readonly string[],
  entries: Outcome<ReadonlyMap<number, Value>>,
): void {
  // The RFC does not limit the digits of a number, and popwright accepts 16.
  if (lines.some((line) => /\d{17}/.test(line))) return;
  // The RFC allows 70 characters, and popwright accepts 512.
  if (command === "UIDL" && lines.some((line) => /[!-~]{71}/.test(line))) return;
  const reply = `+OK\r\n${text(encodeBlock(block))}`;
  // The RFC allows any text after a size. popwright does not allow another line after a lone LF.
  const isSplit = lines.some((line) => line.includes("\n"));
  const outcome = isSplit ? null : readReply({ command, reply }).outcome;
  const own = "value" in entries ? listingText(entries.value) : null;
  expectSame(own, outcome, "a listing by the letter");
}

function checkLenient(
  command: "LIST" | "UIDL",
  lines: readonly string[],
  { entries, malformed }: Read,
): void {
  const expected = new Map<number, Value>();
  const doubtful = new Set<number>();
  let isWrong = false;
  for (const line of lines) {
    // A lone LF may have ended a line of its own.
    for (const piece of line.split("\n")) {
      const number = Number(/^(\d{1,16})(?: |$)/.exec(piece)?.[1] ?? 0);
      if (!Number.isSafeInteger(number) || number === 0) {
        isWrong ||= line !== piece || piece !== "" || line === "";
        continue;
      }
      const value = line === piece ? valueOf(command, piece) : undefined;
      if (expected.has(number) && expected.get(number) === value) {
        isWrong = true;
        continue;
      }
      if (value === undefined || value === "" || expected.has(number) || doubtful.has(number)) {
        isWrong ||= value !== "" || expected.has(number) || doubtful.has(number);
        doubtful.add(number);
        expected.delete(number);
      } else expected.set(number, value);
    }
  }
  if ("code" in entries) {
    expectThat(isWrong && expected.size === 0, "a listing with valid lines that fails", { lines, expected });
    return;
  }
  expectSame(entries.value, expected, "a listing with malformed lines");
  for (const number of doubtful)
    expectThat(
      malformed.some((line) => line.number === number),
      "a message without value that is not named",
      number,
    );
}

function valueOf(command: "LIST" | "UIDL", line: string): Value | undefined {
  if (command === "UIDL")
    return /^\d+(?: +([!-~]{0,512}))? *$/.exec(line)?.[0] === line
      ? (/^\d+ +([!-~]*)/.exec(line)?.[1] ?? "")
      : undefined;
  const size = Number(/^\d+ +(\d{1,16})(?: [^]*)?$/.exec(line)?.[1] ?? NaN);
  return Number.isSafeInteger(size) ? size : undefined;
}
