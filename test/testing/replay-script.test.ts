// The notation of a transcript, and the server that it describes.
import { describe, expect, it } from "vitest";
import { filler } from "../../src/testing/filler.ts";
import { Expectation } from "../../src/testing/expectation.ts";
import { Pop3Server } from "../../src/testing/index.ts";
import { parseTranscript } from "../../src/testing/script.ts";

const shapes = (text: string): unknown[] =>
  parseTranscript(text).map(({ turns, lastLine, challenged }) => ({
    lastLine,
    challenged,
    turns: turns.map(({ expected, acts, end }) => [
      expected === undefined ? "" : `${String(expected.line)} ${expected.printable}`,
      ...acts.map((act) => ("octets" in act ? act.octets.toString("latin1") : act)),
      ...(end === undefined ? [] : [end]),
    ]),
  }));

describe("a transcript", () => {
  it("says what the server does first, and after each line of the client", () => {
    const text = `
      # from a bug report
      * TLS
      S: +OK hello
      C: LIST
      S: +OK
      S: 1 100
      S: .
      # only its size is known
      C: RETR 1
      S: +OK
      S: (100 octets)
      * reset after 50 octets
    `;
    expect(shapes(text)).toEqual([
      {
        lastLine: 13,
        challenged: false,
        turns: [
          ["", { tls: 3 }, "+OK hello\r\n"],
          ["5 LIST", "+OK\r\n", "1 100\r\n", ".\r\n"],
          ["10 RETR 1", "+OK\r\n", { message: 100 }, { kind: "reset", after: 50 }],
        ],
      },
    ]);
  });

  it("can contain lines without CRLF, octets, floods, pauses and ends", () => {
    const session = (...lines: string[]): unknown => shapes(lines.join("\r\n"))[0];
    const turn = (...shape: unknown[]): unknown => expect.objectContaining({ turns: [["", ...shape]] });
    expect(session("S: +O\\", "S: K\\x0a\\", "S: \\", "S:", "S: ")).toEqual(
      turn("+O", "K\n", "", "\r\n", "\r\n"),
    );
    expect(session("S: é\\xe9\\u00e9\\")).toEqual(turn("Ã©\xe9Ã©"));
    expect(session("S: \\x285 octets)")).toEqual(turn("(5 octets)\r\n"));
    expect(session("* wait 20 ms", "* wait 0.5 ms", "* wait Infinity ms")).toEqual(
      turn({ wait: 20 }, { wait: 0.5 }, { wait: Infinity }),
    );
    expect(session("* flood x\\x20 ", "* Stall after 1 octet")).toEqual(
      turn({ flood: Buffer.from("x  ") }, { kind: "stall", after: 1 }),
    );
    expect(session("* close")).toEqual(turn({ kind: "close", after: Infinity }));
    expect(session("* cut after 0 octets")).toEqual(turn({ kind: "cut", after: 0 }));
    expect(session("* failed: Error: my own fault")).toEqual(turn({ kind: "cut", after: Infinity }));
    expect(session("* tls 1.3, as the recorder knows", "S: +")).toEqual({
      lastLine: 2,
      challenged: true,
      turns: [["", { tls: 1 }, "+\r\n"]],
    });
  });

  it("separates sessions by empty lines", () => {
    expect(shapes("\n\nS: +OK 1\n\n \n# two\nS: +OK 2\nC: QUIT\n\n")).toEqual([
      { lastLine: 3, challenged: false, turns: [["", "+OK 1\r\n"]] },
      { lastLine: 8, challenged: false, turns: [["", "+OK 2\r\n"], ["8 QUIT"]] },
    ]);
  });

  it.each([
    ["", "the transcript has no session"],
    ["\n# nothing\n", "the transcript has no session"],
    ["hello", 'line 1 of the transcript: the line must begin with "C: ", "S: ", "* " or "#"'],
    ["S: +OK\nC:QUIT", "line 2 of the transcript: the line must begin with"],
    ["S: +OK\n+OK", "line 2 of the transcript: the line must begin with"],
    ["S: +OK\n*close", "line 2 of the transcript: the line must begin with"],
    ["C: QUIT", "line 1 of the transcript: a session must begin with the server"],
    ["S: +OK\n\nC: QUIT", "line 3 of the transcript: a session must begin with the server"],
    ["S: +OK\n* close\nS: more", 'line 3 of the transcript: nothing can follow "* close"'],
    ["S: +OK\n* stall\n* close", 'line 3 of the transcript: nothing can follow "* stall"'],
    ["* flood x\nC: QUIT", 'line 2 of the transcript: nothing can follow "* flood"'],
    ["* flood x\n* wait 1 ms", "line 2 of the transcript: only"],
    ["* flood x\n* close\n* close", 'line 3 of the transcript: nothing can follow "* close"'],
    ["* flood", "line 1 of the transcript: a flood must have at least one byte"],
    ["* TLS\nS: +OK\n* TLS", "line 3 of the transcript: TLS is already active"],
    ["* wait long", 'line 1 of the transcript: the note must have the form "N ms"'],
    ["* wait -1 ms", 'line 1 of the transcript: the note must have the form "N ms"'],
    ["* close after dinner", 'line 1 of the transcript: the note must have the form "after N octets"'],
    ["* nap", "line 1 of the transcript: unknown note"],
    ["S: (1 octets)", "line 1 of the transcript: 1 octets is not a possible size"],
    [
      "S: (99999999999999999999 octets)",
      "line 1 of the transcript: 100000000000000000000 octets is not a possible size",
    ],
    ["S: (10 octets)\nS: .", 'line 2 of the transcript: "." must not follow "(N octets)"'],
    ["S: +OK\n* 70 octets are not kept", "line 2 of the transcript: the transcript is not complete"],
    ["* 50000 lines are not kept", "line 1 of the transcript: the transcript is not complete"],
  ])("that is invalid is refused: %j", async (text, message) => {
    await expect(Pop3Server.replay(text)).rejects.toMatchObject({
      code: "POP3_CONFIG",
      message: expect.stringContaining(message) as string,
    });
  });

  it.each([{ chunk: 0 }, { latency: -1 }, { latency: NaN }])(
    "is rejected with invalid options: %j",
    async (options) => {
      await expect(Pop3Server.replay("S: +OK", options)).rejects.toMatchObject({ code: "POP3_CONFIG" });
    },
  );
});

