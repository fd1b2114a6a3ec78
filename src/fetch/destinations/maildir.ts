// A Maildir (cr.yp.to/proto/maildir.html): a file for each message, whole or not there. The name is made from the
// key, so a message that comes again is recognised, even if a mail reader has moved its file.
import { configError, shown } from "../../options/checks.ts";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { makeDirectory, syncDirectory } from "../files/fsync.ts";
import type { LedgerEntry } from "../ledger/ledger.ts";
import {
  checkDelivery,
  type Committed,
  type Delivery,
  type DeliveryWriter,
  type Destination,
} from "./destination.ts";
import { Places } from "./places.ts";
import { isThere, octetsIn, SpoolFile, sweep, writerTo } from "./spool-file.ts";

/** The path of the Maildir, or a function that returns the path for a message. */
export type MaildirPath = string | ((delivery: Delivery) => string);

/** A file name that we chose, followed by any flags of a mail reader. */
const NAME = /^([0-9a-f]{64})\.popwright/;

/**
 * Two changes of a directory that are this far apart have different times, on every file system with hard
 * links; milliseconds.
 */
const TICK = 2000;

/**
 * With more than MANY messages, changes of `cur/` by other programs are read at most once per PAUSE
 * milliseconds.
 */
const [MANY, PAUSE] = [5000, 5000];

/** The contents of `new/` and `cur/`. */
interface Read {
  /**
   * When `cur/` was last changed before it was read. `undefined`: so shortly before that another change might
   * not show.
   */
  readonly changed: number | undefined;
  /** When it was read, by a monotonic clock; milliseconds. */
  readonly at: number;
  /** The files by their keys: `new/…`. Files that are delivered here are added. */
  readonly files: Map<string, string>;
}

/**
 * Delivers into a Maildir, which is created if it is missing. A message keeps exactly the bytes that the
 * server sent. It is durable before it counts as delivered: its file is synced, and so is the directory.
 * Messages are recognised in `new/` and `cur/`, not in other folders.
 *
 * The file system must support hard links.
 *
 * @example
 * ```ts
 * await fetchMail(account, { ledger, destination: new Maildir("./Mail") });
 * ```
 */
export class Maildir implements Destination {
  readonly #path: MaildirPath;
  readonly #places: Places = new Places(prepare);
  readonly #read: Map<string, Read> = new Map();

  /**
   * With a function you can use one Maildir per mailbox. Do not use a unique-id as a part of the path; a key
   * is safe.
   */
  constructor(path: MaildirPath) {
    if (typeof path !== "function" && (typeof path !== "string" || path === "")) {
      throw configError(
        `the path of a Maildir must be a non-empty string, or a function that returns one (got ${shown(path)})`,
      );
    }
    this.#path = path;
  }

  async begin(delivery: Delivery): Promise<DeliveryWriter | "known"> {
    checkDelivery(delivery);
    const path = typeof this.#path === "string" ? this.#path : this.#path(delivery);
    return this.#places.use(path, async () => {
      const { key } = delivery;
      const target = join(path, "new", `${key}.popwright`);
      // In this order, because a mail reader moves it from `new/` to `cur/`.
      if ((await isThere(target)) || (await this.#has(path, key))) return "known";
      const file = await SpoolFile.create(join(path, "tmp"), key);
      // Another process may deliver the same message while it arrives here.
      const writer = writerTo(target, file, () => this.#has(path, key));
      const commit = async (entry: LedgerEntry): Promise<Committed> => {
        const outcome = await writer.commit(entry);
        this.#read.get(path)?.files.set(key, join("new", `${key}.popwright`));
        return outcome;
      };
      return { ...writer, commit };
    });
  }

  /**
   * Tells whether the message is in `cur/`, with any flags, or was in `new/` or `cur/` when they were read.
   * If it is, it will survive a crash. An empty file does not count as a message.
   */
  async #has(path: string, key: string): Promise<boolean> {
    const { ctimeMs: changed } = await stat(join(path, "cur"));
    let read = this.#read.get(path);
    if (read === undefined || (read.changed !== changed && !isRecent(read))) {
      const settled = Date.now() - changed > TICK;
      const at = performance.now();
      read = { changed: settled ? changed : undefined, at, files: await filesIn(path) };
      this.#read.set(path, read);
    }
    const file = read.files.get(key);
    // A mail reader may have moved it since then. That does not change its content.
    if (file === undefined || (await octetsIn(join(path, file))) === 0) return false;
    for (const name of ["new", "cur"]) await syncDirectory(join(path, name));
    return true;
  }
}

/**
 * Prevents that we read a hundred thousand names for each message, if a mail reader moves each one at once.
 */
function isRecent({ at, files }: Read): boolean {
  return files.size > MANY && performance.now() - at < PAUSE;
}

async function filesIn(path: string): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const directory of ["new", "cur"]) {
    for (const name of await readdir(join(path, directory))) {
      const key = NAME.exec(name)?.[1];
      if (key !== undefined) files.set(key, join(directory, name));
    }
  }
  return files;
}

async function prepare(path: string): Promise<void> {
  for (const name of ["tmp", "new", "cur"]) await makeDirectory(join(path, name));
  await sweep(join(path, "tmp"));
}
