import { describe, expect, it } from "vitest";
import { Transcript } from "../../src/testing/transcript.ts";

describe("Transcript", () => {
  it("separates sessions, and lists them one after the other", () => {
    const transcript = new Transcript();
    const [first, second] = [transcript.session(), transcript.session()];
    first.server("+OK one");
    second.server("+OK two");
    first.client("QUIT");
    expect(transcript.sessions).toEqual([["S: +OK one", "C: QUIT"], ["S: +OK two"]]);
    expect(String(transcript)).toBe("S: +OK one\nC: QUIT\n\nS: +OK two");
  });

  it("shows octets that are not lines", () => {
    const transcript = new Transcript();
    const session = transcript.session();
    const given = [
      "+OK a\r\n+OK b\r\n",
      "x",
      "\0\n",
      "",
      "\r\n",
      "é\u0085",
      "a\\",
      "\\x41\\y\r\n",
      "(5 octets)\r\n",
    ];
    for (const octets of given) session.raw(Buffer.from(octets));
    session.raw(Buffer.from([0xe9, 0x41]));
    expect(transcript.lines).toEqual([
      "S: +OK a",
      "S: +OK b",
      "S: x\\",
      "S: \\x00\\x0a\\",
      "S: \\",
      "S: ",
      "S: é\\u0085\\",
      "S: a\\x5c\\",
      "S: \\x5cx41\\y",
      "S: \\x285 octets)",
      "S: \\xe9A\\",
    ]);
  });

  it("says where parts are missing", () => {
    const transcript = new Transcript();
    transcript.session().raw(Buffer.alloc(20_000, "y"));
    expect(transcript.lines).toEqual([`S: ${"y".repeat(16_384)}\\`, "* 3616 octets are not kept"]);
  });

  it("shows listings line by line, unless they are long", () => {
    const transcript = new Transcript();
    const session = transcript.session();
    session.listing(Buffer.from("1 é\r\n.2\r\n"));
    session.listing(Buffer.alloc(0));
    session.listing(Buffer.from("1 1\r\n".repeat(10_000)));
    expect(transcript.lines).toEqual(["S: 1 é", "S: ..2", "S: .", "S: .", "S: (50000 octets)"]);
  });

  it("keeps the last 100,000 lines, of whole sessions if possible", () => {
    const transcript = new Transcript();
    const [old, long] = [transcript.session(), transcript.session()];
    old.note("old");
    for (let line = 0; line < 100_000; line++) long.note(String(line));
    old.note("too late");
    expect(transcript.sessions.map((lines) => lines.length)).toEqual([100_000]);
    long.note("the last straw");
    expect(transcript.lines.length).toBe(50_002);
    expect(transcript.lines[0]).toBe("* 50000 lines are not kept");
    expect(transcript.lines.at(-1)).toBe("* the last straw");
  });
});
