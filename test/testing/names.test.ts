// Names and passwords beyond ASCII (RFC 6856 section 2.2), in UTF-8 and in a legacy charset.
import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { saslprep } from "../../src/testing/saslprep.ts";
import { hear, sessionOf, TIMESTAMP, type Setting } from "./dialogue.ts";

const IN = "S: +OK logged in";
const REFUSED = "S: -ERR [AUTH] wrong user name or password";

/** What is said to each way of giving a name and a password in these octets. */
function logins(name: Buffer, pass: Buffer, setting: Setting): (string | undefined)[] {
  const NUL = Buffer.from([0]);
  const line = (...parts: (Buffer | string)[]): Buffer =>
    Buffer.concat([...parts, "\r\n"].map((part) => (typeof part === "string" ? Buffer.from(part) : part)));
  const digest = createHash("md5").update(TIMESTAMP).update(pass).digest("hex");
  const plain = Buffer.concat([NUL, name, NUL, pass]).toString("base64");
  return [
    line("USER ", name, "\r\nPASS ", pass),
    line("APOP ", name, ` ${digest}`),
    line(`AUTH PLAIN ${plain}`),
    line(`AUTH LOGIN ${name.toString("base64")}\r\n${pass.toString("base64")}`),
  ].map((octets) => hear(sessionOf(setting), octets).at(-1));
}
const every = (answer: string): string[] => [answer, answer, answer, answer];

describe("names and passwords", () => {
  const users = { änne: { pass: "päss wörd" } };
  const utf8 = [Buffer.from("änne"), Buffer.from("päss wörd")] as const;
  const latin1 = [Buffer.from("änne", "latin1"), Buffer.from("päss wörd", "latin1")] as const;

  it("are read as UTF-8 unless an option says otherwise", () => {
    expect(logins(...utf8, { users })).toEqual(every(IN));
    expect(logins(...latin1, { users })).toEqual(every(REFUSED));
    expect(logins(utf8[0], latin1[1], { users })).toEqual(every(REFUSED));
  });

  it("are read octet for octet as Latin-1", () => {
    const setting: Setting = { users, charset: "latin1" };
    expect(logins(...latin1, setting)).toEqual(every(IN));
    expect(logins(...utf8, setting)).toEqual(every(REFUSED));
    const octets = (from: number): Buffer => Buffer.from(Array.from({ length: 64 }, (_, at) => from + at));
    const [name, pass] = [octets(128), octets(192)];
    const odd = { [name.toString("latin1")]: { pass: pass.toString("latin1") } };
    expect(logins(name, pass, { users: odd, charset: "latin1" })).toEqual(every(IN));
  });

  it("are compared by SASLprep, and refused if it prohibits them", () => {
    const [name, pass] = [Buffer.from("Ann\u00adⅨ"), Buffer.from("a\u2009ª")];
    expect(logins(name, Buffer.from("a a"), { users: { AnnIX: { pass: "a\u00a0ª" } } })).toEqual(every(IN));
    const [user, passUser, plain, login] = logins(name, pass, { users: { AnnIX: { pass: "a a" } } });
    expect([user, passUser, plain, login]).toEqual([IN, REFUSED, IN, IN]); // the digest was of another form
    for (const prohibited of ["a\ufffdb", "\ue000", "\u2028"]) {
      const octets = Buffer.from(prohibited);
      expect(logins(octets, octets, { users: { [prohibited]: { pass: prohibited } } })).toEqual(
        every(REFUSED),
      );
    }
  });

  it("stay unchanged in ASCII", () => {
    const octets = Buffer.from("\ta\x7f");
    expect(logins(octets, octets, { users: { "\ta\x7f": { pass: "\ta\x7f" } } })).toEqual(every(IN));
  });

  it("can be missing, and then every login is refused", () => {
    const nothing = Buffer.alloc(0);
    expect(logins(Buffer.from("ann"), nothing, { users: { ann: {} } })).toEqual([
      "S: -ERR wrong arguments",
      REFUSED,
      REFUSED,
      REFUSED,
    ]);
    expect(logins(Buffer.from("ann"), Buffer.from("undefined"), { users: { ann: {} } })).toEqual(
      every(REFUSED),
    );
  });
});

describe("SASLprep", () => {
  it.each([
    ["I\u00adX", "IX"],
    ["user", "user"],
    ["USER", "USER"],
    ["\u00aa", "a"],
    ["\u2168", "IX"],
    ["\u0007", undefined],
  ])("of %j is as in RFC 4013 section 3", (text, prepared) => {
    expect(saslprep(text)).toBe(prepared);
  });

  it.each([
    ["a\u00a0b\u3000c", "a b c"],
    ["a\u200bb\ufe0fc\u2060d\ufeff", "abcd"],
    ["e\u0301", "é"],
    ["", ""],
  ])("maps %j", (text, prepared) => {
    expect(saslprep(text)).toBe(prepared);
  });

  it.each(
    Array.from(
      "\x7f\x9f\u06dd\u070f\u180e\u200e\u2028\u202e\u2062\u206a\u2ff0\ufff9\ufffd\ufdd0\ue000",
    ).concat(["\u{1d173}", "\u{1fffe}", "\u{e0001}", "\u{e007f}", "\u{f0000}", "\ud800"]),
  )("prohibits %j", (text) => {
    expect(saslprep(`a${text}b`)).toBeUndefined();
  });
});
