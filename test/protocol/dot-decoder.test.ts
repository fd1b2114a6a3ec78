// Multi-line responses (RFC 1939 section 3): any chunking gives the same octets, and only CRLF . CRLF ends
// them.
import { describe, expect, test, vi } from "vitest";
import { DotDecoder } from "../../src/protocol/dot-decoder.ts";
import { encodeBlock } from "../../src/protocol/dot-encoder.ts";
import {
  always,
  cut,
  cutWire,
  everyCut,
  inPieces,
  octets,
  singly,
  text,
  times,
  whole,
  wireOf,
} from "../support/octets.ts";

interface Decoded {
  /** Latin-1. */
  readonly message: string;
  /** The number of octets after the end of the block; `undefined` if it has not ended. */
  readonly left: number | undefined;
}

/**
 * Decodes the block at the beginning of a chunk, or a part of it. Returns the pieces that are given out, and the offset
 * after the end of the block, or -1.
 */
function step(
  decoder: DotDecoder,
  chunk: Buffer,
  from = 0,
): { readonly pieces: Buffer[]; readonly end: number } {
  const pieces: Buffer[] = [];
  for (let at = from; at < chunk.length;) {
    at = decoder.decode(chunk, at);
    if (decoder.octets.length > 0) pieces.push(decoder.octets);
    if (decoder.ended) return { pieces, end: at };
  }
  return { pieces, end: -1 };
}

/**
 * Decodes one block, in copies of the chunks. What was given out is read at the end: it must not have been written to
 * again.
 */
function decode(chunks: readonly Buffer[], decoder = new DotDecoder()): Decoded {
  const given: Buffer[] = [];
  let left: number | undefined;
  for (const chunk of chunks) {
    if (left !== undefined) left += chunk.length;
    else {
      const { pieces, end } = step(decoder, Buffer.from(chunk));
      given.push(...pieces);
      if (end !== -1) left = chunk.length - end;
    }
  }
  return { message: text(Buffer.concat(given)), left };
}

/** The rule as RFC 1939 has it, octet by octet, over a wire that is whole. */
function reference(wire: Buffer): Decoded {
  let message = "";
  let line = "";
  for (const [at, octet] of wire.entries()) {
    line += String.fromCharCode(octet);
    if (!line.endsWith("\r\n")) continue;
    if (line === ".\r\n") return { message, left: wire.length - at - 1 };
    message += line.startsWith(".") ? line.slice(1) : line;
    line = "";
  }
  // A line that is not complete is given out, but for what may yet be the end.
  if (line !== ".\r") message += line.startsWith(".") ? line.slice(1) : line;
  return { message, left: undefined };
}

const same = (one: Decoded, other: Decoded): boolean =>
  one.message === other.message && one.left === other.left;

/** The cuts of `wire` that are not decoded as the reference has it. */
function disagreements(wire: Buffer, cuts: Iterable<Buffer[]> = everyCut(wire)): string[][] {
  const expected = reference(wire);
  const found: string[][] = [];
  for (const chunks of cuts) if (!same(decode(chunks), expected)) found.push(chunks.map(text));
  return found;
}

