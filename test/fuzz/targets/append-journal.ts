// The journal of an ImapAppend. A part of each input is a journal with damage, the rest are its lines. Oracles: only
// `POP3_DESTINATION` is thrown, and it stops all messages; a journal that is cut anywhere is read up to its last line; one
// changed octet is never read as another state; what is written is read again, and means what a second reader takes from it.
import {
  AppendState,
  decodeAppends,
  encodeAppends,
  textOf,
  type AppendContents,
} from "../../../src/fetch/destinations/imap/append-state.ts";
import { encodeLine } from "../../../src/fetch/ledger/journal-line.ts";
import { expectSame, expectThat, octets, outcomeOf, text } from "../oracle.ts";

export const FILES: readonly string[] = [
  ...["fetch/destinations/imap/append-state", "fetch/ledger/journal-line", "fetch/ledger/journal-records"],
];
export const TOKENS: readonly string[] = [
  ...['{"validity":"1"}', '{"begun":"k","from":7,"digest":"d"}', '{"done":"k","uid":8}', '{"dropped":"k"}'],
  ...['{"done":"k","from":3,"digest":"d"}', '{"popwright":"imap-append","version":1,"target":"INBOX"}'],
  ...["\n", ",", ">", " ", "null", "[]", '"', "\0", "00000000>", "4294967295"],
];

const PATH = "inbox.journal";
const TARGET = "ann@imap.example.com INBOX";
const HEADER = encodeAppends(TARGET, { state: new AppendState(), entries: new Map(), lines: 0, length: 0 });

type Line = Parameters<typeof textOf>[0];
type Entry = AppendContents["entries"] extends ReadonlyMap<string, infer Each> ? Each : never;

function read(journal: Buffer): AppendContents | undefined {
  const outcome = outcomeOf(["POP3_DESTINATION"], () => decodeAppends(PATH, TARGET, journal));
  if ("code" in outcome) return undefined;
  const { length, lines } = outcome.value;
  expectThat(length >= 0 && length <= journal.length && lines <= journal.length, "a length", length);
  return outcome.value;
}

/** What a state says, in one form. Values that JSON cannot have come only from damage that has the right checksum. */
function said({ entries, validity }: AppendState): string {
  return JSON.stringify([validity ?? null, [...entries]]);
}

export function fuzz(data: Buffer): void {
  read(data);
  // Each line of the input with the checksum that it needs.
  const lines = text(data).split("\n").slice(0, 20);
  const journal =
    HEADER + lines.map((line) => encodeLine(line.replace(/^>/, ""), line.startsWith(">"))).join("");
  const contents = read(octets(journal));
  if (contents !== undefined) {
    const again = read(octets(encodeAppends(TARGET, contents)));
    expectSame(again && said(again.state), said(contents.state), "a journal written and read again");
    expectThat(
      (again?.state.next ?? 0) <= contents.state.next,
      "a UID that no message has",
      again?.state.next,
    );
  }
  checkWritten(data);
}

/** What lines mean: a line of an end says only what is new since the beginning, and another validity takes all UIDs back. */
function byTheLetter(lines: readonly Line[]): string {
  let folder: string | undefined;
  const entries = new Map<string, Entry>();
  for (const line of lines) {
    if ("validity" in line) {
      if (folder !== undefined && folder !== line.validity)
        for (const [key, entry] of entries) entries.set(key, { ...entry, uid: undefined, from: 1 });
      folder = line.validity;
      continue;
    }
    const key = "begun" in line ? line.begun : "done" in line ? line.done : line.dropped;
    const before = entries.get(key);
    // The last one changed is last.
    entries.delete(key);
    if ("begun" in line)
      entries.set(key, { isDone: false, uid: undefined, from: line.from, digest: line.digest });
    if (!("done" in line)) continue;
    const { uid, from = before?.from ?? 1, digest = before?.digest ?? "" } = line;
    entries.set(key, { isDone: true, uid, from, digest });
  }
  return JSON.stringify([folder ?? null, [...entries]]);
}

/** The lines that a run writes, chosen by the octets of the input. */
function linesOf(data: Buffer): Line[] {
  return Array.from(data.subarray(0, 8), (octet, at): Line => {
    const key = `key ${octet & 3}`;
    switch ((octet >> 2) % 6) {
      case 0:
        return { validity: String(octet >> 6) };
      case 1:
        return { begun: key, from: octet, digest: text(data.subarray(at, at + 2)) };
      case 2:
        return { done: key, uid: octet };
      case 3:
        return { done: key, uid: undefined };
      case 4:
        return { done: key, uid: octet, from: octet >> 1, digest: text(data.subarray(at + 1, at + 3)) };
      default:
        return { dropped: key };
    }
  });
}

function checkWritten(data: Buffer): void {
  const lines = linesOf(data);
  const state = new AppendState();
  const states = [said(state)];
  const ends = [HEADER.length];
  let journal = HEADER;
  for (const [at, line] of lines.entries()) {
    state.apply(line);
    states.push(said(state));
    expectSame(said(state), byTheLetter(lines.slice(0, at + 1)), "what lines mean");
    journal += encodeLine(textOf(line), true);
    ends.push(journal.length);
  }
  const written = octets(journal);
  const cut = data.length < 2 ? data.length : data.readUInt16BE(data.length - 2) % (written.length + 1);
  const whole = Math.max(0, ends.filter((end) => end <= cut).length - 1);
  for (const rest of [Buffer.alloc(0), Buffer.alloc(written.length - cut)]) {
    const part = read(Buffer.concat([written.subarray(0, cut), rest]));
    expectSame(part && said(part.state), states[whole], "a journal that was cut");
    expectSame(part?.length, cut < HEADER.length ? 0 : ends[whole], "its last complete line");
  }
  const flipped = Buffer.from(written);
  if (cut < flipped.length) flipped[cut] = (flipped[cut] as number) ^ (1 << (data.length % 8));
  const damaged = read(flipped);
  expectThat(
    damaged === undefined || states.includes(said(damaged.state)),
    "a changed octet that is read as another state",
    cut,
  );
}

export function parse(data: Buffer): void {
  const line = encodeLine(textOf({ dropped: "a" }), true);
  outcomeOf(["POP3_DESTINATION"], () =>
    decodeAppends(PATH, TARGET, octets(HEADER + line.repeat(data.length / line.length))),
  );
  outcomeOf(["POP3_DESTINATION"], () => decodeAppends(PATH, TARGET, data));
}
