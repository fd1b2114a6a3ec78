// The note of an append: a file next to the mbox that describes the messages. It exists from before the first
// byte is written until the messages are durable. A note that is left over shows which messages may not be
// finished, and which process may still write.
import type { FileHandle } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { isSystemError, syncName } from "../files/fsync.ts";
import { isOwnedLike, openOwn, removeName, type OurFile } from "../files/own-file.ts";
import { constants, lstat, open, rename } from "../files/patient-fs.ts";
import { readPart } from "../files/read-part.ts";
import { isNameOfDead, PROCESS_NAME, processName } from "../files/process-space.ts";
import { isFromLine } from "./from-line.ts";

/** Describes a message before it is appended. */
export interface Append {
  /** Its first line, see {@link fromLine}. */
  readonly line: string;
  /** The size of the message, including that line; octets. */
  readonly octets: number;
  /** SHA-256 of the message, including that line, in hexadecimal. */
  readonly digest: string;
}

/** A message in a note. */
export interface Noted extends Append {
  /** Where its first line begins; octets. */
  readonly at: number;
  /** The number of line ends before that line that are ours, too. */
  readonly gap: number;
}

/** The rest of the name, after the name of the mbox. Older versions left out the name of the process. */
const NAME = new RegExp(`^(?:-(${PROCESS_NAME}))?$`);
const COPY = new RegExp(`^-${PROCESS_NAME}\\.new$`);

/** The note of this process. Its name is unique, and is never used again. */
export class Note {
  readonly path: string;
  readonly #file: FileHandle;
  #isOpen = true;

  private constructor(path: string, file: FileHandle) {
    this.path = path;
    this.#file = file;
  }

  /** Creates an empty note, which describes nothing. */
  static async create(mbox: string): Promise<Note> {
    const path = `${prefixOf(mbox)}-${await processName()}`;
    return new Note(path, await open(path, "wx", 0o600));
  }

  /** Writes the note. Resolves when it will survive a crash. If that fails, the note is removed. */
  async write(group: readonly Noted[]): Promise<void> {
    try {
      await this.#file.writeFile(noteOf(group));
      await this.#file.sync();
      await syncName(this.path);
    } catch (error) {
      // Nothing was appended. What is left of the note says nothing, or what is not there.
      await this.close().catch(() => undefined);
      await removeName(this.path).catch(() => undefined);
      throw error;
    }
  }

  /**
   * Removes the note durably: later changes of the message by a mail reader must not look like a crash of
   * ours. The note is emptied first, because another user may have given it a second name.
   */
  async clear(): Promise<void> {
    await this.#file.truncate();
    await this.#file.datasync();
    await this.close();
    await removeName(this.path);
  }

  async close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await this.#file.close();
  }
}

/** A note that was left by another process, or by this one after a failure. */
export interface FoundNote {
  readonly path: string;
  /** Whether its process is known to be dead. A process that sleeps may write when it wakes up. */
  readonly isOfDead: boolean;
  /** The messages, as they follow each other; none if the note says nothing, so that nothing was appended. */
  readonly group: readonly Noted[];
}

/** Finds the notes in the directory of an mbox. Files of other users are ignored. */
export async function findNotes(mbox: string, names: readonly string[], ours: OurFile): Promise<FoundNote[]> {
  const found: FoundNote[] = [];
  for (const name of names) {
    const match = NAME.exec(restOf(mbox, name));
    if (match === null) continue;
    const path = join(dirname(mbox), name);
    const text = await readNote(path, ours);
    if (text === undefined) continue;
    const writer = match[1];
    found.push({
      path,
      isOfDead: writer !== undefined && (await isNameOfDead(writer)),
      group: notedIn(text),
    });
  }
  return found;
}

/** Returns the names of unfinished copies of an mbox, see {@link copyPath}. */
export function findCopies(mbox: string, names: readonly string[]): string[] {
  return names.filter((name) => COPY.test(restOf(mbox, name)));
}

/** Returns the path for a copy of the mbox by this process. */
export async function copyPath(mbox: string): Promise<string> {
  return `${prefixOf(mbox)}-${await processName()}.new`;
}

/** Renames a found note to a name of this process. From then on it says that this process may write. */
export async function adopt(mbox: string, { path }: FoundNote): Promise<string> {
  const adopted = `${prefixOf(mbox)}-${await processName()}`;
  await rename(path, adopted);
  return adopted;
}

/** Removes a found note, as {@link Note.clear} does. */
export async function removeNote(path: string, ours: OurFile): Promise<void> {
  try {
    const file = await openOwn(path, constants.O_WRONLY, ours);
    try {
      await file.truncate();
      await file.datasync();
    } finally {
      await file.close();
    }
    await removeName(path);
  } catch (error) {
    if (!isSystemError(error, "ENOENT")) throw error;
  }
}

function prefixOf(mbox: string): string {
  return join(dirname(mbox), `.${basename(mbox)}.popwright`);
}

/** Returns the rest of a name, after the prefix. For other names, returns a text that no pattern matches. */
function restOf(mbox: string, name: string): string {
  const prefix = basename(prefixOf(mbox));
  return name.startsWith(prefix) ? name.slice(prefix.length) : "/";
}

/**
 * Reads a note. Returns `undefined` if it is not a file of ours, or does not exist. Rejects if it is ours and
 * other users may have changed it.
 */
async function readNote(path: string, ours: OurFile): Promise<string | undefined> {
  try {
    const stats = await lstat(path);
    if (!stats.isFile() || !isOwnedLike(stats, ours)) return undefined;
    const file = await openOwn(path, constants.O_RDONLY, ours);
    try {
      return (await readPart(file, 0, (await file.stat()).size)).toString("latin1");
    } finally {
      await file.close();
    }
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** Returns the text of a note. For one message it is what older versions read, too. */
export function noteOf(group: readonly Noted[]): string {
  return JSON.stringify(group.length === 1 ? group[0] : group);
}

/**
 * Parses a note. Returns no message if it was torn by a crash, or if popwright did not write it: nothing was
 * appended then.
 */
export function notedIn(text: string): readonly Noted[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return [];
  }
  const group: Noted[] = [];
  for (const each of Array.isArray(value) ? (value as readonly unknown[]) : [value]) {
    const noted = messageIn(each);
    const before = group.at(-1);
    if (noted === undefined || (before !== undefined && !follows(noted, before))) return [];
    group.push(noted);
  }
  return group;
}

function follows({ at, gap }: Noted, before: Noted): boolean {
  return gap === 0 && at === before.at + before.octets;
}

function messageIn(value: unknown): Noted | undefined {
  const { line, octets, digest, at, gap = 0 } = (value ?? {}) as Record<string, unknown>;
  if (typeof line !== "string" || !isFromLine(line)) return undefined;
  if (typeof digest !== "string" || !/^[0-9a-f]{64}$/.test(digest)) return undefined;
  if (!isSize(octets) || octets <= line.length || !isSize(at) || !isSize(gap)) return undefined;
  if (gap > 2 || gap > at) return undefined;
  return { line, octets, digest, at, gap };
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