// [what it is, wire, message, octets left over]
const BLOCKS: readonly (readonly [string, string, string, number])[] = [
  ["an empty block", ".\r\n", "", 0],
  ["one line", "a\r\n.\r\n", "a\r\n", 0],
  ["an empty line", "\r\n.\r\n", "\r\n", 0],
  ["empty lines only", "\r\n\r\n\r\n.\r\n", "\r\n\r\n\r\n", 0],
  ["a stuffed dot", "..\r\n.\r\n", ".\r\n", 0],
  ["stuffed dots before text", "..x\r\n...y\r\n....\r\n.\r\n", ".x\r\n..y\r\n...\r\n", 0],
  ["a dot that was not stuffed", ".x\r\n.\r\n", "x\r\n", 0],
  ["a capability with a dot", "TOP\r\n.capability\r\n.\r\n", "TOP\r\ncapability\r\n", 0],
  ["dots inside lines", "a.b.\r\n.\r\n", "a.b.\r\n", 0],
  ["LF . LF", "a\n.\nb\r\n.\r\n", "a\n.\nb\r\n", 0],
  ["LF . CRLF", "a\n.\r\nb\r\n.\r\n", "a\n.\r\nb\r\n", 0],
  ["CRLF . LF", "a\r\n.\nb\r\n.\r\n", "a\r\n\nb\r\n", 0],
  ["CR . CR", "a\r.\rb\r\n.\r\n", "a\r.\rb\r\n", 0],
  ["CRLF . CR CR LF", "a\r\n.\r\r\n.\r\n", "a\r\n\r\r\n", 0],
  ["dot CR dot", ".\r.\r\n.\r\n", "\r.\r\n", 0],
  ["dot CR text", ".\ra\r\n.\r\n", "\ra\r\n", 0],
  ["dot CR CRLF and the end", ".\r\r\n.\r\n", "\r\r\n", 0],
  ["CR CRLF", "\r\r\n.\r\n", "\r\r\n", 0],
  ["LF at the start", "\n.\r\n.\r\n", "\n.\r\n", 0],
  ["CR at the start", "\r.\r\n\r\n.\r\n", "\r.\r\n\r\n", 0],
  ["NUL and 8-bit", "\0\xff\r\n..\0\r\n.\r\n", "\0\xff\r\n.\0\r\n", 0],
  ["words of a status line", "+OK\r\n-ERR no\r\n+ \r\n.\r\n", "+OK\r\n-ERR no\r\n+ \r\n", 0],
  ["a smuggled reply", "a\n.\n+OK fake\r\n.\r\n", "a\n.\n+OK fake\r\n", 0],
  ["a reply after the block", "a\r\n.\r\n+OK 2 320\r\n", "a\r\n", 11],
  ["one octet after the block", "a\r\n.\r\n.", "a\r\n", 1],
  ["a dot line after the block", "a\r\n.\r\n.\r\n", "a\r\n", 3],
  ["an empty line after the block", ".\r\n\r\n.\r\n", "", 5],
  ["nine dots inside a line", "1.2.3.4.5.6.7.8.9.0\r\n..a\r\n.\r\n", "1.2.3.4.5.6.7.8.9.0\r\n.a\r\n", 0],
  ["a line of dots", `${".".repeat(14)}\r\n.\r\n`, `${".".repeat(13)}\r\n`, 0],
  ["seven stuffed lines", `${"..\r\n".repeat(7)}.\r\n`, ".\r\n".repeat(7), 0],
  ["seven stuffed lines and a reply", `${"..a\r\n".repeat(7)}.\r\n+OK\r\n`, ".a\r\n".repeat(7), 5],
  [
    "dots at lone LFs after stuffed lines",
    `${"..\r\n".repeat(6)}\n.\n.\r\n.\r\n`,
    `${".\r\n".repeat(6)}\n.\n.\r\n`,
    0,
  ],
  [
    "CRs after stuffed lines",
    `${"..\r\n".repeat(6)}.\r\r\n.\r.\r\n.\r\n`,
    `${".\r\n".repeat(6)}\r\r\n\r.\r\n`,
    0,
  ],
];

const UNFINISHED = [
  "",
  ".",
  ".\r",
  "a",
  "a\r",
  "a\r\n",
  "a\r\n.",
  "a\r\n.\r",
  "..",
  "\n.\n",
  "\r\n.\n",
  "\n.\r\n",
  "\r.\r",
  ".\r\r",
];