describe("a line of the client", () => {
  const matches = (written: string, said: string, response = false): boolean =>
    new Expectation(1, written, response).matches(Buffer.from(said, "latin1"));

  it.each([
    ["RETR 1", "RETR 1", true],
    ["RETR 1", "retr 1", true],
    ["retr 1", "RETR 1", true],
    ["RETR 1", "RETR 1 ", true],
    ["RETR 1 ", "RETR 1", true],
    ["RETR 1", "RETR 11", false],
    ["RETR 1", "RETR", false],
    ["RETR 1", " RETR 1", false],
    ["USER Ann", "user ann", false],
    ["USER a.n", "USER ann", false],
    ["USER \\xe9", "USER \xe9", true],
    ["USER é", "USER \xc3\xa9", true],
    ["PASS ****", "PASS s e c r e t", true],
    ["PASS ****", "PASS", false],
    ["PASS ****", "pass x", true],
    ["**** ****", "XTND XMIT", true],
    ["**** ****", "XTND", false],
    ["USER ****@example.com", "USER ann@example.com", true],
    ["USER ****@example.com", "USER ann@example.org", false],
    ["****", "", true],
    ["", "", true],
    ["*", "*", true],
  ])("written as %j, is it %j? %j", (written, said, answer) => {
    expect(matches(written, said)).toBe(answer);
  });

  it("must match the recorded response to a challenge exactly; **** matches all but *", () => {
    expect(matches("abc=", "abc=", true)).toBe(true);
    expect(matches("abc=", "ABC=", true)).toBe(false);
    expect(matches("****", "abc=", true)).toBe(true);
    expect(matches("****", "*", true)).toBe(false);
    expect(matches("*", "*", true)).toBe(true);
  });

  it.each(["(invalid line)", "(no line of the protocol)"])("expects an invalid line: %s", (mark) => {
    const none = new Expectation(1, mark, false);
    expect(none.matches(null)).toBe(true);
    expect(none.matches(Buffer.from("NOOP"))).toBe(false);
    expect(new Expectation(1, "NOOP", false).matches(null)).toBe(false);
  });

  it("shows no secret", () => {
    const shown = (text: string, response = false): string => new Expectation(1, text, response).printable;
    expect(shown("PASS secret")).toBe("PASS ****");
    expect(shown("apop ann secret")).toBe("APOP ann ****");
    expect(shown("c2VjcmV0", true)).toBe("****");
    expect(shown("c2VjcmV0")).toBe("****");
    expect(shown("USER \\x1b")).toBe("USER \\x1b");
  });
});

describe("filler", () => {
  it("has exactly the given number of octets, in whole lines, and ends like a block", () => {
    for (const size of [0, 2, 3, 71, 72, 73, 110, 111, 112, 145, 146, 5120, 36_864, 1_000_000]) {
      const block = Buffer.concat([...filler(size)]).toString("latin1");
      expect(block).toHaveLength(size + 3);
      expect(block).toMatch(/(?:^|\r\n)\.\r\n$/);
      expect(block.slice(0, -3)).not.toMatch(/^\./m);
      expect(Math.max(...block.split("\r\n").map((line) => line.length))).toBeLessThan(200);
    }
  });
});
