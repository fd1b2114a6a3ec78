// The status indicator must match exactly; the text after it is read without ever failing.
import { describe, expect, test } from "vitest";
import { decodeText, parseReply, printableLine } from "../../src/protocol/reply.ts";
import { Secrets } from "../../src/protocol/secrets.ts";
import { judgeRefusal } from "../../src/retry.ts";
import { always, octets, text, wireOf } from "../support/octets.ts";

const parse = (line: string): unknown => parseReply(octets(line));

describe("the status", () => {
  test.each([
    ["+OK", { status: "ok", text: "" }],
    ["+OK ", { status: "ok", text: "" }],
    ["+OK  two spaces", { status: "ok", text: " two spaces" }],
    ["+OK 2 320", { status: "ok", text: "2 320" }],
    ["+OK\x20-ERR", { status: "ok", text: "-ERR" }],
    ["-ERR", { status: "err", text: "" }],
    ["-ERR ", { status: "err", text: "" }],
    ["-ERR no such message", { status: "err", text: "no such message" }],
    ["+", { status: "continue", text: "" }],
    ["+ ", { status: "continue", text: "" }],
    ["+ PDE4OTYu", { status: "continue", text: "PDE4OTYu" }],
    ["+ OK", { status: "continue", text: "OK" }],
    ["+ go ahead", { status: "continue", text: "go ahead" }],
  ])("reads %j", (line, reply) => {
    expect(parse(line)).toEqual(reply);
  });

  test.each([
    ..."+OKAY,+OKAY x,+Okay do your thing,+ok,+ok x,+Ok,+oK x,+O,+OK<a@b>,+OK\tx,+OK\0,+OK\r,+OK[IN-USE] x".split(
      ",",
    ),
    ..."-err,-err no,-Err,-ERROR,-ERR: no,-ERR\tno,-ERR[AUTH],-ER,-E,-,- ERR,-OK,-ERR\r".split(","),
    ..."+ERR,+ERR no,+\t,+\r,++,+Do you even care?,+=,+-".split(","),
    ...[
      "",
      " ",
      " +OK",
      "\xef\xbb\xbf+OK",
      "OK",
      "ERR",
      ".",
      "HTTP/1.1 200 OK",
      "WHAT 1",
      "* OK",
      "220 ready",
    ],
  ])("rejects %j", (line) => {
    expect(parse(line)).toBeUndefined();
  });

  test.each(["+", "+OK", "-ERR"])("rejects %s if any octet of it is changed", (status) => {
    for (const rest of ["", " ", " text"]) {
      for (let at = 0; at < status.length; at++) {
        const line = octets(`${status}${rest}`);
        for (let octet = 0; octet < 256; octet++) {
          line[at] = octet;
          // After "+ ", whatever comes is a challenge.
          if (octet === status.charCodeAt(at) || text(line).startsWith("+ ")) continue;
          if (parseReply(line) !== undefined) expect(text(line)).toBe("no reply");
        }
      }
    }
  });
});

describe("the response code (RFC 2449 section 8)", () => {
  test.each([
    [
      "-ERR [IN-USE] Do you have another POP session running?",
      "IN-USE",
      "Do you have another POP session running?",
    ],
    ["-ERR [in-use] busy", "IN-USE", "busy"],
    ["-ERR [SYS/TEMP] later", "SYS/TEMP", "later"],
    ["-ERR [Sys/Perm] never", "SYS/PERM", "never"],
    ["-ERR [A/B/C] x", "A/B/C", "x"],
    ["+OK [in-use] welcome", "IN-USE", "welcome"],
    ["-ERR [AUTH]", "AUTH", ""],
    ["-ERR [AUTH] ", "AUTH", ""],
    ["-ERR [AUTH]no space", "AUTH", "no space"],
    ["-ERR [AUTH]  two spaces", "AUTH", " two spaces"],
    ["-ERR [AUTH] [IN-USE] x", "AUTH", "[IN-USE] x"],
    ["-ERR [!~^\\[.] x", "!~^\\[.", "x"],
  ])("reads the code of %j", (line, responseCode, text) => {
    expect(parse(line)).toEqual({ status: line.startsWith("+") ? "ok" : "err", responseCode, text });
  });

  test.each([
    ...["-ERR [", "-ERR []", "-ERR [] x", "-ERR [IN-USE x", "-ERR [IN USE] x", "-ERR ]IN-USE[ x"],
    ...[
      "-ERR [/] x",
      "-ERR [SYS/] x",
      "-ERR [/TEMP] x",
      "-ERR [SYS//TEMP] x",
      "-ERR [\x01] x",
      "-ERR [\xe9] x",
    ],
    ...["-ERR [IN USE [IN-USE] x", "-ERR [[IN-USE x [AUTH] y"],
    ...["-ERR  [IN-USE] x", "-ERR x [IN-USE]", "-ERR (IN-USE) x", "-ERR [IN-USE\t] x"],
  ])("finds none in %j, and keeps the text", (line) => {
    expect(parse(line)).toEqual({ status: "err", text: line.slice(5) });
  });

  test("is not read in a challenge", () => {
    expect(parse("+ [AUTH] x")).toEqual({ status: "continue", text: "[AUTH] x" });
  });
});

describe("the text", () => {
  test.each([
    ["UTF-8 if it is valid", Buffer.from("Größe 漢字 🙂"), "Größe 漢字 🙂"],
    ["Latin-1 if it is not valid UTF-8", octets("Gr\xf6\xdfe"), "Größe"],
    ["Latin-1 for a sequence that was cut", octets("a\xe6\xbc"), "aæ¼"],
    ["Latin-1 for a surrogate in UTF-8", octets("\xed\xa0\x80"), "í\xa0\x80"],
    ["empty", Buffer.alloc(0), ""],
  ])("is read: %s", (_, wire, expected) => {
    expect(decodeText(wire)).toBe(expected);
    expect(parseReply(Buffer.concat([octets("+OK "), wire]))).toEqual({ status: "ok", text: expected });
  });

  test("is escaped and cut when a line is printed", () => {
    expect(printableLine(octets("HTTP/1.1 \x1b[31m\r"))).toBe("HTTP/1.1 \\x1b[31m\\x0d");
    expect(printableLine(Buffer.alloc(1_000_000, "x"))).toBe(`${"x".repeat(512)}…`);
  });
});

test("is masked before its response code is read, if it is to be shown", () => {
  const secrets = new Secrets("tanstaaf");
  expect(parseReply(octets("-ERR [AUTH] no tanstaaf"), secrets)).toEqual({
    status: "err",
    responseCode: "AUTH",
    text: "no ****",
  });
  expect(parseReply(octets("-ERR [tanstaaf] no"), secrets)).toEqual({
    status: "err",
    responseCode: "****",
    text: "no",
  });
  expect(parseReply(octets("+ tanstaaf"), secrets)).toEqual({ status: "continue", text: "****" });
  expect(parse("+OK tanstaaf")).toEqual({ status: "ok", text: "tanstaaf" });
});

test("is read from any octets without throwing, and every reply begins as the RFC says", () => {
  always(
    wireOf(["+OK", "-ERR", "+", " ", "[", "]", "/", "IN-USE", "\xff", "\xc3", "\0", "\r", "a"], 12),
    (line) => {
      const reply = parseReply(line);
      const strict = /^(?:\+OK|-ERR|\+)(?: |$)/.test(line.toString("latin1"));
      expect(reply !== undefined).toBe(strict);
      if (reply === undefined) return;
      expect(judgeRefusal(reply, undefined)).toBeTypeOf("object");
      expect(printableLine(line)).toBeTypeOf("string");
    },
    1500,
  );
});
