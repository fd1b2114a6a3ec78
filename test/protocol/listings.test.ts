// STAT, LIST and UIDL (RFC 1939 sections 5 and 7): what is right is read, what is wrong is an error of ours, never a guess.
import fc from "../support/fast-check.ts";
import { describe, expect, test } from "vitest";
import { Pop3ProtocolError } from "../../src/errors.ts";
import type { BlockReader } from "../../src/protocol/block.ts";
import type { Columns } from "../../src/protocol/columns.ts";
import { scanListing, uniqueIdListing, type ListingRules } from "../../src/protocol/listing-block.ts";
import { isMessageNumber } from "../../src/protocol/message-number.ts";
import type { MalformedLine } from "../../src/protocol/malformed-line.ts";
import { parseScanListing, parseStat, parseUniqueId } from "../../src/protocol/listings.ts";
import type { Reply } from "../../src/protocol/reply.ts";
import { always, cut, cutWire, everyCut, octets, singly, whole, wireOf } from "../support/octets.ts";

const LIMITS: ListingRules = { entries: 1000, octets: 1024 * 1024, line: 512, mode: "strict" };
const ok = (text: string): Reply => ({ status: "ok", text });
const withCode = (code: string): Error =>
  expect.objectContaining({ name: "Pop3ProtocolError", code }) as Error;

function read<T>(reader: BlockReader<T>, chunks: readonly Buffer[]): T {
  for (const chunk of chunks) reader.octets(chunk);
  return reader.end();
}

/** What comes of a listing: its entries, or the code of the error. */
function outcome<V>(reader: BlockReader<Columns<V>>, chunks: readonly Buffer[]): [number, V][] | string {
  try {
    const { numbers, values } = read(reader, chunks);
    expect(values).toHaveLength(numbers.length);
    return numbers.map((number, at) => [number, values[at] as V]);
  } catch (error) {
    if (error instanceof Pop3ProtocolError) return error.code;
    throw error;
  }
}

const LARGEST = Number.MAX_SAFE_INTEGER;

describe("STAT", () => {
  test.each([
    ["2 320", 2, 320],
    ["0 0", 0, 0],
    ["1 2 junk", 1, 2],
    ["1 2 3 4", 1, 2],
    ["1 2 ", 1, 2],
    ["2  320", 2, 320],
    ["002 0320", 2, 320],
    ["20000 4294967400", 20_000, 4_294_967_400],
    [`${LARGEST} ${LARGEST}`, LARGEST, LARGEST],
  ])("%j", (text, count, size) => {
    expect(parseStat(ok(text))).toEqual({ count, size });
  });

  test.each([
    ..."-1 -5,-1 5,1 -5,+1 5,x y,1 y,x 1,1e3 1,1 1e3,1.0 5,1 0x10,1;2,1,2 320junk,2\t320,2 320\tjunk, 2 320".split(
      ",",
    ),
    ...[
      "",
      " ",
      "2 ",
      "two messages",
      "4294967297 99999999999999999999",
      `1 ${LARGEST + 1}`,
      `${LARGEST + 1} 1`,
    ],
    ...[
      "1 00000000000000001",
      "\u0662 320",
      "２ 320",
      "2\u00a0320",
      "2 320\0",
      "2 320\u2028x",
      "__proto__ 1",
    ],
  ])("%j is not a valid one: the call fails, the session lives", (text) => {
    expect(() => parseStat(ok(text))).toThrow(withCode("POP3_BAD_RESPONSE"));
  });

  test("what the server said is escaped in the message", () => {
    expect(() => parseStat(ok("\x1b[31m\u202e"))).toThrow(
      'the reply to STAT must have two numbers (got "\\x1b[31m\\u202e")',
    );
  });
});

describe("LIST with a message number", () => {
  test.each([
    ["2 200", 200],
    ["2 0", 0],
    ["2   200", 200],
    ["2 200 octets", 200],
    [`2 ${LARGEST}`, LARGEST],
  ])("%j", (text, size) => {
    expect(parseScanListing(ok(text), 2)).toBe(size);
  });

  test.each([
    "",
    "2",
    "2 ",
    "200",
    "2 x",
    "2 -200",
    "-2 200",
    " 2 200",
    "2\t200",
    "2 200x",
    `2 ${LARGEST + 1}`,
    "2 1e3",
  ])("%j is not a valid one", (text) => {
    expect(() => parseScanListing(ok(text), 2)).toThrow(withCode("POP3_BAD_RESPONSE"));
  });

  test.each(["1 200", "0 200", "22 200", "9007199254740991 200"])("%j is about another message", (text) => {
    expect(() => parseScanListing(ok(text), 2)).toThrow(withCode("POP3_PROTOCOL"));
  });
});

