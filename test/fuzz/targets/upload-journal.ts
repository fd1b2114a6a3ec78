// The journal of a GmailImport: lines of JSON, one for each upload. Oracles: a file that is cut anywhere, with zeros or a
// new line after the cut, has exactly its whole lines; what is written is read again; a message that was accepted stays so.
import {
  addLines,
  linesIn,
  textOf,
  type UploadLine,
} from "../../../src/fetch/destinations/gmail/upload-lines.ts";
import { expectSame, expectThat, text } from "../oracle.ts";

export const FILES: readonly string[] = ["fetch/destinations/gmail/upload-lines"];
export const TOKENS: readonly string[] = [
  '{"key":"a","at":1}',
  '{"key":"a","at":1,"upload":"accepted"}',
  '{"key":"a","at":1,"upload":{"url":"https://g/u","size":1,"digest":"d"}}',
  ...['"upload":null', '"url":"', '"size":-1', "\n", "\0", '"', "{", "}", ",", "\\u0000"],
];

const END: UploadLine = { key: "end", at: 1, upload: "accepted" };

export function fuzz(data: Buffer): void {
  const lines = linesIn(data.toString("utf8"));
  for (const { key, at, upload } of lines) {
    expectThat(typeof key === "string" && typeof at === "number", "a line", { key, at });
    if (typeof upload === "object") expectThat(URL.canParse(upload.url), "the address of an upload", upload);
  }
  expectSame(
    JSON.stringify(linesIn(lines.map(textOf).join(""))),
    JSON.stringify(lines),
    "lines written and read again",
  );
  checkWritten(data);
}

/** Lines whose values come from the input. */
function linesOf(data: Buffer): UploadLine[] {
  const names = data.toString("utf8").split("\n").slice(0, 6);
  return names.map((name, at) => {
    const octet = data[at] ?? 0;
    const key = `${octet & 1} ${name}`;
    const upload = { url: `https://example.com/${encodeURIComponent(name)}`, size: octet, digest: name };
    if (octet % 3 === 0) return { key, at: octet };
    return { key, at: octet, upload: octet % 3 === 1 ? upload : "accepted" };
  });
}

function checkWritten(data: Buffer): void {
  const lines = linesOf(data);
  const ends: number[] = [];
  let file = "";
  for (const line of lines) {
    file += textOf(line);
    // Without its line end, a line is whole.
    ends.push(Buffer.byteLength(file) - 1);
  }
  const written = Buffer.from(file);
  const cut = data.length < 2 ? data.length : data.readUInt16BE(data.length - 2) % (written.length + 1);
  const whole = lines.slice(0, ends.filter((end) => end <= cut).length);
  const head = written.subarray(0, cut);
  for (const [rest, more] of [
    [Buffer.alloc(0), []],
    [Buffer.from(textOf(END)), [END]],
    [Buffer.concat([Buffer.from("\n"), Buffer.alloc(written.length - cut)]), []],
  ] as const)
    expectSame(
      linesIn(Buffer.concat([head, rest]).toString("utf8")),
      [...whole, ...more],
      "the lines of a file that was cut",
    );
  checkAdded(lines);
}

/** The last line of a message counts, but no news make an upload that was accepted unknown again, except a refusal. */
function checkAdded(lines: readonly UploadLine[]): void {
  const added = new Map<string, UploadLine>();
  addLines(added, lines.map(textOf).join(""));
  for (const key of new Set(lines.map((line) => line.key))) {
    const all = lines.filter((line) => line.key === key);
    const since = all.slice(all.findLastIndex(({ upload }) => upload === undefined) + 1);
    const expected = since.findLast(({ upload }) => upload === "accepted") ?? since.at(-1);
    const isSame = expected?.upload === added.get(key)?.upload || expected?.upload !== "accepted";
    expectThat(isSame, "what is known of a message", [all, added.get(key)]);
    expectSame(added.has(key), since.length > 0, "whether a message is known");
  }
}

export function parse(data: Buffer): void {
  linesIn(text(data));
}
