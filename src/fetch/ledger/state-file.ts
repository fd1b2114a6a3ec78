// The state of a mailbox in a small file next to its journal, so that a poll that finds nothing new neither reads nor
// writes the journal.
//
// The file is one line with a checksum, written in place and not synced. It counts only if it is whole, if it is ours,
// and if it describes the journal as it is now. Otherwise the journal counts, which is the only truth: nothing is lost
// with this file that would not be safe to lose, see `isSoft`.
import type { BigIntStats } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { isDeepStrictEqual } from "node:util";
import { fenceOf } from "../files/fence.ts";
import { isSystemError, replaceFile } from "../files/fsync.ts";
import { isOwn, openStated, removeName, type OpenFile, type OurFile } from "../files/own-file.ts";
import { constants, open } from "../files/patient-fs.ts";
import { readPart } from "../files/read-part.ts";
import { decodeLine, encode, encodeLine } from "./journal-line.ts";
import type { JournalMark } from "./journal-mark.ts";
import type { LedgerChanges, MailboxState } from "./ledger.ts";

/** What a state file says. */
export interface KeptState {
  readonly mailbox: string;
  readonly state: MailboxState;
  readonly keyName: string | undefined;
  /** The fence of the run that wrote it. */
  readonly fence: bigint;
  /** The journal that it describes. `undefined`: none, and only the fence counts. */
  readonly mark: JournalMark | undefined;
}

/** Fields of the state that a later run learns again without harm if they are lost. */
const SOFT: ReadonlySet<string> = new Set(["lastRun", "interval", "listing", "due"]);

/**
 * Tells whether the state file alone may hold these changes. Entries go to the journal, and so do all fields of the
 * state but those that are safe to lose. The first `lastRun` goes there, too: without it, a mailbox counts as new.
 */
export function isSoft(
  before: MailboxState,
  { entries = [], forgotten = [], state }: LedgerChanges,
): boolean {
  if (entries.length > 0 || forgotten.length > 0) return false;
  if (state === undefined) return true;
  if ((before.lastRun === undefined) !== (state.lastRun === undefined)) return false;
  return isDeepStrictEqual(hardOf(before), hardOf(state));
}

function hardOf(state: MailboxState): object {
  return Object.fromEntries(
    Object.entries(state).filter(([name, value]) => !SOFT.has(name) && value !== undefined),
  );
}

/** The file has a multiple of this size; octets. So a shorter line covers the longer one before it. */
const BLOCK = 1024;
/** More than popwright writes: it has one or two names of mailboxes; octets. */
const LONGEST = 256 * 1024;
const FORMAT = 1;

/** The state file of a mailbox that this process has locked. */
export class StateFile {
  readonly path: string;
  #file: FileHandle | undefined;
  #kept: KeptState | undefined;

  private constructor(path: string, found: Found | undefined) {
    this.path = path;
    this.#file = found?.file;
    this.#kept = found?.kept;
  }

  /** Opens and reads the file. Never rejects: a file that cannot be used counts as missing. */
  static async open(path: string, ours: OurFile): Promise<StateFile> {
    return new StateFile(path, await find(path, ours));
  }

  /** What the file says; `undefined` if there is no file, or if it cannot be used. */
  get kept(): KeptState | undefined {
    return this.#kept;
  }

  /** Writes the line, and creates the file if necessary. Rejects with system errors. */
  async write(kept: KeptState): Promise<void> {
    const octets = Buffer.from(encodeState(kept), "latin1");
    this.#file ??= await create(this.path);
    const { bytesWritten } = await this.#file.write(octets, 0, octets.length, 0);
    if (bytesWritten < octets.length) throw new Error("the disk took only a part of the state file");
  }

  /**
   * Puts a new file in place of this one, in one step. A former holder that writes to the old file late writes to
   * nothing. Rejects with system errors.
   */
  async replace(kept: KeptState): Promise<void> {
    await this.close();
    await replaceFile(this.path, encodeState(kept));
  }

  /** Removes the file. A former holder that writes to it late writes to nothing. Rejects with system errors. */
  async remove(): Promise<void> {
    await this.close();
    this.#kept = undefined;
    await removeName(this.path);
  }

  /** Never rejects. */
  async close(): Promise<void> {
    await this.#file?.close().catch(() => undefined);
    this.#file = undefined;
  }
}