/** Unique-ids that look dangerous, and are opaque. */
const UNIQUE_IDS = [
  ...[
    "QhdPYR:00WBw1Ph7x7",
    "whqtswO00WBw418f9t5JxYwZ",
    "!",
    "~",
    "x".repeat(70),
    "x".repeat(505),
    "0",
    "-1",
    "+OK",
  ],
  ...["../../../../tmp/evil", "a/b", "con", "__proto__", "constructor", "%s%n", "<a@b>", "'\"`$(x)", "."],
];

const BAD_UNIQUE_IDS = [
  ...["", " ", "a b", "\t", "a\tb", "\x7f", "a\x7f", "\x80", "\xe9", "a\0", "a\r", "a\n", "a\x1b"],
];

describe("UIDL with a message number", () => {
  test.each(UNIQUE_IDS)("%j", (id) => {
    expect(parseUniqueId(ok(`2 ${id}`), 2)).toBe(id);
    expect(parseUniqueId(ok(`2   ${id}  `), 2)).toBe(id);
  });

  test.each([
    ...BAD_UNIQUE_IDS.map((id) => `2 ${id}`),
    "",
    "2",
    "abc",
    " 2 abc",
    "2\tabc",
    "-2 abc",
    "2abc",
    "x abc",
  ])("%j is not a valid one", (text) => {
    expect(() => parseUniqueId(ok(text), 2)).toThrow(withCode("POP3_BAD_RESPONSE"));
  });

  test.each(["1 abc", "0 abc", "20 abc"])("%j is about another message", (text) => {
    expect(() => parseUniqueId(ok(text), 2)).toThrow(withCode("POP3_PROTOCOL"));
  });
});

test("a unique-id of up to 512 characters", () => {
  const limits = { ...LIMITS, line: 8192 };
  for (const length of [71, 512]) {
    const id = "x".repeat(length);
    expect(parseUniqueId(ok(`2 ${id}`), 2)).toBe(id);
    expect(uids([octets(`2 ${id}\r\n`)], limits)).toEqual([[2, id]]);
  }
  const id = "x".repeat(513);
  expect(() => parseUniqueId(ok(`2 ${id}`), 2)).toThrow(withCode("POP3_BAD_RESPONSE"));
  expect(uids([octets(`2 ${id}\r\n`)], limits)).toBe("POP3_BAD_LISTING");
});

const scan = (chunks: readonly Buffer[], limits = LIMITS): [number, number][] | string =>
  outcome(scanListing(limits), chunks);
const uids = (chunks: readonly Buffer[], limits = LIMITS): [number, string][] | string =>
  outcome(uniqueIdListing(limits), chunks);

/** The outcomes of a listing over all of its cuts, each once. */
function atEveryCut(wire: string, reading: (chunks: Buffer[]) => unknown): unknown[] {
  const all = Array.from(everyCut(octets(wire)), (chunks) => JSON.stringify(reading(chunks)));
  return [...new Set(all)].map((one) => JSON.parse(one) as unknown);
}

