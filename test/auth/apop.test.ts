// APOP (RFC 1939 section 7) computes a digest only over a timestamp that is a valid msg-id.
import { inspect } from "node:util";
import fc from "../support/fast-check.ts";
import { describe, expect, test } from "vitest";
import { apopDigest, apopTimestamp } from "../../src/auth/apop.ts";
import { always } from "../support/octets.ts";

const EXAMPLE = "<1896.697170952@dbc.mtview.ca.us>";

test("computes the digest of RFC 1939's example", () => {
  expect(apopTimestamp(`POP3 server ready ${EXAMPLE}`)).toBe(EXAMPLE);
  expect(apopDigest(EXAMPLE, "tanstaaf")).toBe("c4c9334bac560ecc979e58001b3e22fb");
});

test("encodes a secret beyond ASCII as UTF-8", () => {
  // printf '<a@b>\303\266' | md5sum
  expect(apopDigest("<a@b>", "ö")).toBe("5dffbad7e30f1417bf5190d9474cfe68");
});

test.each([
  [undefined, "secret", "timestamp must be a string (got undefined)"],
  [5, "secret", "timestamp must be a string (got a value of type number)"],
  [EXAMPLE, null, "secret must be a string (got null)"],
  [EXAMPLE, ["hunter2"], "secret must be a string (got a value of type object)"],
])("rejects what is not a string: %o, %o", (timestamp, secret, message) => {
  expect(() => apopDigest(timestamp as string, secret as string)).toThrow(
    expect.objectContaining({ code: "POP3_INVALID_ARGUMENT", message }) as Error,
  );
});

describe("a timestamp that is accepted", () => {
  test.each([
    ["alone", "<a@b>", "<a@b>"],
    ["at the start", "<a@b> ready", "<a@b>"],
    ["after text", "Server POP3 ready <1.2@mail.example.com>", "<1.2@mail.example.com>"],
    ["without a space before it", "ready<a@b>.", "<a@b>"],
    ["after a > in the text", "a -> b <c@d>", "<c@d>"],
    [
      "with every character that a msg-id may contain",
      "<!#$%&'*+-/=?^_`{|}~.0@[127.0.0.1]>",
      "<!#$%&'*+-/=?^_`{|}~.0@[127.0.0.1]>",
    ],
    [
      "of the greatest length allowed",
      `<${"a".repeat(123)}@${"b".repeat(124)}>`,
      `<${"a".repeat(123)}@${"b".repeat(124)}>`,
    ],
  ])("%s", (_, greeting, timestamp) => {
    expect(apopTimestamp(greeting)).toBe(timestamp);
    expect(apopDigest(timestamp, "secret")).toMatch(/^[0-9a-f]{32}$/);
  });
});

// Catalogue of what servers were seen to send, or could send to make collisions (CVE-2007-1558).
const REFUSED = [
  ...[
    "",
    "ready",
    "<",
    ">",
    "<>",
    "><",
    "<@>",
    "<a@>",
    "<@b>",
    "<abc>",
    "<a@b",
    "a@b>",
    "> <",
    "<a@b@c>",
    "<a@@b>",
  ],
  ...["<a b@c>", "<a@b c>", "< a@b>", "<a@b >", "<a@b>>", "<<a@b>", "<<a@b>>", "<a<b@c>", "<a>b@c>"],
  ...["<a@b> <c@d>", "<a@b><c@d>", "<x> <a@b>", "<a@b> <x>", "x > y < z", "a < b <c@d>", "<c@d> a > b"],
  ...[
    "<a\x7f@b>",
    "<a\x00@b>",
    "<a\t@b>",
    "<a\r@b>",
    "<a\n@b>",
    "<a@b\n>",
    "<\x80\xff\xfe\x01@\xde\xad>",
    "<é@b>",
    "<a@ö>",
  ],
  ...["<a@b\u2028>", "＜a@b＞", `<${"a".repeat(251)}@b>`, `<a@${"b".repeat(251)}>`],
];

describe("a greeting without a valid timestamp", () => {
  test.each(REFUSED)("finds none in %j", (greeting) => {
    expect(apopTimestamp(greeting)).toBeUndefined();
  });

  test.each([...REFUSED, `${EXAMPLE} `, ` ${EXAMPLE}`, `ready ${EXAMPLE}`])(
    "computes no digest for %j",
    (timestamp) => {
      expect(() => apopDigest(timestamp, "hunter2")).toThrow(
        expect.objectContaining({
          code: "POP3_APOP_BAD_CHALLENGE",
          message:
            "the timestamp for APOP must be a msg-id in printable ASCII, such as <1896.697170952@example.org>",
        }) as Error,
      );
    },
  );

  test("reports an error that contains no secret", () => {
    let error: unknown;
    try {
      apopDigest("<hunter>", "hunter2");
    } catch (thrown) {
      error = thrown;
    }
    expect(inspect(error, { showHidden: true })).not.toContain("hunter2");
  });
});

// CVE-2018-1060: what a regular expression makes of many openings. Quadratic work on these would not come to an end.
test.each([
  ["<", "<".repeat(1_000_000)],
  ["<a", "<a".repeat(500_000)],
  ["<a@", "<a@".repeat(300_000)],
  ["<@ >", "<@ >".repeat(250_000)],
  ["@", `<${"@".repeat(1_000_000)}>`],
  ["a", `<${"a".repeat(1_000_000)}>`],
  ["a, and one @", `<${"a".repeat(500_000)}@${"a".repeat(500_000)}>`],
  [">", ">".repeat(1_000_000)],
])("finds none in a megabyte of %s", (_, greeting) => {
  expect(apopTimestamp(greeting)).toBeUndefined();
});

test("finds only msg-ids of printable ASCII that occur in the greeting, whatever the greeting is", () => {
  const unit = fc.constantFrom("<", ">", "@", "a", ".", " ", "\0", "\xff", "ö", "<a@b>");
  always(
    fc.string({ unit, maxLength: 12 }),
    (greeting) => {
      const timestamp = apopTimestamp(greeting);
      const candidates = greeting.match(/<[^<>]*>/g) ?? [];
      if (timestamp === undefined) return;
      expect(candidates).toEqual([timestamp]);
      expect(timestamp).toMatch(/^<[\x21-\x7e]+@[\x21-\x7e]+>$/);
      expect(timestamp.split("@")).toHaveLength(2);
    },
    3000,
  );
});
