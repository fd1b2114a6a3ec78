// The names in a Maildir, as far as they tell which messages are there. They are read once, and those of cur/
// again after a change, because mail readers move messages to it.
import { join } from "node:path";
import { syncDirectory, syncName } from "../files/fsync.ts";
import { octetsIn } from "./spool-file.ts";
import { steadyTime, wallTime } from "../../system/clock.ts";
import { readdir, stat } from "../files/patient-fs.ts";

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

/** The contents of `cur/`. */
interface Cur {
  /** When it was last changed before it was read. `undefined`: so shortly before that another change might not show. */
  readonly changed: number | undefined;
  /** When it was read, by a monotonic clock; milliseconds. */
  readonly at: number;
  /** The names of the files, by their keys. */
  readonly names: ReadonlyMap<string, string>;
}

export class MaildirNames {
  readonly #path: string;
  /** The keys that were in `new/` when it was read, or were delivered since then. */
  readonly #new: Set<string>;
  #cur: Cur;
  /** Resolves when all names that were read will survive a crash. */
  #durable: Promise<unknown> | undefined;

  private constructor(path: string, keys: Iterable<string>, cur: Cur) {
    this.#path = path;
    this.#new = new Set(keys);
    this.#cur = cur;
  }

  static async read(path: string): Promise<MaildirNames> {
    // In this order, because a mail reader moves messages from `new/` to `cur/`.
    const names = await namesIn(join(path, "new"));
    return new MaildirNames(path, names.keys(), await readCur(path, await changeOf(path)));
  }

  /** Returns the path of the file that a message gets. */
  pathOf(key: string): string {
    return join(this.#path, "new", `${key}.popwright`);
  }

  /** Notes a message that was delivered. */
  add(key: string): void {
    this.#new.add(key);
  }

  /** Reads `cur/` again if another program has changed it. */
  async refresh(): Promise<void> {
    if (this.#isRecent) return;
    const changed = await changeOf(this.#path);
    if (changed !== this.#cur.changed) await this.#readCur(changed);
  }

  /**
   * Tells whether a message is in `new/`, or in `cur/` with any flags. If it is, it will survive a crash. An
   * empty file does not count as a message.
   */
  async has(key: string): Promise<boolean> {
    if (!this.#new.has(key) && !this.#cur.names.has(key)) return false;
    let found = await this.#find(key);
    if (found === "moved" && !this.#isRecent) {
      await this.#readCur(await changeOf(this.#path));
      found = await this.#find(key);
      // It was removed.
      if (found === "moved") return false;
    }
    if (found === undefined) return false;
    // The process that created it may have died before its name was durable.
    if (process.platform === "win32") await syncName(found);
    else await (this.#durable ??= this.#sync());
    return true;
  }

  /**
   * Returns the path of a message. `undefined`: only empty files have its name. `"moved"`: it does not have the name
   * that was read; a mail reader may have moved it, which does not change its content.
   */
  async #find(key: string): Promise<string | undefined> {
    let moved = false;
    for (const path of this.#candidates(key)) {
      const octets = await octetsIn(path);
      if (octets !== undefined && octets > 0) return path;
      moved ||= octets === undefined;
    }
    return moved ? "moved" : undefined;
  }

  *#candidates(key: string): Generator<string, void> {
    if (this.#new.has(key)) yield this.pathOf(key);
    const name = this.#cur.names.get(key);
    if (name !== undefined) yield join(this.#path, "cur", name);
  }

  /** Prevents that a hundred thousand names are read for each group, if a mail reader moves each message at once. */
  get #isRecent(): boolean {
    const { names, at } = this.#cur;
    return names.size > MANY && steadyTime() - at < PAUSE;
  }

  async #readCur(changed: number): Promise<void> {
    this.#cur = await readCur(this.#path, changed);
    this.#durable = undefined;
  }

  #sync(): Promise<unknown> {
    return Promise.all(["new", "cur"].map((name) => syncDirectory(join(this.#path, name))));
  }
}

/** Returns when `cur/` was last changed. */
async function changeOf(path: string): Promise<number> {
  return (await stat(join(path, "cur"))).ctimeMs;
}

async function readCur(path: string, changed: number): Promise<Cur> {
  const settled = wallTime() - changed > TICK;
  const at = steadyTime();
  return { changed: settled ? changed : undefined, at, names: await namesIn(join(path, "cur")) };
}

async function namesIn(directory: string): Promise<Map<string, string>> {
  const names = new Map<string, string>();
  for (const name of await readdir(directory)) {
    const key = NAME.exec(name)?.[1];
    if (key !== undefined) names.set(key, name);
  }
  return names;
}