describe("LIST", () => {
  test.each([
    ["an empty maildrop", "", []],
    [
      "RFC 1939's example",
      "1 120\r\n2 200\r\n",
      [
        [1, 120],
        [2, 200],
      ],
    ],
    [
      "gaps, out of order",
      "7 1\r\n3 2\r\n",
      [
        [7, 1],
        [3, 2],
      ],
    ],
    [
      "padded columns",
      "1  120\r\n22    3\r\n",
      [
        [1, 120],
        [22, 3],
      ],
    ],
    [
      "text after the size",
      "1 120 octets\r\n2 200 \r\n",
      [
        [1, 120],
        [2, 200],
      ],
    ],
    ["leading zeros", "01 0120\r\n", [[1, 120]]],
    [
      "sizes beyond 32 bits",
      `1 4294967400\r\n2 ${LARGEST}\r\n`,
      [
        [1, 4_294_967_400],
        [2, LARGEST],
      ],
    ],
    ["an empty message", "1 0\r\n", [[1, 0]]],
  ])("%s, at every cut", (_, wire, entries) => {
    expect(atEveryCut(wire, scan)).toEqual([entries]);
  });

  test.each([
    ..."1,1 ,1 x,1  x,x 1,0 1,-1 1,1 -1,+1 1, 1 1,1\t1,1 1e3,1 0x1,1 1x,1.5 1,1 1.5,1;1"
      .split(",")
      .map((line) => `${line}\r\n`),
    ...[
      "\r\n",
      "1 1\r\n\r\n",
      "1 1\n2 2\r\n",
      "1 1\r2 2\r\n",
      "1 1\0\r\n",
      "1 1\r\n1 1\r\n",
      "1 1\r\n01 2\r\n",
    ],
    ...[
      `1 ${LARGEST + 1}\r\n`,
      `${LARGEST + 1} 1\r\n`,
      "1 99999999999999999999\r\n",
      "+OK 1 1\r\n",
      "x\r\n1 1\r\n",
    ],
  ])("%j is not a valid one, at every cut", (wire) => {
    expect(atEveryCut(wire, scan)).toEqual(["POP3_BAD_LISTING"]);
  });

  test("a bad line fails it at the end only: all of it is read, so that the session lives", () => {
    const reader = scanListing(LIMITS);
    expect(reader.octets(octets("bad \x1b\r\n1 1\r\nworse\r\n"))).toBe(true);
    expect(reader.octets(octets("2 2\r\n"))).toBe(true);
    expect(() => reader.end()).toThrow('malformed line in the scan listing: "bad \\x1b"');
  });
});

describe("UIDL", () => {
  test.each([
    ["an empty maildrop", "", []],
    [
      "RFC 1939's example",
      "1 whqtswO00WBw418f9t5JxYwZ\r\n2 QhdPYR:00WBw1Ph7x7\r\n",
      [
        [1, "whqtswO00WBw418f9t5JxYwZ"],
        [2, "QhdPYR:00WBw1Ph7x7"],
      ],
    ],
    [
      "runs of spaces, also at the end",
      "1   a\r\n2 b  \r\n",
      [
        [1, "a"],
        [2, "b"],
      ],
    ],
    [
      "one unique-id twice",
      "1 a\r\n2 a\r\n",
      [
        [1, "a"],
        [2, "a"],
      ],
    ],
    [
      "gaps, out of order",
      "9 a\r\n4 b\r\n",
      [
        [9, "a"],
        [4, "b"],
      ],
    ],
    ["a dot", "1 .\r\n", [[1, "."]]],
    ["blank unique-ids", "1\r\n2 b\r\n3 \r\n4   \r\n", [[2, "b"]]],
  ])("%s, at every cut", (_, wire, entries) => {
    expect(atEveryCut(wire, uids)).toEqual([entries]);
  });

  test("unique-ids are opaque, and no property of anything", () => {
    const wire = UNIQUE_IDS.map((id, index) => `${index + 1} ${id}\r\n`).join("");
    const listing = read(uniqueIdListing(LIMITS), whole(octets(wire)));
    expect(listing.toMap()).toBeInstanceOf(Map);
    expect(listing.values).toEqual(UNIQUE_IDS);
  });

  test.each([
    ...BAD_UNIQUE_IDS.filter((id) => id.trim() !== "" || id === "\t").map((id) => `1 ${id}\r\n`),
    ..."x a,0 a,-1 a, 1 a,1\ta,__proto__ a".split(",").map((line) => `${line}\r\n`),
    ...[
      "\r\n",
      "1a\r\n",
      "1 a\r\n2b\r\n",
      "1 a\r\n1 b\r\n",
      "1 a\r\n1 a\r\n",
      "1 a\r\n001 b\r\n",
      "1\r\n1 a\r\n",
      "1 a\r\n1 \r\n",
      "1\r\n1 \r\n",
      "0\r\n",
      "+OK 1 a\r\n",
      `${LARGEST + 1} a\r\n`,
    ],
  ])("%j is not a valid one, at every cut", (wire) => {
    expect(atEveryCut(wire, uids)).toEqual(["POP3_BAD_LISTING"]);
  });
});

