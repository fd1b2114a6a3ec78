// The time of a message: which field gives it, which dates are read, and which are not plausible.
import { describe, expect, test } from "vitest";
import { internalDate, timeOf } from "../../../../src/fetch/destinations/imap/internal-date.ts";

const NOW = new Date("2026-11-30T12:00:00Z");
const at = (...lines: readonly string[]): string =>
  internalDate(Buffer.from([...lines, "", "body"].join("\r\n"), "latin1"), NOW).toISOString();

describe("the field", () => {
  test("is the first Received, which is the newest", () => {
    expect(
      at(
        "Received: from b by c; Mon, 30 Nov 2026 10:00:00 +0000",
        "Received: from a by b; Mon, 30 Nov 2026 09:00:00 +0000",
        "Date: Mon, 30 Nov 2026 08:00:00 +0000",
      ),
    ).toBe("2026-11-30T10:00:00.000Z");
  });

  test("is the next one if a Received is not plausible", () => {
    expect(
      at(
        "Received: from d by e; Mon, 30 Nov 2026 12:00:01 +0000",
        "Received: from c by d; Thu, 1 Jan 1970 00:00:00 +0000",
        "Received: from b by c (no date)",
        "RECEIVED : from a by b;\r\n\tMon, 30 Nov 2026\r\n 09:00:00 +0100 (CET; winter)",
        "Date: Mon, 30 Nov 2026 08:00:00 +0000",
      ),
    ).toBe("2026-11-30T08:00:00.000Z");
  });

  test("is Date without a plausible Received, and now without both", () => {
    expect(at("Received: nonsense", "Date: 29 Nov 2026 08:00 -0530")).toBe("2026-11-29T13:30:00.000Z");
    expect(at("Date: Fri, 31 Dec 2107 00:00:00 +0000")).toBe(NOW.toISOString());
    expect(at("Subject: none")).toBe(NOW.toISOString());
    expect(internalDate(Buffer.alloc(0), NOW)).toEqual(NOW);
  });

  test.each(["\r", "(", " ", ";", "\r ", ":"])("is found in linear time in a header of only %j", (text) => {
    const long = text.repeat((256 * 1024) / text.length);
    expect(at(`Received: a; 29 Nov 2026 08:00 +0000`, `X: ${long}x`)).toBe("2026-11-29T08:00:00.000Z");
    expect(at(`Received: a${long}x`, "Date: 29 Nov 2026 08:00 +0000")).toBe(NOW.toISOString());
  });

  test("is in the header: a line of the body is not one", () => {
    expect(internalDate(Buffer.from("a: b\n\nDate: 29 Nov 2026 08:00 +0000\n"), NOW)).toEqual(NOW);
    expect(internalDate(Buffer.from("\r\nDate: 29 Nov 2026 08:00 +0000\r\n"), NOW)).toEqual(NOW);
  });

  test("may end in a bare line feed, or have no end at all", () => {
    expect(internalDate(Buffer.from("a: b\nDate: 29 Nov 2026 08:00 +0000"), NOW).toISOString()).toBe(
      "2026-11-29T08:00:00.000Z",
    );
  });

  test("is found in reasonable time in a hostile header", () => {
    const value = "(".repeat(100_000) + " ".repeat(50_000) + "1 ".repeat(50_000);
    expect(at(`Received: ${value}; ${value}`, "Date: 29 Nov 2026 08:00 +0000")).toBe(
      "2026-11-30T12:00:00.000Z",
    );
  });
});

test.each([
  ["Mon, 30 Nov 2026 10:11:12 +0000", "2026-11-30T10:11:12.000Z"],
  ["mon,30 nov 2026 10:11:12 -0800", "2026-11-30T18:11:12.000Z"],
  ["30 November 2026 10:11 GMT", "2026-11-30T10:11:00.000Z"],
  ["30-Nov-2026 10:11:12 EST", "2026-11-30T15:11:12.000Z"],
  ["1 Jan 99 00:00:00 PDT", "1999-01-01T07:00:00.000Z"],
  ["1 Jan 26 00:00:00 Z", "2026-01-01T00:00:00.000Z"],
  ["1 Jan 126 00:00:00", "2026-01-01T00:00:00.000Z"],
  ["29 Feb 2024 00:00:00 +0000", "2024-02-29T00:00:00.000Z"],
  ["30 Jun 2015 23:59:60 +0000", "2015-07-01T00:00:00.000Z"],
  ["Mon, 30 Nov 2026 10:11:12 +0000 for <ann@example.com>", "2026-11-30T10:11:12.000Z"],
])("reads %s", (text, expected) => {
  expect(new Date(timeOf(text) ?? 0).toISOString()).toBe(expected);
});

test.each([
  "",
  "yesterday",
  "2026-11-30T10:11:12Z",
  "31 Feb 2026 00:00:00 +0000",
  "0 Jan 2026 00:00:00 +0000",
  "1 Foo 2026 00:00:00 +0000",
  "1 Jan 2026 24:00:00 +0000",
  "1 Jan 2026 00:60:00 +0000",
  "1 Jan 2026 00:00:61 +0000",
  "1 Jan 2026",
])("does not read %j", (text) => {
  expect(timeOf(text)).toBeUndefined();
});
