// What the journal of an ImapAppend says: which messages are in the folder, and of which it is not known.
import { decodeLine, encode, encodeLine, type JournalText } from "../../ledger/journal-line.ts";
import { recordsIn } from "../../ledger/journal-records.ts";
import { printable } from "../../../protocol/printable.ts";
import { DestinationError } from "../destination-error.ts";

/**
 * How many messages a journal remembers, at least. With older ones the answer "known" is lost, which is only needed if a
 * ledger was lost or restored.
 */
export const KEPT = 50_000;

const FORMAT = 1;

/** A message that was appended, or whose APPEND was begun. */
export interface Appended {
  /** Whether the server has confirmed it. */
  readonly isDone: boolean;
  /** Its UID, if it is known. */
  readonly uid: number | undefined;
  /** Its UID is not smaller than this one. */
  readonly from: number;
  /** See {@link Canonical.digest}. */
  readonly digest: string;
}

/** A line of the journal. */
type Line =
  | { readonly validity: string }
  | { readonly begun: string; readonly from: number; readonly digest: string }
  | {
      readonly done: string;
      readonly uid?: number | undefined;
      readonly from?: number;
      readonly digest?: string;
    }
  | { readonly dropped: string };

export class AppendState {
  /** By key, in the order of the last change. */
  readonly entries: Map<string, Appended> = new Map();
  #validity: string | undefined;
  #next = 1;

  /** The UIDVALIDITY to which all UIDs belong. */
  get validity(): string | undefined {
    return this.#validity;
  }

  /** The UIDs of later messages are not smaller than this one. */
  get next(): number {
    return this.#next;
  }

  /** The server has assigned all UIDs below `next`, and no APPEND of ours is under way. */
  raise(next: number): void {
    this.#next = Math.max(this.#next, next);
  }

  /** The UIDs at or above `from` that belong to known messages. */
  claimed(from: number): Set<number> {
    const uids = new Set<number>();
    for (const { uid } of this.entries.values()) if (uid !== undefined && uid >= from) uids.add(uid);
    return uids;
  }

  /** The number of messages like this one that are in the folder at or above `from`, with UIDs that are not known. */
  unnumbered(digest: string, from: number): number {
    let count = 0;
    for (const entry of this.entries.values())
      if (entry.isDone && entry.uid === undefined && entry.digest === digest && entry.from >= from) count++;
    return count;
  }

  /** Changes what the line says. Returns `false` if this version does not know such lines. */
  apply(line: unknown): boolean {
    const { validity, begun, done, dropped, uid, from, digest } = (line ?? {}) as Readonly<
      Record<string, unknown>
    >;
    if (typeof validity === "string") this.#belongTo(validity);
    else if (typeof begun === "string" && typeof from === "number" && typeof digest === "string")
      this.#set(begun, { isDone: false, uid: undefined, from, digest });
    else if (typeof done === "string") {
      const before = this.entries.get(done);
      this.#set(done, {
        isDone: true,
        uid: typeof uid === "number" ? uid : undefined,
        from: typeof from === "number" ? from : (before?.from ?? 1),
        digest: typeof digest === "string" ? digest : (before?.digest ?? ""),
      });
    } else if (typeof dropped === "string") this.entries.delete(dropped);
    else return false;
    return true;
  }

  /** Forgets the messages that are older than the {@link KEPT} last ones. */
  trim(): void {
    for (const key of this.entries.keys()) {
      if (this.entries.size <= KEPT) return;
      this.entries.delete(key);
    }
  }

  /** The lines from which all of it can be read again. */
  *lines(): Generator<Line, void> {
    if (this.#validity !== undefined) yield { validity: this.#validity };
    for (const [key, { isDone, uid, from, digest }] of this.entries)
      yield isDone ? { done: key, uid, from, digest } : { begun: key, from, digest };
  }

  #set(key: string, entry: Appended): void {
    this.entries.delete(key);
    this.entries.set(key, entry);
    this.#next = Math.max(this.#next, entry.from, (entry.uid ?? 0) + 1);
  }

  /** With another UIDVALIDITY the folder is another one, or was restored: no UID says anything. */
  #belongTo(validity: string): void {
    if (this.#validity !== undefined && this.#validity !== validity) {
      for (const [key, entry] of this.entries) this.entries.set(key, { ...entry, uid: undefined, from: 1 });
      this.#next = 1;
    }
    this.#validity = validity;
  }
}

/** What was read of a journal. */
export interface AppendContents {
  readonly state: AppendState;
  readonly entries: ReadonlyMap<string, Appended>;
  readonly lines: number;
  readonly length: number;
}

/** Returns a line for the journal, without its checksum. */
export function textOf(line: Line): string {
  return encode(line);
}

/** Returns a journal with just this state. `target`: the folder. */
export function encodeAppends(target: string, { state }: AppendContents): string {
  // The whole file is durable before it gets its name, so each line is marked as the start of a write.
  const lines = [header(target)];
  for (const line of state.lines()) lines.push(encodeLine(encode(line), true));
  return lines.join("");
}

function header(target: string): string {
  return encodeLine(encode({ popwright: "imap-append", version: FORMAT, target }), true);
}

/** Throws if the octets are not the journal of this folder, or are damaged. `path`: for error messages. */
export function decodeAppends(path: string, target: string, octets: Buffer): AppendContents {
  const text: JournalText = { octets, latin1: octets.toString("latin1") };
  const state = new AppendState();
  const end = octets.indexOf("\n");
  const first = decodeLine(text, 0, end);
  // The header is longer than a disk block only with very long names: it is there, or a part of it is.
  if (first === undefined && header(target).startsWith(text.latin1.replace(/\0+$/, "")))
    return { state, entries: state.entries, lines: 0, length: 0 };
  checkHeader(path, target, first?.text);
  const { lines, length } = recordsIn(text, end + 1, (line) => damaged(path, line));
  for (const [at, line] of lines.entries()) if (!state.apply(valueOf(line))) throw damaged(path, at + 2);
  state.trim();
  return { state, entries: state.entries, lines: lines.length + 1, length };
}

function checkHeader(path: string, target: string, json: string | undefined): void {
  const {
    popwright,
    version,
    target: other,
  } = (json === undefined ? {} : valueOf(json)) as Readonly<Record<string, unknown>>;
  if (popwright !== "imap-append") throw damaged(path, 1);
  if (version !== FORMAT)
    throw unusable(path, "a newer version of popwright wrote it. Update popwright. Nothing was appended");
  if (other !== target) throw unusable(path, "it belongs to another folder");
}

/** `undefined` if the line is not known. */
function valueOf(json: string): object {
  try {
    return (JSON.parse(json) ?? {}) as object;
  } catch {
    return {};
  }
}

function damaged(path: string, line: number): DestinationError {
  return unusable(path, `line ${line} is damaged. Remove the file if messages may come twice`);
}

function unusable(path: string, why: string): DestinationError {
  return new DestinationError(`cannot use the journal ${printable(path)}: ${why}`, { down: true });
}
