// Each octet goes to its reply, in the order of the wire. Octets that no command waits for are not read.
import { describe, expect, test } from "vitest";
import { ReplyReader, type ReplySink } from "../../src/protocol/reply-reader.ts";
import { always, cut, cutWire, everyCut, octets, singly, text, whole } from "../support/octets.ts";

/** Waits for replies: `true` for one with a block after its `+OK`. Records what comes. */
class Recorder implements ReplySink {
  readonly heard: string[] = [];
  readonly #due: boolean[];
  #block = "";

  constructor(due: readonly boolean[]) {
    this.#due = [...due];
  }

  get waiting(): boolean {
    return this.#due.length > 0;
  }

  line(line: Buffer): boolean {
    const block = this.#due.shift() === true;
    this.heard.push(text(line));
    return block && text(line).startsWith("+OK");
  }

  octets(octets: Buffer): void {
    this.#block += text(octets);
  }

  end(): void {
    this.heard.push(`[${this.#block}]`);
    this.#block = "";
  }
}

interface Outcome {
  readonly heard: readonly string[];
  /** Octets that belong to no reply. */
  readonly left: number;
  readonly inBlock: boolean;
}

/** Reads copies of the chunks: the reader changes what it reads. */
function read(due: readonly boolean[], chunks: readonly Buffer[]): Outcome {
  const sink = new Recorder(due);
  const reader = new ReplyReader(512, sink);
  let left = 0;
  for (const chunk of chunks) left += reader.push(Buffer.from(chunk));
  return { heard: sink.heard, left, inBlock: reader.inBlock };
}

const LINE = false;
const BLOCK = true;

// [what it is, the replies that are due, wire, what is heard, octets left over]
const SESSIONS: readonly (readonly [string, readonly boolean[], string, readonly string[], number])[] = [
  ["a line", [LINE], "+OK 2 320\r\n", ["+OK 2 320"], 0],
  ["lines", [LINE, LINE, LINE], "+OK\r\n-ERR no\r\n+ \r\n", ["+OK", "-ERR no", "+ "], 0],
  ["a line inside a block that looks like a reply", [LINE], "WHAT 1\r\n", ["WHAT 1"], 0],
  [
    "the session of RFC 1939 section 10, in part",
    [LINE, LINE, BLOCK, BLOCK, LINE],
    "+OK POP3 server ready <1896.697170952@dbc.mtview.ca.us>\r\n+OK 2 320\r\n" +
      "+OK 2 messages (320 octets)\r\n1 120\r\n2 200\r\n.\r\n" +
      "+OK 120 octets\r\nSubject: a\r\n\r\n..\r\n.\r\n+OK message 1 deleted\r\n",
    [
      "+OK POP3 server ready <1896.697170952@dbc.mtview.ca.us>",
      "+OK 2 320",
      "+OK 2 messages (320 octets)",
      "[1 120\r\n2 200\r\n]",
      "+OK 120 octets",
      "[Subject: a\r\n\r\n.\r\n]",
      "+OK message 1 deleted",
    ],
    0,
  ],
  ["an empty block", [BLOCK, LINE], "+OK\r\n.\r\n+OK\r\n", ["+OK", "[]", "+OK"], 0],
  ["no block after -ERR", [BLOCK, LINE], "-ERR no\r\n+OK a\r\n", ["-ERR no", "+OK a"], 0],
  [
    "replies inside a block",
    [BLOCK, LINE],
    "+OK\r\n+OK\r\n-ERR\r\n.\r\n+OK\r\n",
    ["+OK", "[+OK\r\n-ERR\r\n]", "+OK"],
    0,
  ],
  ["NUL and LF inside a block", [BLOCK], "+OK\r\na\0b\n.\nc\r\n.\r\n", ["+OK", "[a\0b\n.\nc\r\n]"], 0],
  [
    "two blocks",
    [BLOCK, BLOCK],
    "+OK\r\n.a\r\n.\r\n+OK\r\n..b\r\n.\r\n",
    ["+OK", "[a\r\n]", "+OK", "[.b\r\n]"],
    0,
  ],
  ["a block without its end", [BLOCK], "+OK\r\na\r\n.", ["+OK"], 0],
  ["a line without its end", [LINE], "+OK\r", [], 0],
  ["a second answer", [LINE], "+OK 1 140\r\n+OK extra\r\n", ["+OK 1 140"], 11],
  ["a block that no command asked for", [LINE], "+OK 2 messages\r\n1 120\r\n.\r\n", ["+OK 2 messages"], 10],
  ["an LF after the last reply", [LINE], "+OK\r\n\n", ["+OK"], 1],
  ["a NUL after the last block", [BLOCK], "+OK\r\n.\r\n\0", ["+OK", "[]"], 1],
  ["a dot line after the last block", [BLOCK], "+OK\r\n.\r\n.\r\n", ["+OK", "[]"], 3],
  ["octets when no reply is due", [], "+OK hello\r\n", [], 11],
];