/** Creates the file. If the name belongs to a file that we cannot use, it is replaced. */
async function create(path: string): Promise<FileHandle> {
  try {
    return await open(path, "wx", 0o600);
  } catch (error) {
    if (!isSystemError(error, "EEXIST")) throw error;
  }
  await removeName(path);
  return open(path, "wx", 0o600);
}

/**
 * Opens and reads a state file that belongs to us. Resolves with `undefined` if there is none. Never rejects: the
 * journal says the same, and more. The caller closes the file.
 */
async function find(path: string, ours: OurFile): Promise<Found | undefined> {
  const opened = await openStated(path, constants.O_RDWR).catch(() => undefined);
  if (opened === undefined) return undefined;
  try {
    if (isOwn(opened.stats, ours)) return { file: opened.file, kept: await readKept(opened) };
  } catch {
    // As if there were no file.
  }
  await opened.file.close().catch(() => undefined);
  return undefined;
}

interface Found {
  readonly file: FileHandle;
  readonly kept: KeptState | undefined;
}

/** What a state file says, and what the system says about the file. */
export interface StateRead {
  readonly kept: KeptState;
  readonly stats: BigIntStats;
}

/**
 * Reads the state file of a mailbox that another process may hold. The caller checks whose file it is. Resolves with
 * `undefined` if there is no readable file. Never rejects.
 */
export async function readState(path: string): Promise<StateRead | undefined> {
  const opened = await openStated(path, constants.O_RDONLY).catch(() => undefined);
  if (opened === undefined) return undefined;
  let { stats } = opened;
  const { file } = opened;
  try {
    // A line that is being written looks torn. It is whole a moment later.
    for (let tries = 3; tries > 0; tries--) {
      const kept = await readKept({ file, stats });
      if (kept !== undefined) return { kept, stats };
      stats = await file.stat({ bigint: true });
    }
  } catch {
    // As if there were no file.
  } finally {
    await file.close().catch(() => undefined);
  }
  return undefined;
}

async function readKept({ file, stats }: OpenFile): Promise<KeptState | undefined> {
  const size = Number(stats.size);
  if (size === 0 || size > LONGEST) return undefined;
  return decodeState(await readPart(file, 0, size));
}

/** Returns the line, filled up with spaces. */
export function encodeState({ mailbox, state, keyName, fence, mark }: KeptState): string {
  const journal = mark && {
    ...mark,
    modified: String(mark.modified),
    inode: String(mark.inode),
  };
  const text = encode({
    popwright: "state",
    version: FORMAT,
    mailbox,
    keyName,
    fence: String(fence),
    journal,
    state,
  });
  const overhead = encodeLine("", true).length;
  const length = Math.ceil((text.length + overhead) / BLOCK) * BLOCK;
  return encodeLine(text.padEnd(length - overhead), true);
}

/** Returns what the first line says. `undefined`: it is torn, or another version or program wrote it. */
export function decodeState(octets: Buffer): KeptState | undefined {
  const line = decodeLine({ octets, latin1: octets.toString("latin1") }, 0, octets.indexOf("\n"));
  if (line === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(line.text);
  } catch {
    return undefined;
  }
  const { popwright, version, mailbox, keyName, fence, journal, state } = (value ?? {}) as Readonly<
    Record<string, unknown>
  >;
  if (popwright !== "state" || version !== FORMAT || typeof mailbox !== "string") return undefined;
  if (keyName !== undefined && typeof keyName !== "string") return undefined;
  if (typeof state !== "object" || state === null) return undefined;
  return { mailbox, keyName, fence: fenceOf(fence), mark: markOf(journal), state };
}

function markOf(value: unknown): JournalMark | undefined {
  const { size, modified, inode, lines, entries } = (value ?? {}) as Readonly<Record<string, unknown>>;
  if (!isCount(size) || !isCount(lines) || !isCount(entries)) return undefined;
  if (!isNumeral(modified) || !isNumeral(inode)) return undefined;
  return { size, lines, entries, modified: BigInt(modified), inode: BigInt(inode) };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value);
}

function isNumeral(value: unknown): value is string {
  return typeof value === "string" && /^-?\d{1,20}$/.test(value);
}