describe("samples", () => {
  test.each(BLOCKS)("decodes %s, whole", (_, wire, message, left) => {
    expect(decode(whole(octets(wire)))).toEqual({ message, left });
  });

  test.each(BLOCKS)("decodes %s, at every cut", (_, wire) => {
    expect(disagreements(octets(wire))).toEqual([]);
  });

  test.each(BLOCKS)("finds no end in %s if the end is missing", (_, wire, message, left) => {
    const block = octets(wire).subarray(0, wire.length - left);
    for (let length = 0; length < block.length; length++) {
      const part = decode(whole(block.subarray(0, length)));
      expect(part.left).toBeUndefined();
      // Only a CR after a dot is held back, and only octets of the message are given out.
      expect(message.startsWith(part.message)).toBe(true);
    }
  });

  test.each(UNFINISHED)("finds no end in %j, at every cut", (wire) => {
    expect(decode(whole(octets(wire))).left).toBeUndefined();
    expect(disagreements(octets(wire))).toEqual([]);
  });

  test("decodes every input of up to seven octets of dot, CR, LF and a letter", () => {
    const alphabet = [".", "\r", "\n", "a"];
    const wrong: string[][] = [];
    let level = [""];
    for (let length = 1; length <= 7; length++) {
      level = level.flatMap((prefix) => alphabet.map((octet) => prefix + octet));
      for (const wire of level.map(octets)) {
        const cuts = [whole(wire), singly(wire)];
        for (let at = 1; at < length; at++) cuts.push([wire.subarray(0, at), wire.subarray(at)]);
        wrong.push(...disagreements(wire, cuts));
      }
    }
    expect(level).toHaveLength(4 ** 7);
    expect(wrong).toEqual([]);
  });
});

describe("properties", () => {
  test("agrees with the reference in message, end and rest for any chunking", () => {
    always(
      cutWire(),
      (input) => {
        const cuts = [whole(input.wire), cut(input), singly(input.wire)];
        expect(disagreements(input.wire, cuts)).toEqual([]);
      },
      4000,
    );
  });

  test("agrees with the reference octet by octet for inputs of dots, CRs and LFs", () => {
    always(
      cutWire([".", "\r", "\n", "+", "-", "\0", "\xff", "a"], 60),
      (input) => {
        expect(disagreements(input.wire, [cut(input)])).toEqual([]);
      },
      4000,
    );
  });

  // Dots in lines, stuffed dots far apart and close together: each way through the decoder, in every order.
  const PATHS = [
    "a.b.c.d.e.f.g.h.i.j.",
    "........",
    "..x\r\n",
    "..\r\n..\r\n..\r\n..\r\n..\r\n..\r\n",
    `${"-".repeat(126)}\r\n..`,
    `${"-".repeat(300)}\r\n`,
    "\r\n",
    "\r",
    "\n.",
    ".\r",
    "\r\n.",
    "x",
  ];

  test.each([1, 2, 3, 5, 64, 129, 1000])(
    "agrees with the reference for long inputs in chunks of %i octets",
    (size) => {
      always(
        wireOf(PATHS, 60),
        (body) => {
          const wire = Buffer.concat([body, octets("\r\n.\r\n+OK\r\n")]);
          expect(decode(inPieces(wire, size))).toEqual(reference(wire));
          expect(decode(whole(wire))).toEqual(reference(wire));
        },
        200,
      );
    },
  );

  test("decodes an encoded message to itself, with the CRLF it lacked, and leaves nothing over", () => {
    const complete = (message: string): string =>
      message === "" || message.endsWith("\r\n") ? message : `${message}\r\n`;
    always(
      cutWire([".", "\r", "\n", "\r\n", "\r\n.", "\0", "\xff", "a", ...PATHS], 30),
      ({ wire: message, sizes }) => {
        const expected = { message: complete(text(message)), left: 0 };
        const block = encodeBlock(message);
        expect(decode(whole(block))).toEqual(expected);
        expect(decode(cut({ wire: block, sizes }))).toEqual(expected);
      },
      3000,
    );
  });

  test("decodes a block the same, whatever precedes it in its chunk", () => {
    always(cutWire(), ({ wire }) => {
      for (const line of ["+OK\r\n", "+OK 120 octets.\r\n"]) {
        const chunk = Buffer.concat([octets(line), wire]);
        const { pieces, end } = step(new DotDecoder(), chunk, line.length);
        const left = end === -1 ? undefined : chunk.length - end;
        expect({ message: text(Buffer.concat(pieces)), left }).toEqual(reference(wire));
        expect(text(chunk).startsWith(line)).toBe(true);
      }
    });
  });

  test("decodes the next block like a new decoder", () => {
    always(cutWire(), (input) => {
      const decoder = new DotDecoder();
      expect(decode(whole(octets("..\r\n..\r\n..\r\n..\r\n..\r\n..\r\n.\r\n")), decoder).left).toBe(0);
      expect(decode(cut(input), decoder)).toEqual(reference(input.wire));
    });
  });
});

