import { describe, expect, it } from "vitest";
import { Transcript } from "../../src/testing/transcript.ts";

describe("Transcript", () => {
  it("keeps sessions apart, and puts them one behind the other", () => {
    const transcript = new Transcript();
    const [first, second] = [transcript.session(), transcript.session()];
    first.server("+OK one");
    second.server("+OK two");
    first.client("QUIT");
    expect(transcript.sessions).toEqual([["S: +OK one", "C: QUIT"], ["S: +OK two"]]);
    expect(String(transcript)).toBe("S: +OK one\nC: QUIT\nS: +OK two");
  });

  it("shows octets that may be no lines", () => {
    const transcript = new Transcript();
    const session = transcript.session();
    for (const octets of ["+OK a\r\n+OK b\r\n", "x", "\0\n", "", "\r\n", "é", "y".repeat(9999)]) {
      session.raw(Buffer.from(octets));
    }
    expect(transcript.lines.slice(0, -1)).toEqual([
      "S: +OK a",
      "S: +OK b",
      "S: x",
      "S: \\x00\\x0a",
      "S: ",
      "S: ",
      "S: é",
    ]);
    expect(transcript.lines.at(-1)?.length).toBeLessThan(600);
  });

  it("keeps the last 100 000 lines, of whole sessions where it can", () => {
    const transcript = new Transcript();
    const [old, long] = [transcript.session(), transcript.session()];
    old.note("old");
    for (let line = 0; line < 100_000; line++) long.note(String(line));
    old.note("too late");
    expect(transcript.sessions.map((lines) => lines.length)).toEqual([100_000]);
    long.note("the last straw");
    expect(transcript.lines.length).toBe(50_001);
    expect(transcript.lines.at(-1)).toBe("* the last straw");
  });
});
