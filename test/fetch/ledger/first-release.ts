// A run of the first release, as far as its ledger goes: what it reads, appends and rewrites. It is a copy that does not change
// with the code, and stands for a user who goes back to that release. Like that release, it knows no state file, keeps the
// fields of an entry that it does not know, and notes at the start of a run that it is under way.
import { createHash } from "node:crypto";
import { appendFile, readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** What the first release keeps of a message. Later releases have more fields. */
interface Entry {
  readonly id: string;
  readonly status: string;
  readonly firstSeen: number;
  readonly [more: string]: unknown;
}

type State = Readonly<Record<string, unknown>>;

interface Contents {
  readonly entries: Map<string, Entry>;
  readonly state: State;
  /** Where the last whole record ends; octets. 0: there is no journal. */
  readonly length: number;
}

/** A message that the server lists. */
interface Listed {
  readonly uid: string;
  readonly octets: Buffer;
}

export interface FirstReleaseRun {
  readonly directory: string;
  readonly mailbox: string;
  readonly listing: readonly Listed[];
  /** Takes a message. */
  deliver(this: void, key: string, octets: Buffer): void;
  /** The process dies in the write with this number, of which the disk has so much: a part from 0 to 1. */
  readonly dies?: { readonly write: number; readonly part: number } | undefined;
  /** Whether the run ends with a failure: then it keeps the fields of the state that it does not know. */
  readonly fails?: boolean;
}

/** Entries with another status are tried again. */
const SETTLED = ["delivered", "headers", "baseline", "deleted", "skipped", "quarantined"];

/** Runs once. Rejects if the journal is damaged, or was written by another version. Returns whether the process died. */
export async function runFirstRelease(run: FirstReleaseRun): Promise<"died" | "done"> {
  const { directory, mailbox, listing, deliver, dies, fails = false } = run;
  const path = join(directory, `${fileName(mailbox)}.journal`);
  const { entries, state, length } = decodeJournal(
    mailbox,
    await readFile(path).catch(() => Buffer.alloc(0)),
    path,
  );
  if (length === 0) await writeFile(path, header(mailbox) + encodeLine(JSON.stringify({ state }), true));
  else await truncate(path, length);
  let writes = 0;
  const record = async (...values: readonly object[]): Promise<boolean> => {
    const text = values
      .map((value, at) => encodeLine(encode(value) + (at < values.length - 1 ? "," : ""), at === 0))
      .join("");
    const isLast = dies?.write === writes++;
    await appendFile(
      path,
      text.slice(0, isLast ? Math.floor(text.length * dies.part) : text.length),
      "latin1",
    );
    return isLast;
  };
  let now: State = { ...state, running: true };
  if (await record({ state: now })) return "died";
  const firstSeen = 1_760_000_000_000;
  for (const { uid, octets } of listing) {
    if (SETTLED.includes(entries.get(uid)?.status ?? "")) continue;
    deliver(createHash("sha256").update(`${mailbox}\0${uid}`, "utf8").digest("hex"), octets);
    now = { ...now, lastRun: firstSeen };
    if (await record({ id: uid, status: "delivered", firstSeen, size: octets.length }, { state: now }))
      return "died";
  }
  const { running: _, ...rest } = now;
  const { lastRun = firstSeen, baseline } = now;
  const done = { lastRun, ...(baseline === undefined ? {} : { baseline }), interval: 60_000 };
  return (await record({ state: fails ? { ...rest, failures: 1 } : done })) ? "died" : "done";
}

function decodeJournal(mailbox: string, octets: Buffer, path: string): Contents {
  const text = octets.toString("latin1");
  const entries = new Map<string, Entry>();
  let state: State = {};
  let from = checkHeader(mailbox, text, path);
  if (from === 0) return { entries, state, length: 0 };
  let [length, whole] = [from, 0];
  let damaged: number | undefined;
  const lines: string[] = [];
  for (let number = 2; ; number++) {
    const to = text.indexOf("\n", from);
    if (to === -1) break;
    const line = decodeLine(text.slice(from, to));
    from = to + 1;
    if (line === undefined || (line.first && lines.length > whole)) damaged ??= number;
    if (damaged !== undefined && line?.first === true)
      throw new Error(`the ledger ${path} is damaged in line ${String(damaged)}`);
    if (damaged !== undefined || line === undefined) continue;
    lines.push(line.text);
    if (line.more) continue;
    whole = lines.length;
    length = from;
  }
  for (const line of lines.slice(0, whole)) {
    const value = JSON.parse(line) as Entry & { readonly forgotten?: string; readonly state?: State };
    if (value.forgotten !== undefined) entries.delete(value.forgotten);
    else if (value.state !== undefined) ({ state } = value);
    else entries.set(value.id, value);
  }
  return { entries, state, length };
}

/** Returns where the header ends; 0 if no more than a part of it was ever written. */
function checkHeader(mailbox: string, text: string, path: string): number {
  const to = text.indexOf("\n");
  const line = decodeLine(text.slice(0, Math.max(0, to)));
  if (line === undefined) {
    if (header(mailbox).startsWith(text.replace(/\0+$/, ""))) return 0;
    throw new Error(`the ledger ${path} is damaged in line 1`);
  }
  const { version, mailbox: name } = JSON.parse(line.text) as { version?: unknown; mailbox?: unknown };
  if (version !== 1) throw new Error(`${path} was written by another version of popwright`);
  if (name !== mailbox) throw new Error(`${path} is the ledger of another mailbox`);
  return to + 1;
}

function header(mailbox: string): string {
  return encodeLine(encode({ popwright: "ledger", version: 1, mailbox }), true);
}

interface Line {
  readonly first: boolean;
  readonly more: boolean;
  readonly text: string;
}

function decodeLine(line: string): Line | undefined {
  if (line[8] !== ">" && line[8] !== " ") return undefined;
  if (Number.parseInt(line.slice(0, 8), 16) !== checksum(line.slice(8))) return undefined;
  const more = line.endsWith(",");
  return { first: line[8] === ">", more, text: line.slice(9, more ? -1 : undefined) };
}

function encode(value: unknown): string {
  return JSON.stringify(value).replace(
    /[^ -~]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function encodeLine(text: string, first: boolean): string {
  const line = `${first ? ">" : " "}${text}`;
  return `${checksum(line).toString(16).padStart(8, "0")}${line}\n`;
}

function checksum(text: string): number {
  let hash = 0x811c9dc5;
  for (const octet of Buffer.from(text, "latin1")) hash = Math.imul(hash ^ octet, 0x01000193);
  return hash >>> 0;
}

function fileName(mailbox: string): string {
  const readable = mailbox.replace(/[^A-Za-z0-9@._+-]/g, "-").replace(/^[.-]+/, "");
  const digest = createHash("sha256").update(mailbox, "utf8").digest("hex").slice(0, 16);
  return `${readable.slice(0, 80) || "mailbox"}.${digest}`;
}