test("separates two messages in one chunk", () => {
  const chunk = octets("..one\r\n.\r\n..two\r\n.\r\n+OK");
  const decoder = new DotDecoder();
  const first = step(decoder, chunk);
  expect([first.pieces.map(text), first.end]).toEqual([[".one\r\n"], 10]);
  const second = step(decoder, chunk, first.end);
  expect([second.pieces.map(text), second.end]).toEqual([[".two\r\n"], 20]);
  // What belongs to no block is unchanged, and so is what was given out.
  expect([text(chunk.subarray(20)), first.pieces.map(text)]).toEqual(["+OK", [".one\r\n"]]);
});

test("decodes the next block correctly if the consumer ignores the first one", () => {
  const wire = octets("..one\r\n.x\r\n..two\r\n.\r\n..three\r\n.\r\n");
  for (const chunks of everyCut(wire)) {
    const decoder = new DotDecoder();
    let heard = "";
    let blocks = 0;
    for (const given of chunks) {
      const chunk = Buffer.from(given);
      for (let at = 0; at !== -1 && at < chunk.length;) {
        const { pieces, end } = step(decoder, chunk, at);
        at = end;
        // The first block is dropped.
        if (blocks > 0) heard += text(Buffer.concat(pieces));
        if (at !== -1) blocks++;
      }
    }
    if (heard !== ".three\r\n" || blocks !== 2) expect(chunks.map(text)).toEqual(["..three", blocks]);
  }
});