describe("lenient: a malformed line is left out, and named", () => {
  type Named = readonly [number | undefined, string];

  /** The entries and what is named, of which there is one, at every cut. */
  function lenient(reading: typeof scanListing | typeof uniqueIdListing, wire: string): [unknown[], Named[]] {
    const outcomes = atEveryCut(wire, (chunks) => {
      let named: Named[] = [];
      const malformed = (lines: readonly MalformedLine[]): void => {
        named = lines.map(({ number, reason }) => [number, reason]);
      };
      return [outcome<unknown>(reading({ ...LIMITS, mode: "lenient", malformed }), chunks), named];
    });
    expect(outcomes).toHaveLength(1);
    return outcomes[0] as [unknown[], Named[]];
  }

  test.each<[string, Named]>([
    ["", [null as never, "no number"]],
    ["x 5", [null as never, "no number"]],
    ["0 5", [null as never, "no number"]],
    ["-2 5", [null as never, "no number"]],
    [" 2 5", [null as never, "no number"]],
    ["2\t5", [null as never, "no number"]],
    ["2x 5", [null as never, "no number"]],
    [`${LARGEST + 1} 5`, [null as never, "no number"]],
    ["2", [2, "no size"]],
    ["2 -1", [2, "no size"]],
    ["2 5x", [2, "no size"]],
    ["002 x", [2, "no size"]],
    [`2 ${LARGEST + 1}`, [2, "no size"]],
    ["3 6", [3, "repeated"]],
    ["2 5\n", [2, "line end"]],
    ["2 5 octets\n", [2, "line end"]],
  ])("LIST: %j", (line, named) => {
    const rest = named[1] === "repeated" ? [] : [[3, 3]];
    expect(lenient(scanListing, `1 1\r\n3 3\r\n${line}\r\n`)).toEqual([[[1, 1], ...rest], [named]]);
  });

  test.each<[string, Named]>([
    ["2 b c", [2, "space"]],
    ["2 b\xe9", [2, "byte"]],
    ["2 b\t", [2, "byte"]],
    ["2 b \x7f", [2, "byte"]],
    ["2", [2, "no unique-id"]],
    ["2  ", [2, "no unique-id"]],
    ["+OK 2 b", [null as never, "no number"]],
    ["3 z", [3, "repeated"]],
    ["3", [3, "repeated"]],
    ["3 z z", [3, "repeated"]],
  ])("UIDL: %j", (line, named) => {
    const wire = `1 a\r\n3 c\r\n${line}\r\n`;
    const rest = named[1] === "repeated" ? [] : [[3, "c"]];
    expect(lenient(uniqueIdListing, wire)).toEqual([[[1, "a"], ...rest], [named]]);
  });

  test("UIDL: more than 512 characters", () => {
    let named: readonly MalformedLine[] = [];
    const malformed = (lines: readonly MalformedLine[]): void => void (named = lines);
    const rules: ListingRules = { ...LIMITS, line: 8192, mode: "lenient", malformed };
    for (const cuts of [whole, singly]) {
      expect(uids(cuts(octets(`1 a\r\n2 ${"x".repeat(513)}\r\n`)), rules)).toEqual([[1, "a"]]);
      expect(named).toEqual([{ command: "UIDL", number: 2, text: `2 ${"x".repeat(97)}…`, reason: "length" }]);
    }
  });

  test("UIDL: the reason does not depend on the spaces around the unique-id", () => {
    let named: readonly MalformedLine[] = [];
    const malformed = (lines: readonly MalformedLine[]): void => void (named = lines);
    const rules: ListingRules = { ...LIMITS, line: 8192, mode: "lenient", malformed };
    uids(whole(octets(`1 a\r\n22   ${"x".repeat(513)}  \r\n`)), rules);
    expect(named).toMatchObject([{ number: 22, reason: "length" }]);
  });

  test("the text of a line is shown as it was sent", () => {
    let named: readonly MalformedLine[] = [];
    const malformed = (lines: readonly MalformedLine[]): void => void (named = lines);
    uids(whole(octets("1 a\r\n2 gr\xf6\xdfe\r\n")), { ...LIMITS, mode: "lenient", malformed });
    expect(named).toEqual([{ command: "UIDL", number: 2, text: "2 größe", reason: "byte" }]);
  });

  test("after 1000 malformed lines, only those are named that take the value of another message", () => {
    let named: readonly MalformedLine[] = [];
    const malformed = (lines: readonly MalformedLine[]): void => void (named = lines);
    const rules: ListingRules = { ...LIMITS, entries: 5000, mode: "lenient", malformed };
    const wire = `${"x\r\n".repeat(999)}2 b c\r\nx\r\n2 b c\r\n3 b c\r\n3 b c\r\n1 a\r\n1 a\r\n`;
    expect(uids(whole(octets(wire)), rules)).toEqual([[1, "a"]]);
    expect(named).toHaveLength(1001);
    expect(named.slice(999)).toEqual([
      { command: "UIDL", number: 2, text: "2 b c", reason: "space" },
      { command: "UIDL", number: 3, text: "", reason: "space" },
    ]);
  });

  test("the same line twice says the same", () => {
    expect(lenient(uniqueIdListing, "1 a\r\n2 b\r\n1 a\r\n")).toEqual([
      [
        [1, "a"],
        [2, "b"],
      ],
      [[1, "repeated"]],
    ]);
  });

  test("a good line after a bad one of its number is not believed either", () => {
    for (const bad of ["1 a b", "1"])
      expect(lenient(uniqueIdListing, `${bad}\r\n1 a\r\n2 b\r\n`)[0]).toEqual([[2, "b"]]);
  });

  test("lines out of order are not a fault", () => {
    expect(lenient(scanListing, "9 1\r\n4 2\r\n7 3\r\n")).toEqual([
      [
        [9, 1],
        [4, 2],
        [7, 3],
      ],
      [],
    ]);
  });

  test("what an LF hides is named, and passes for nothing", () => {
    expect(lenient(scanListing, "1 5 octets\n2 6 octets\r\n3 7 octets\r\n")).toEqual([
      [[3, 7]],
      [
        [1, "line end"],
        [2, "line end"],
      ],
    ]);
    expect(lenient(uniqueIdListing, "1 a\n2 b\r\n3 c\r\n")).toEqual([
      [[3, "c"]],
      [
        [1, "line end"],
        [2, "line end"],
      ],
    ]);
  });

  test.each(["\r\n", "\n\r\n", "x\r\n", "1 b c\r\n", "1 b c\r\n2\r\n"])(
    "%j is not an empty listing",
    (wire) => {
      expect(lenient(uniqueIdListing, wire)[0]).toBe("POP3_BAD_LISTING");
    },
  );

  test("malformed lines have a limit of their own", () => {
    const rules: ListingRules = { ...LIMITS, mode: "lenient", entries: 5 };
    expect(uids(whole(octets(`1 a\r\n${"x\r\n".repeat(5)}`)), rules)).toHaveLength(1);
    expect(uids(whole(octets(`1 a\r\n${"x\r\n".repeat(6)}`)), rules)).toBe("POP3_LIST_TOO_LARGE");
  });
});

