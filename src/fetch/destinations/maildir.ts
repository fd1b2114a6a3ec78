// A Maildir (cr.yp.to/proto/maildir.html): a file for each message, whole or not there. The name is made of the key, so
// a message that comes again meets itself, wherever its reader has moved it.
import { configError, shown } from "../../options/checks.ts";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { makeDirectory, syncDirectory } from "../files/fsync.ts";
import type { Delivery, DeliveryWriter, Destination } from "./destination.ts";
import { Places } from "./places.ts";
import { isThere, octetsIn, SpoolFile, sweep, writerTo } from "./spool-file.ts";

/** Where the Maildir of a message is: a path, or what gives it. */
export type MaildirPath = string | ((delivery: Delivery) => string);

/** A name that we gave, with whatever flags a reader has put behind it. */
const NAME = /^([0-9a-f]{64})\.popwright/;

/** So far apart two changes of a directory have two times, on any file system with hard links; milliseconds. */
const TICK = 2000;

/** With more messages, what others do in `cur/` is looked at so often at most; milliseconds. */
const [MANY, PAUSE] = [5000, 5000];

/** What is in `new/` and `cur/`. */
interface Read {
  /** When `cur/` had been changed before; `undefined`: so shortly before that another change would not show. */
  readonly changed: number | undefined;
  /** When it was read, by a clock that nobody sets; milliseconds. */
  readonly at: number;
  /** The files by their keys: `new/…`. What is delivered here comes to it. */
  readonly files: Map<string, string>;
}

/**
 * Delivers into a Maildir, which is made where there is none: every octet as it came. Each message is durable before
 * it counts as delivered: its file is synced, and the directory that has its name. What was delivered is known again
 * in `new/` and `cur/`, not in other folders.
 *
 * The file system has to know hard links.
 */
export class Maildir implements Destination {
  readonly #path: MaildirPath;
  readonly #places: Places = new Places(prepare);
  readonly #read: Map<string, Read> = new Map();

  /** With a function there may be one for each mailbox; a unique-id is no part of a path, a key is. */
  constructor(path: MaildirPath) {
    if (typeof path !== "function" && (typeof path !== "string" || path === "")) {
      throw configError(
        `the path of a Maildir must be a non-empty string, or a function that returns one (got ${shown(path)})`,
      );
    }
    this.#path = path;
  }

  async begin(delivery: Delivery): Promise<DeliveryWriter | "known"> {
    const path = typeof this.#path === "string" ? this.#path : this.#path(delivery);
    return this.#places.use(path, async () => {
      const { key } = delivery;
      const target = join(path, "new", `${key}.popwright`);
      // In this order: a reader moves it from the one to the other.
      if ((await isThere(target)) || (await this.#has(path, key))) return "known";
      const file = await SpoolFile.create(join(path, "tmp"), key);
      // Another process may deliver it while it comes here.
      const writer = writerTo(target, file, () => this.#has(path, key));
      const commit = async (): Promise<"new" | "known"> => {
        const outcome = await writer.commit();
        this.#read.get(path)?.files.set(key, join("new", `${key}.popwright`));
        return outcome;
      };
      return { ...writer, commit };
    });
  }

  /**
   * Whether it is in `cur/`, under any flags, or was in one of the two; it will outlast a crash then. An empty file is
   * not a message.
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
    // A reader may have moved it since, which does not touch what is in it.
    if (file === undefined || (await octetsIn(join(path, file))) === 0) return false;
    for (const name of ["new", "cur"]) await syncDirectory(join(path, name));
    return true;
  }
}

/** A reader that takes each message at once is not to make us read a hundred thousand names for each. */
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