describe("linear work", () => {
  /** Counts what is given out, and writes it to one place. */
  class Collector {
    readonly #room: Buffer;
    pieces = 0;
    octets = 0;

    constructor(size: number) {
      this.#room = Buffer.alloc(size);
    }

    take(pieces: readonly Buffer[]): void {
      for (const piece of pieces) {
        this.pieces++;
        this.octets += piece.copy(this.#room, this.octets);
      }
    }

    equals(message: Buffer): boolean {
      return this.#room.subarray(0, this.octets).equals(message);
    }
  }

  const CHUNK = 64 * 1024;

  test("passes on 2 MB octet by octet, each octet once, and holds back only a CR after a dot", () => {
    const message = octets(
      "From: ann@example.com\r\n.\r\n..\r\n.\rx\r\n\r\n1.5 litres\r\n".repeat(times(40_000)),
    );
    const block = encodeBlock(message);
    expect(block.length).toBeGreaterThan(times(2_000_000));
    const collector = new Collector(message.length);
    const decoder = new DotDecoder();
    let last = -1;
    for (let at = 0; at < block.length; at++) {
      const { pieces, end } = step(decoder, block.subarray(at, at + 1));
      collector.take(pieces);
      last = end;
    }
    expect(last).toBe(1);
    expect(collector.equals(message)).toBe(true);
    expect(collector.pieces).toBe(message.length);
  });

  test("passes on a line of 64 MB chunk by chunk, and gives out the chunk itself", () => {
    const chunk = Buffer.alloc(CHUNK, "a");
    const decoder = new DotDecoder();
    for (let turn = 0; turn < 1024; turn++) {
      const { pieces, end } = step(decoder, chunk);
      if (pieces.length !== 1 || pieces[0] !== chunk || end !== -1)
        expect({ turn, pieces, end }).toBeUndefined();
    }
  });

  test("gives one piece for each chunk, in the memory of the chunk, wherever its dots are", () => {
    const far = `..${"a".repeat(126)}\r\n`;
    const near = `..${"a".repeat(124)}\r\n`;
    for (const line of [far, near, "..\r\n", "a..\r\n..\r\n", `${"a.".repeat(70)}\r\n..`]) {
      const chunk = octets(line.repeat(100));
      const { pieces } = step(new DotDecoder(), chunk);
      expect(pieces).toHaveLength(1);
      expect(pieces[0]?.buffer).toBe(chunk.buffer);
    }
    const chunk = octets(far.repeat(100));
    // A dot before everything else needs no move.
    expect(step(new DotDecoder(), chunk).pieces[0]?.byteOffset).toBe(chunk.byteOffset + 1);
  });

  test("moves octet by octet after the fifth stuffed dot close to the one before", () => {
    /** How often a range of the chunk is moved. */
    const moves = (text: string): number => {
      const chunk = octets(text);
      const move = vi.spyOn(chunk, "copyWithin");
      step(new DotDecoder(), chunk);
      return move.mock.calls.length;
    };
    // The first dot of a chunk has none before it, and the text after it stays where it is.
    const near = `..${"a".repeat(124)}\r\n`;
    expect(moves(near.repeat(100))).toBe(4);
    const far = `..${"a".repeat(125)}\r\n`;
    expect(moves(far.repeat(100))).toBe(99);
    // A dot that is far from the last one starts a new count.
    expect(moves([near.repeat(4), far, near.repeat(4), far, near.repeat(10)].join(""))).toBe(14);
  });

  test("searches for the start of the next line after eight dots inside lines", () => {
    /** How often the chunk is searched. */
    const searches = (text: string): number => {
      const chunk = octets(text);
      const search = vi.spyOn(chunk, "indexOf");
      step(new DotDecoder(), chunk);
      return search.mock.calls.length;
    };
    expect(searches("a")).toBe(1);
    expect(searches("a.".repeat(7))).toBe(8);
    expect(searches("a.".repeat(8))).toBe(9);
    expect(searches("a.".repeat(10_000))).toBe(9);
    // Eight dots, the start of a line, and the same again.
    const line = `${"a.".repeat(100)}\r\n.`;
    expect(searches(line.repeat(3))).toBe(3 * 9);
    expect(searches(`${line.repeat(3)}${"a.".repeat(100)}`)).toBe(4 * 9);
  });

  test("gives one piece per chunk for 16 MB of dots", () => {
    const decoder = new DotDecoder();
    let pieces = 0;
    let size = 0;
    for (let turn = 0; turn < 256; turn++) {
      for (const piece of step(decoder, Buffer.alloc(CHUNK, ".")).pieces) {
        pieces++;
        size += piece.length;
      }
    }
    expect([pieces, size]).toEqual([256, 256 * CHUNK - 1]);
  });

  test.each([
    ["empty", "\r\n"],
    ["of one letter", "a\r\n"],
    ["of one dot", ".\r\n"],
    ["that start with a dot", ".a\r\n"],
  ])("gives one piece per chunk for a million lines %s", (_, line) => {
    const stuffed = line.startsWith(".") ? `.${line}` : line;
    const lines = times(1_000_000);
    const message = Buffer.alloc(line.length * lines, line);
    const block = Buffer.concat([Buffer.alloc(stuffed.length * lines, stuffed), octets(".\r\n")]);
    const collector = new Collector(message.length);
    const decoder = new DotDecoder();
    const chunks = inPieces(block, CHUNK);
    const ends = chunks.map((chunk) => {
      const { pieces, end } = step(decoder, chunk);
      collector.take(pieces);
      return end;
    });
    expect(ends.filter((end) => end !== -1)).toEqual([chunks.at(-1)?.length]);
    expect(collector.equals(message)).toBe(true);
    expect(collector.pieces).toBeLessThanOrEqual(chunks.length + 1);
  });
});