describe("limits", () => {
  const entries = (count: number): Buffer =>
    octets(Array.from({ length: count }, (_, index) => `${index + 1} 1\r\n`).join(""));

  test("entries: at the limit, and one past it", () => {
    const limits = { ...LIMITS, entries: 5 };
    for (const cuts of [whole, singly]) {
      expect(scan(cuts(entries(5)), limits)).toHaveLength(5);
      expect(uids(cuts(entries(5)), limits)).toHaveLength(5);
      expect(scan(cuts(entries(6)), limits)).toBe("POP3_LIST_TOO_LARGE");
      expect(uids(cuts(entries(6)), limits)).toBe("POP3_LIST_TOO_LARGE");
    }
  });

  test("octets: at the limit, and one past it", () => {
    const wire = entries(5);
    for (const chunks of everyCut(wire)) {
      expect(scan(chunks, { ...LIMITS, octets: wire.length })).toHaveLength(5);
      expect(scan(chunks, { ...LIMITS, octets: wire.length - 1 })).toBe("POP3_LIST_TOO_LARGE");
    }
  });

  test("octets count even if every line is bad", () => {
    expect(scan(whole(octets("bad\r\n".repeat(100))), { ...LIMITS, octets: 499 })).toBe(
      "POP3_LIST_TOO_LARGE",
    );
  });

  test("a line: at the limit, CRLF included, and one past it", () => {
    const line = `1 ${"x".repeat(28)}\r\n`;
    for (const chunks of everyCut(octets(line))) {
      expect(uids(chunks, { ...LIMITS, line: 32 })).toHaveLength(1);
      expect(uids(chunks, { ...LIMITS, line: 31 })).toBe("POP3_LINE_TOO_LONG");
    }
  });

  test("each line has the whole of it, at any place in a chunk", () => {
    const lines = Array.from({ length: 9 }, (_, index) => `${index + 1} ${"x".repeat(28)}\r\n`);
    expect(uids(whole(octets(lines.join(""))), { ...LIMITS, line: 32 })).toHaveLength(9);
    expect(uids(whole(octets(`${lines.join("")}10 ${"x".repeat(28)}\r\n`)), { ...LIMITS, line: 32 })).toBe(
      "POP3_LINE_TOO_LONG",
    );
  });

  test("a line that does not end is refused, and little of it kept", () => {
    const reader = uniqueIdListing({ ...LIMITS, line: 32 });
    for (const octet of singly(Buffer.alloc(32, "x"))) reader.octets(octet);
    expect(() => reader.octets(octets("x"))).toThrow(withCode("POP3_LINE_TOO_LONG"));
  });

  test("a million entries may come in one chunk, as from a socket of the caller", () => {
    const lines = Array.from({ length: 1_000_000 }, (_, index) => `${index + 1} 1\r\n`);
    for (const reading of [scanListing, uniqueIdListing]) {
      const rules: ListingRules = { entries: Infinity, octets: Infinity, line: 512 };
      const listing = read<Columns<number | string>>(reading(rules), whole(octets(lines.join(""))));
      expect(listing.numbers).toHaveLength(lines.length);
      expect(listing.numbers.at(-1)).toBe(lines.length);
    }
  });

  test("a unique-id of 100,000 octets", () => {
    const wire = octets(`1 ${"x".repeat(100_000)}\r\n`);
    expect(uids(whole(wire))).toBe("POP3_LINE_TOO_LONG");
    expect(uids(singly(wire))).toBe("POP3_LINE_TOO_LONG");
  });
});

