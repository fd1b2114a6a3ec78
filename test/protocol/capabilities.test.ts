// CAPA (RFC 2449 section 6): known capabilities are typed, unknown ones are kept, and no list makes it fail.
import { describe, expect, test } from "vitest";
import { NO_CAPABILITIES, parseCapabilities, type Capabilities } from "../../src/protocol/capabilities.ts";
import { always, text, wireOf } from "../support/octets.ts";

const capabilities = (...lines: string[]): Capabilities =>
  parseCapabilities(lines.map((line) => `${line}\r\n`).join(""));

test("reads RFC 2449's example", () => {
  const { all, ...known } = capabilities(
    ...["TOP", "USER", "SASL CRAM-MD5 KERBEROS_V4", "UIDL", "RESP-CODES", "LOGIN-DELAY 900", "PIPELINING"],
    ...["EXPIRE 60", "IMPLEMENTATION Shlemazle-Plotz-v302"],
  );
  expect(known).toEqual({
    top: true,
    uidl: true,
    user: true,
    stls: false,
    pipelining: true,
    respCodes: true,
    authRespCode: false,
    lang: false,
    utf8: undefined,
    sasl: ["CRAM-MD5", "KERBEROS_V4"],
    expire: { days: 60, perUser: false },
    loginDelay: { seconds: 900, perUser: false },
    implementation: "Shlemazle-Plotz-v302",
  });
  expect(Object.fromEntries(all)).toEqual({
    TOP: "",
    USER: "",
    SASL: "CRAM-MD5 KERBEROS_V4",
    UIDL: "",
    "RESP-CODES": "",
    "LOGIN-DELAY": "900",
    PIPELINING: "",
    EXPIRE: "60",
    IMPLEMENTATION: "Shlemazle-Plotz-v302",
  });
});

test("assumes nothing about a server without a list", () => {
  expect(parseCapabilities("")).toEqual(NO_CAPABILITIES);
  expect(NO_CAPABILITIES).toMatchObject({ top: false, uidl: false, user: false, sasl: [] });
  expect(NO_CAPABILITIES.all.size).toBe(0);
});

test.each([
  ["STLS", { stls: true }],
  ["AUTH-RESP-CODE", { authRespCode: true }],
  ["LANG", { lang: true }],
  ["UTF8", { utf8: { user: false } }],
  ["UTF8 USER", { utf8: { user: true } }],
  ["utf8 user", { utf8: { user: true } }],
  ["UTF8 X", { utf8: { user: false } }],
  ["UTF8=USER", { utf8: { user: true } }],
  ["pipelining", { pipelining: true }],
  ["Top", { top: true }],
  ["UIDL  \t", { uidl: true }],
  ["USER x", { user: true }],
  ["USERS", { user: false }],
  ["XUSER", { user: false }],
  [" TOP", { top: false }],
  ["SASL", { sasl: [] }],
  ["SASL plain Login", { sasl: ["PLAIN", "LOGIN"] }],
  ["SASL=PLAIN LOGIN", { sasl: ["PLAIN", "LOGIN"] }],
  ["SASL   PLAIN \t LOGIN ", { sasl: ["PLAIN", "LOGIN"] }],
  ["SASL PLAIN PLAIN plain", { sasl: ["PLAIN"] }],
  ["EXPIRE 0", { expire: { days: 0, perUser: false } }],
  ["EXPIRE NEVER", { expire: { days: "never", perUser: false } }],
  ["expire never user", { expire: { days: "never", perUser: true } }],
  ["EXPIRE 31 USER", { expire: { days: 31, perUser: true } }],
  ["EXPIRE", { expire: undefined }],
  ["EXPIRE soon", { expire: undefined }],
  ["EXPIRE -1", { expire: undefined }],
  ["EXPIRE 1e3", { expire: undefined }],
  ["EXPIRE 1.5", { expire: undefined }],
  ["EXPIRE 9999999999", { expire: undefined }],
  ["LOGIN-DELAY 300", { loginDelay: { seconds: 300, perUser: false } }],
  ["LOGIN-DELAY 300 USER", { loginDelay: { seconds: 300, perUser: true } }],
  ["LOGIN-DELAY", { loginDelay: undefined }],
  ["LOGIN-DELAY never", { loginDelay: undefined }],
  ["LOGIN-DELAY 99999999999999999999", { loginDelay: undefined }],
  ["IMPLEMENTATION", { implementation: undefined }],
  ["IMPLEMENTATION Cyrus POP3 v2.0", { implementation: "Cyrus POP3 v2.0" }],
  ["IMPLEMENTATION a=b", { implementation: "a=b" }],
  ["IMPLEMENTATION=  a b", { implementation: "a b" }],
  ["IMPLEMENTATION=a=b", { implementation: "a=b" }],
] satisfies [string, Partial<Capabilities>][])("reads %j", (line, expected) => {
  expect(capabilities(line)).toMatchObject(expected);
});

describe("an unknown capability", () => {
  test("is kept, with its name in upper case", () => {
    const { all } = capabilities(
      "X-GOOGLE-RICO",
      "xoip 10.0.0.1",
      "X-ZIMBRA=a b",
      "__proto__ x",
      "constructor",
    );
    expect([...all]).toEqual([
      ["X-GOOGLE-RICO", ""],
      ["XOIP", "10.0.0.1"],
      ["X-ZIMBRA", "a b"],
      ["__PROTO__", "x"],
      ["CONSTRUCTOR", ""],
    ]);
  });

  test("merges lines of the same name", () => {
    const { sasl, all } = capabilities("SASL PLAIN", "SASL", "SASL LOGIN PLAIN", "TOP", "TOP");
    expect(sasl).toEqual(["PLAIN", "LOGIN"]);
    expect(all.get("SASL")).toBe("PLAIN LOGIN PLAIN");
    expect(all.get("TOP")).toBe("");
    expect(capabilities("SASL", "SASL PLAIN").all.get("SASL")).toBe("PLAIN");
  });

  test.each(["", " ", "=", "=x", "\t", "\ufeff"])("%j is not a capability", (line) => {
    expect(capabilities(line).all.size).toBe(0);
  });
});

test("keeps 10,000 mechanisms, each once", () => {
  const names = Array.from({ length: 10_000 }, (_, index) => `X${index}`);
  expect(capabilities(`SASL ${names.join(" ")} ${names.join(" ")}`).sasl).toEqual(names);
});

test("reads a long run of spaces in linear time, also before a lone LF", () => {
  const blanks = " ".repeat(65_000);
  expect(capabilities(`SASL${blanks}PLAIN`).sasl).toEqual(["PLAIN"]);
  expect(capabilities(`SASL${blanks}PLAIN\nLOGIN`).sasl).toEqual(["PLAIN", "LOGIN"]);
});

test("reads any block without failing", () => {
  const parts = [
    "SASL",
    "EXPIRE",
    "UTF8",
    "IMPLEMENTATION",
    "LOGIN-DELAY",
    " ",
    "=",
    "\r\n",
    "\r",
    "\n",
    "\0",
    "\xff",
    "1",
    "USER",
  ];
  always(
    wireOf(parts, 16),
    (block) => {
      const { all, sasl } = parseCapabilities(text(block));
      for (const name of all.keys()) expect(name).toMatch(/^[^\s=]+$/);
      for (const name of sasl) expect(name).toMatch(/^\S+$/);
    },
    1000,
  );
});