describe("samples", () => {
  test.each(SESSIONS)("reads %s, at every cut", (_, due, wire, heard, left) => {
    // The text of a block that has not ended is not noted, so its cuts compare too.
    const expected = read(due, whole(octets(wire)));
    expect(expected).toMatchObject({ heard, left });
    const wrong: string[][] = [];
    for (const chunks of everyCut(octets(wire))) {
      if (JSON.stringify(read(due, chunks)) !== JSON.stringify(expected)) wrong.push(chunks.map(text));
    }
    expect(wrong).toEqual([]);
  });

  test("says whether a block has begun and not ended", () => {
    const reader = new ReplyReader(512, new Recorder([BLOCK]));
    const states = singly(octets("+OK\r\na\r\n.\r\n")).map((octet) => {
      reader.push(octet);
      return reader.inBlock;
    });
    expect(states).toEqual([...Array<boolean>(4).fill(false), ...Array<boolean>(6).fill(true), false]);
  });
});

test("reads the same for any chunking", () => {
  const due = [LINE, BLOCK, BLOCK, LINE, BLOCK, LINE];
  const parts = [
    "+OK\r\n",
    "+OK x\r\n",
    "-ERR no\r\n",
    "a\r\n",
    "..a\r\n",
    ".\r\n",
    "\r\n.\r\n",
    ".",
    "+",
    "\xff",
    "\r",
  ];
  always(
    cutWire(parts, 24),
    (input) => {
      const expected = read(due, whole(input.wire));
      expect(read(due, cut(input))).toEqual(expected);
      expect(read(due, singly(input.wire))).toEqual(expected);
    },
    1500,
  );
});

test("applies the limit of a line to lines, but not inside a block", () => {
  const due = [BLOCK, LINE];
  const long = "x".repeat(10_000);
  expect(read(due, whole(octets(`+OK\r\n${long}\r\n.\r\n+OK\r\n`))).heard).toEqual([
    "+OK",
    `[${long}\r\n]`,
    "+OK",
  ]);
  const tooLong = expect.objectContaining({ code: "POP3_LINE_TOO_LONG" }) as Error;
  expect(() => read(due, whole(octets(`+OK\r\n.\r\n${long}\r\n`)))).toThrow(tooLong);
});

test("applies a limit that changes while a line is read", () => {
  const sink = new Recorder([LINE, LINE]);
  const reader = new ReplyReader(16, sink);
  reader.push(octets("+ 0123456789"));
  reader.lineLimit = 32;
  reader.push(octets("0123456789\r\n"));
  reader.lineLimit = 16;
  expect(sink.heard).toEqual(["+ 01234567890123456789"]);
  const tooLong = expect.objectContaining({ code: "POP3_LINE_TOO_LONG" }) as Error;
  expect(() => reader.push(octets("+ 01234567890123456789\r\n"))).toThrow(tooLong);
});

test("does not look at a reply that no command waits for", () => {
  const reader = new ReplyReader(16, new Recorder([]));
  expect(reader.push(Buffer.alloc(100_000, "\0\n"))).toBe(100_000);
});

test("keeps the position in a block when its consumer is replaced halfway", () => {
  const wire = octets("+OK\r\n..first\r\n.x\r\n..\r\n.\r\n+OK second\r\n..b\r\n.\r\n+OK");
  for (const chunks of everyCut(wire)) {
    const heard: string[] = [];
    let blocks = 0;
    let block = "";
    const reader = new ReplyReader(512, {
      get waiting() {
        return blocks < 2;
      },
      line: (line) => heard.push(text(line)) > 0,
      // Nobody wants the first one any more.
      octets: (octets) => (block += blocks === 0 ? "" : text(octets)),
      end: () => blocks++,
    });
    let left = 0;
    for (const chunk of chunks) left += reader.push(Buffer.from(chunk));
    if (heard.join() !== "+OK,+OK second" || block !== ".b\r\n" || left !== 3) {
      expect({ chunks: chunks.map(text), heard, block, left }).toBeUndefined();
    }
  }
});