describe("the error says what is wrong:", () => {
  const small: ListingRules = { entries: 2, octets: 30, line: 12, mode: "strict" };

  test.each<[string, () => unknown]>([
    ['the reply to STAT must have two numbers (got "x\\x1b")', () => parseStat(ok("x\x1b"))],
    [
      'the reply to LIST must have a message number and a size (got "1 x\\x1b")',
      () => parseScanListing(ok("1 x\x1b"), 1),
    ],
    [
      'the reply to UIDL must have a message number and a unique-id (got "1 \\x1b")',
      () => parseUniqueId(ok("1 \x1b"), 1),
    ],
    [
      "the server answered for message 2, but the command was for message 1",
      () => parseScanListing(ok("2 5"), 1),
    ],
    [
      "the server answered for message 3, but the command was for message 4",
      () => parseUniqueId(ok("3 a"), 4),
    ],
    [
      "the scan listing is larger than the limit of 30 bytes",
      () => read(scanListing(small), whole(Buffer.alloc(31))),
    ],
    [
      "the unique-id listing is larger than the limit of 2 entries",
      () => read(uniqueIdListing(small), whole(octets("1 a\r\n2 b\r\n3 c\r\n"))),
    ],
    [
      "a line of the scan listing is longer than the limit of 12 bytes",
      () => read(scanListing(small), whole(octets("1 234567890\r\n"))),
    ],
    [
      "a line of the unique-id listing is longer than the limit of 12 bytes",
      () => read(uniqueIdListing(small), whole(octets("1 abcdefghijk"))),
    ],
    [
      'malformed line in the scan listing: "a\\x1b"',
      () => read(scanListing(small), whole(octets("1 5\r\na\x1b\r\nb\r\n"))),
    ],
    [
      'every line is malformed in the unique-id listing: "1 a b"',
      () => read(uniqueIdListing({ ...small, mode: "lenient" }), whole(octets("1 a b\r\n"))),
    ],
    [
      'malformed line in the unique-id listing: ""',
      () => read(uniqueIdListing(small), whole(octets("\r\n"))),
    ],
  ])("%s", (message, call) => {
    expect(call).toThrow(expect.objectContaining({ name: "Pop3ProtocolError", message }) as Error);
  });
});

