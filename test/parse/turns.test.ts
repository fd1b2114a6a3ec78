// How many bytes of a message one turn of the event loop handles.
import { TextDecoder } from "node:util";
import { afterEach, describe, expect, it, vi } from "vitest";
import { parseHeaders, parseMessage } from "../../src/parse/index.ts";
import { TURN_OCTETS, Turns } from "../../src/parse/turns.ts";

const MIB = 1024 * 1024;
const SIZE = 4 * MIB;
const fill = (unit: string): string => unit.repeat(Math.ceil(SIZE / unit.length));
const head = (type: string, encoding = "8bit"): string =>
  `Content-Type: ${type}\r\nContent-Transfer-Encoding: ${encoding}\r\n\r\n`;

/** Counts the turns of the event loop while `work` runs. */
async function turnsOf(work: () => Promise<unknown>): Promise<number> {
  let turns = 0;
  let running = true;
  const count = (): void => {
    turns++;
    if (running) setImmediate(count);
  };
  setImmediate(count);
  await work();
  running = false;
  return turns;
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe("a turn of the event loop handles at most 64 KiB", () => {
  it.each([
    ["text", head("text/plain"), "The quick brown fox jumps over the lazy dog.\r\n"],
    ["text in one line", head("text/plain"), "x"],
    ["only line ends", head("text/plain"), "\n"],
    ["text without a charset", "A: 1\r\n\r\n", "caf\xe9 "],
    ["flowed text", head("text/plain; format=flowed"), "> word \r\n"],
    ["Latin-1", head("text/plain; charset=iso-8859-1"), "caf\xe9\r\n"],
    ["ISO-2022-JP", head("text/plain; charset=iso-2022-jp"), '\x1b$B$"\x1b(B\r\n'],
    ["cp437", head("text/plain; charset=cp437"), "\x81\r\n"],
    ["HTML", head("text/html"), "<p>word</p>\r\n"],
    ["quoted-printable", head("text/plain", "quoted-printable"), "=41=\r\n"],
    ["base64", head("application/pdf", "base64"), "QUJDREVGR0hJSktMTU5P\r\n"],
    ["uuencode", head("application/pdf", "uuencode"), "begin 644 a\n#04%!\n"],
    ["an attachment", head("application/pdf"), "%PDF\n"],
    ["parts", `${head("multipart/mixed; boundary=b")}--b\r\n\r\n`, "a line of the part\r\n"],
    ["a multipart without a part", head("multipart/mixed; boundary=b"), "a line of text\r\n"],
  ])("%s", async (_, header, unit) => {
    const message = Buffer.from(header + fill(unit), "latin1");
    await parseMessage(
      Buffer.from("From: a@example.com\r\nContent-Type: multipart/x; boundary=b\r\n\r\n--b\r\n"),
    );
    expect(await turnsOf(() => parseMessage(message))).toBeGreaterThanOrEqual(SIZE / TURN_OCTETS);
  });

  it("many small parts together", async () => {
    const part = `--b\r\nContent-Type: a/b\r\n\r\n${"x".repeat(8000)}\r\n`;
    const message = Buffer.from(head("multipart/mixed; boundary=b") + part.repeat(500));
    expect(await turnsOf(() => parseMessage(message))).toBeGreaterThanOrEqual(message.length / TURN_OCTETS);
  });

  it("the fields of a header section", async () => {
    const section = Buffer.from(`Subject: ${"x".repeat(1000)}\r\n`.repeat(1000));
    const turns = await turnsOf(() => parseHeaders(section, { maxHeaderSize: MIB }));
    expect(turns).toBeGreaterThanOrEqual(Math.floor(section.length / TURN_OCTETS));
  });

  it("decoders get no more than that at once", async () => {
    const decode = vi.spyOn(TextDecoder.prototype, "decode");
    await parseMessage(
      Buffer.from(head("text/plain; charset=utf-8", "quoted-printable") + fill("caf=C3=A9")),
    );
    const sizes = decode.mock.calls.map(([octets]) => octets?.byteLength ?? 0);
    expect(sizes.length).toBeGreaterThan(SIZE / TURN_OCTETS / 3);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(TURN_OCTETS);
  });
});

describe("Turns", () => {
  it("yields slices, and waits when a turn is full", async () => {
    const turns = new Turns();
    const sizes: number[] = [];
    const pieces = [Buffer.alloc(10), Buffer.alloc(TURN_OCTETS * 2 + 1), Buffer.alloc(0), Buffer.alloc(5)];
    const count = await turnsOf(async () => {
      for await (const slice of turns.slices(pieces)) sizes.push(slice.length);
    });
    expect(sizes).toEqual([10, TURN_OCTETS, TURN_OCTETS, 1, 5]);
    expect(count).toBeGreaterThanOrEqual(3);
  });

  it("fails in the next turn after the signal aborts", async () => {
    const controller = new AbortController();
    const turns = new Turns(controller.signal);
    await turns.take(TURN_OCTETS);
    controller.abort("enough");
    await expect(turns.take(1)).rejects.toMatchObject({ code: "POP3_ABORTED", cause: "enough" });
  });
});
