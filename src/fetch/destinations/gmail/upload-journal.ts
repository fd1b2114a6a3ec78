// The uploads of one mailbox: which messages Gmail has accepted, and which it may have. With a file, a later process knows it
// too, even if this one dies at any moment.
//
// Each run writes a file of its own, named by the fence of its lease, and takes over what the files of earlier runs have. So a
// run that has lost its mailbox, and does not know it yet, destroys nothing of the run that has it.
import { createHash, randomBytes } from "node:crypto";
import { join } from "node:path";
import { messageOf } from "../../../protocol/foreign-error.ts";
import { printable } from "../../../protocol/printable.ts";
import { isSystemError, makeDirectory, syncName } from "../../files/fsync.ts";
import { openOwn, removeName, type OurFile } from "../../files/own-file.ts";
import { constants, open, readdir } from "../../files/patient-fs.ts";
import { DestinationError } from "../destination-error.ts";
import { checkPath } from "../windows-path.ts";
import { wallTime } from "../../../system/clock.ts";
import { addLines, textOf, type Begun, type UploadLine } from "./upload-lines.ts";
import { readWhole } from "../../files/read-whole.ts";

/** How long Google keeps a session, and how long a line is kept; milliseconds. */
const LIFE = 7 * 24 * 60 * 60 * 1000;

export class UploadJournal {
  readonly #lines: Map<string, UploadLine>;
  readonly #file: JournalFile | undefined;

  private constructor(lines: Map<string, UploadLine>, file?: JournalFile) {
    this.#lines = lines;
    this.#file = file;
  }

  /** Returns a journal that ends with this process. */
  static inMemory(): UploadJournal {
    return new UploadJournal(new Map());
  }

  /**
   * Opens the journal of a run. `name`: the mailbox, and the account that its messages go to. Rejects with
   * {@link DestinationError} if the directory cannot be used.
   */
  static async open(directory: string, name: string, fence: bigint): Promise<UploadJournal> {
    checkPath(directory);
    try {
      await makeDirectory(directory);
      const prefix = createHash("sha256").update(name).digest("hex").slice(0, 32);
      const file = await JournalFile.create(directory, prefix, fence);
      return new UploadJournal(await file.takeOver(), file);
    } catch (error) {
      throw unusable(directory, error);
    }
  }

  /** What is known of a message. */
  get(key: string): Begun | "accepted" | undefined {
    return this.#lines.get(key)?.upload;
  }

  /**
   * Notes an upload, before its last byte is sent. Resolves when that will survive a crash. Rejects with
   * {@link DestinationError}.
   */
  async begin(key: string, upload: Begun): Promise<void> {
    const line = { key, at: wallTime(), upload };
    await this.#file?.append(line, true);
    this.#lines.set(key, line);
  }

  /** Notes that Gmail has accepted a message. If the note is lost, Gmail is asked again. Never rejects. */
  async accepted(key: string): Promise<void> {
    const line = { key, at: wallTime(), upload: "accepted" } as const;
    if (this.#file === undefined) this.#lines.delete(key);
    else this.#lines.set(key, line);
    await this.#file?.append(line, false).catch(() => undefined);
  }

  /** Notes that Gmail has refused a message. Never rejects. */
  async refused(key: string): Promise<void> {
    this.#lines.delete(key);
    await this.#file?.append({ key, at: wallTime() }, false).catch(() => undefined);
  }
}

/** `<digest of the mailbox>-<fence>-<random>.uploads` */
const NAME = /^([0-9a-f]{32})-(\d{1,19})-[0-9a-f]{8}\.uploads$/;

class JournalFile {
  readonly #directory: string;
  readonly #name: string;
  readonly #ours: OurFile;

  private constructor(directory: string, name: string, ours: OurFile) {
    this.#directory = directory;
    this.#name = name;
    this.#ours = ours;
  }

  static async create(directory: string, prefix: string, fence: bigint): Promise<JournalFile> {
    const name = `${prefix}-${String(fence)}-${randomBytes(4).toString("hex")}.uploads`;
    const file = await open(join(directory, name), "wx", 0o600);
    try {
      const { uid, mode } = await file.stat();
      return new JournalFile(directory, name, { uid, mode });
    } finally {
      await file.close();
    }
  }

  /** Writes what the files of earlier runs have into this one, without addresses that are no longer needed, and removes them. */
  async takeOver(): Promise<Map<string, UploadLine>> {
    const lines = new Map<string, UploadLine>();
    const [, prefix, fence = ""] = NAME.exec(this.#name) ?? [];
    const others = (await readdir(this.#directory)).flatMap((name) => {
      const [, found, number = ""] = NAME.exec(name) ?? [];
      return found === prefix && name !== this.#name ? [{ name, fence: BigInt(number) }] : [];
    });
    // In the order of their runs: a loss of power may bring a file back that a later run has removed.
    others.sort((one, other) => (one.fence < other.fence ? -1 : 1));
    for (const { name } of others) addLines(lines, await this.#read(name));
    const now = wallTime();
    for (const [key, { at }] of lines) if (Math.abs(now - at) > LIFE) lines.delete(key);
    await this.#write([...lines.values()].map(textOf).join(""), true);
    await syncName(join(this.#directory, this.#name));
    for (const { name } of others.filter((other) => other.fence < BigInt(fence)))
      await removeName(join(this.#directory, name));
    return lines;
  }

  async append(line: UploadLine, durable: boolean): Promise<void> {
    try {
      await this.#write(textOf(line), durable);
    } catch (error) {
      throw unusable(this.#directory, error);
    }
  }

  async #write(text: string, durable: boolean): Promise<void> {
    const { O_WRONLY, O_APPEND } = constants;
    const file = await openOwn(join(this.#directory, this.#name), O_WRONLY | O_APPEND, this.#ours);
    try {
      await file.writeFile(text);
      if (durable) await file.datasync();
    } finally {
      await file.close();
    }
  }

  async #read(name: string): Promise<string> {
    try {
      const file = await openOwn(join(this.#directory, name), constants.O_RDONLY, this.#ours);
      try {
        return (await readWhole(file)).toString("utf8");
      } finally {
        await file.close();
      }
    } catch (error) {
      // A later run has taken it over: this one has lost the mailbox.
      if (isSystemError(error, "ENOENT")) return "";
      throw error;
    }
  }
}

function unusable(directory: string, cause: unknown): DestinationError {
  const why = printable(messageOf(cause));
  return new DestinationError(`the state in ${printable(directory)} cannot be used: ${why}`, {
    cause,
    down: true,
  });
}
