// Lines of a journal: decoding returns what was encoded, in printable ASCII, and rejects a part of a line.
import fc from "../../support/fast-check.ts";
import { times } from "../../support/octets.ts";
import { describe, expect, test } from "vitest";
import {
  changesOf,
  decodeLine,
  encode,
  encodeLine,
  encodeRecord,
  type JournalLine,
} from "../../../src/fetch/ledger/journal-line.ts";
import type { LedgerChanges, LedgerEntry } from "../../../src/fetch/ledger/ledger.ts";
import { changes, texts } from "./changes.ts";

const SEED = { seed: 1939, numRuns: times(1000) };
const ENTRY: LedgerEntry = { id: "a1", status: "delivered", firstSeen: 1_760_000_000_000, size: 2048 };

function decode(line: string, to = line.length - 1): JournalLine | undefined {
  const octets = Buffer.from(line, "latin1");
  return decodeLine({ octets, latin1: octets.toString("latin1") }, 0, to);
}

/** What each of the lines of a record changes. */
function throughLines(record: LedgerChanges): LedgerChanges[] {
  const lines = encodeRecord(record).map((text, at) => decode(encodeLine(text, at === 0)));
  return lines.map((line, at) => {
    expect(line).toMatchObject({ first: at === 0, more: at < lines.length - 1 });
    const told = changesOf(JSON.parse(line?.text ?? ""));
    expect(told).toBeDefined();
    return told as LedgerChanges;
  });
}

describe("a line", () => {
  test("can be read by a person", () => {
    expect(encodeRecord({ entries: [ENTRY], forgotten: ["b\n2"], state: { lastRun: 5 } })).toEqual([
      '{"id":"a1","status":"delivered","firstSeen":1760000000000,"size":2048},',
      '{"forgotten":"b\\n2"},',
      '{"state":{"lastRun":5}}',
    ]);
    expect(encodeLine('{"forgotten":"b"}', true)).toBe('503b9723>{"forgotten":"b"}\n');
    expect(encodeLine('{"forgotten":"b"}', false)).toBe('4300a751 {"forgotten":"b"}\n');
  });

  test("has an FNV-1a checksum", () => {
    // Its authors' own test vectors.
    const fnv = (text: string): number => {
      let hash = 2_166_136_261n;
      for (const octet of Buffer.from(text)) hash = ((hash ^ BigInt(octet)) * 16_777_619n) % 2n ** 32n;
      return Number(hash);
    };
    expect([fnv("a"), fnv("foobar")]).toEqual([0xe40c292c, 0xbf9cf968]);
    const withSum = (text: string): string => `${fnv(text).toString(16).padStart(8, "0")}${text}\n`;
    expect(encodeLine("foobar", true)).toBe(withSum(">foobar"));
    expect(decode(withSum("xfoobar")), "with another mark").toBeUndefined();
  });

  test("returns a record unchanged", () => {
    fc.assert(
      fc.property(changes, (record) => {
        const told = throughLines(record);
        expect(told.flatMap(({ entries = [] }) => entries)).toEqual(record.entries ?? []);
        expect(told.flatMap(({ forgotten = [] }) => forgotten)).toEqual(record.forgotten ?? []);
        expect(told.at(-1)?.state).toEqual(record.state);
      }),
      SEED,
    );
  });

  test("is always one line of printable ASCII", () => {
    fc.assert(
      fc.property(texts, (reason) => {
        expect(encodeLine(encode({ ...ENTRY, reason }), true)).toMatch(/^[ -~]+\n$/);
      }),
      SEED,
    );
  });

  test("is rejected if it was cut, or continues with something else", () => {
    const line = encodeLine(encode(ENTRY), true);
    expect(decode(line)).toEqual({ first: true, more: false, text: encode(ENTRY) });
    for (let cut = 0; cut < line.length; cut++) {
      expect(decode(line.slice(0, cut)), "without a line feed").toBeUndefined();
      expect(decode(`${line.slice(0, cut)}\n`, cut), "with one").toEqual(
        cut === line.length - 1 ? { first: true, more: false, text: encode(ENTRY) } : undefined,
      );
      expect(decode(`${line.slice(0, cut).padEnd(line.length - 1, "\0")}\n`), "with NULs").toEqual(
        cut === line.length - 1 ? { first: true, more: false, text: encode(ENTRY) } : undefined,
      );
    }
  });

  test("is rejected if an octet has changed", () => {
    const line = encodeLine(encode(ENTRY), false);
    for (let at = 0; at < line.length; at++) {
      for (let bit = 1; bit < 256; bit *= 2) {
        const octets = Buffer.from(line);
        octets[at] = (octets[at] as number) ^ bit;
        // The checksum says the same in capitals.
        if (at < 8 && octets.toString("latin1").toLowerCase() === line.toLowerCase()) continue;
        expect(decode(octets.toString("latin1")), `octet ${at}, bit ${bit}`).toBeUndefined();
      }
    }
  });
});

test.each([
  ...[null, 7, "text", [], {}, { state: null }, { state: 7 }, { forgotten: 7 }],
  ...[{ id: 7 }, { firstSeen: "1" }, { status: "toString" }, { status: ["delivered"] }].map((wrong) => ({
    ...ENTRY,
    ...wrong,
  })),
])("%j is of an unknown kind", (value) => {
  expect(changesOf(value)).toBeUndefined();
});