describe("properties", () => {
  const PARTS = [
    "1",
    "2",
    "10",
    "0",
    " ",
    "  ",
    "-",
    "a",
    "\r\n",
    "\r",
    "\n",
    "\t",
    "\0",
    "\xff",
    "1 120\r\n",
    "2 abc\r\n",
  ];

  test("no octets bring about anything but our own errors", () => {
    always(
      wireOf(PARTS, 12),
      (wire) => {
        // `outcome` lets nothing else pass.
        const text = wire.toString("latin1");
        const codes = [scan, uids].map((reading) => reading(whole(wire)));
        const calls = [
          parseStat,
          (reply: Reply) => parseScanListing(reply, 1),
          (reply: Reply) => parseUniqueId(reply, 1),
        ];
        for (const call of calls) {
          try {
            call(ok(text));
          } catch (error) {
            expect(error).toBeInstanceOf(Pop3ProtocolError);
          }
        }
        for (const code of codes) if (typeof code === "string") expect(code).toBe("POP3_BAD_LISTING");
      },
      3000,
    );
  });

  test("any chunking gives what one chunk gives", () => {
    always(
      cutWire(PARTS, 16),
      (input) => {
        expect(scan(cut(input))).toEqual(scan(whole(input.wire)));
        expect(uids(cut(input))).toEqual(uids(whole(input.wire)));
      },
      1500,
    );
  });

  test("lenient gives what each good line says, at any chunking, and names the others", () => {
    always(
      cutWire(PARTS, 16),
      (input) => {
        const text = input.wire.toString("latin1");
        const lines = text.split("\r\n").slice(0, -1);
        for (const reading of [scanListing, uniqueIdListing]) {
          let named: readonly MalformedLine[] = [];
          const rules: ListingRules = { ...LIMITS, mode: "lenient", malformed: (bad) => (named = bad) };
          const entries = outcome<unknown>(reading(rules), cut(input));
          if (typeof entries === "string") expect(entries).toBe("POP3_BAD_LISTING");
          else {
            // Each is what a strict reader makes of one of the lines.
            for (const entry of entries)
              expect(
                lines.map((line) => outcome<unknown>(reading(LIMITS), whole(octets(`${line}\r\n`)))),
              ).toContainEqual([entry]);
            expect(entries.length + named.length).toBeGreaterThanOrEqual(lines.length);
          }
          const strict = outcome<unknown>(reading(LIMITS), whole(input.wire));
          if (typeof strict !== "string") expect(entries).toEqual(strict);
        }
      },
      1500,
    );
  });

  test("a line means the same after an unusual line, when no line is read in the fast way", () => {
    always(
      cutWire(PARTS, 16),
      (input) => {
        const rest = input.wire.toString("latin1");
        // Twice the same line: it is unusual, and changes nothing.
        const slow = `${LARGEST} 1\r\n${LARGEST} 1\r\n`;
        for (const reading of [scanListing, uniqueIdListing]) {
          const rules: ListingRules = { ...LIMITS, mode: "lenient" };
          const outcomes = [rest, `${slow}${rest}`].map((wire) =>
            outcome<unknown>(reading(rules), whole(octets(`${wire}\r\n1 1\r\n`))),
          );
          const [fast, after] = outcomes.map((entries) =>
            typeof entries === "string" ? entries : entries.filter(([number]) => number !== LARGEST),
          );
          if (typeof fast !== "string" && !rest.includes(String(LARGEST))) expect(after).toEqual(fast);
        }
      },
      1500,
    );
  });

  test("a right listing is read back as it was written", () => {
    const unit = fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code));
    const maildrop = fc.uniqueArray(
      fc.tuple(
        fc.integer({ min: 1, max: LARGEST }),
        fc.string({ unit, minLength: 1, maxLength: 70 }),
        fc.nat(),
      ),
      { selector: ([number]) => number, maxLength: 20 },
    );
    always(
      maildrop,
      (messages) => {
        const sizes = messages.map(([number, , size]) => `${number} ${size}\r\n`).join("");
        const ids = messages.map(([number, id]) => `${number} ${id}\r\n`).join("");
        expect(scan(singly(octets(sizes)))).toEqual(messages.map(([number, , size]) => [number, size]));
        expect(uids(singly(octets(ids)))).toEqual(messages.map(([number, id]) => [number, id]));
      },
      200,
    );
  });
});

test.each([
  [1, true],
  [LARGEST, true],
  [0, false],
  [-1, false],
  [-0, false],
  [1.5, false],
  [LARGEST + 1, false],
  [NaN, false],
  [Infinity, false],
  ["1", false],
  [1n, false],
  [[1], false],
  [null, false],
  [undefined, false],
])("whether %o is a message number", (value, expected) => {
  expect(isMessageNumber(value)).toBe(expected);
});
