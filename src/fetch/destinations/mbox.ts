// Delivers into an mbox (mboxrd), a file with one message after the other, which other programs read and
// write, too. A lock coordinates the programs, and each message is appended completely.
import { createHash } from "node:crypto";
import { dirname } from "node:path";
import { configError, shown, withDefaults } from "../../options/checks.ts";
import type { Duration } from "../../options/duration.ts";
import { makeDirectory } from "../files/fsync.ts";
import { checkDelivery, type Delivery, type DeliveryWriter, type Destination } from "./destination.ts";
import { fromLine } from "./from-line.ts";
import { MboxFile } from "./mbox-file.ts";
import { MboxText } from "./mbox-text.ts";
import { Places } from "./places.ts";
import { SpoolFile, sweep } from "./spool-file.ts";
import { checkPath } from "./windows-path.ts";
import { wallTime } from "../../system/clock.ts";

/** The path of the mbox, or a function that returns the path for a message. */
export type MboxPath = string | ((delivery: Delivery) => string);

/** The options of an {@link Mbox}. */
export interface MboxOptions {
  /**
   * How long to wait for a lock that another program holds. A number is in milliseconds. After that the destination is down.
   * @default 60000
   */
  readonly lockTimeout?: Duration;
}

/**
 * Appends to an mbox, which is created if it is missing. Each message is durable before it counts as
 * delivered, and is recognised by its first line. It does not keep exactly the bytes that the server sent,
 * see `docs/destinations.md`; a Maildir does.
 *
 * The lock is `<path>.lock`, created exclusively. It does not stop programs that use another kind of lock.
 *
 * @example
 * ```ts
 * await fetchMail(account, { ledger, destination: new Mbox("./mail.mbox") });
 * ```
 */
export class Mbox implements Destination {
  readonly #path: MboxPath;
  readonly #lockTimeout: number;
  readonly #places: Places<void> = new Places(prepare);
  readonly #files: Map<string, MboxFile> = new Map();

  /** With a function you can use one mbox per mailbox. Throws `POP3_CONFIG` if an option is invalid. */
  constructor(path: MboxPath, options?: MboxOptions) {
    if (typeof path !== "function" && (typeof path !== "string" || path === "")) {
      throw configError(
        `the path of an Mbox must be a non-empty string, or a function that returns one (got ${shown(path)})`,
      );
    }
    this.#path = path;
    this.#lockTimeout = withDefaults("mbox", { lockTimeout: 60_000 }, options, "ms").lockTimeout;
  }

  async begin(delivery: Delivery, signal?: AbortSignal): Promise<DeliveryWriter | "known"> {
    checkDelivery(delivery, signal);
    const path = typeof this.#path === "string" ? this.#path : this.#path(delivery);
    checkPath(path);
    const folder = dirname(path);
    return this.#places.use(folder, async () => {
      const file = this.#file(path);
      const { key } = delivery;
      if (await file.has(key, signal)) return "known";
      return writerTo(file, key, await SpoolFile.create(folder, key), signal);
    });
  }

  #file(path: string): MboxFile {
    let file = this.#files.get(path);
    if (file === undefined) this.#files.set(path, (file = new MboxFile(path, this.#lockTimeout)));
    return file;
  }
}

async function prepare(folder: string): Promise<void> {
  await makeDirectory(folder);
  await sweep(folder);
}

/** Returns a writer that locks the mbox only when the message is complete and converted. */
function writerTo(
  mbox: MboxFile,
  key: string,
  spool: SpoolFile,
  signal: AbortSignal | undefined,
): DeliveryWriter {
  const line = fromLine(key, new Date(wallTime()));
  const text = new MboxText();
  const hash = createHash("sha256").update(line);
  let octets = line.length;
  const put = async (piece: Buffer): Promise<void> => {
    hash.update(piece);
    octets += piece.length;
    await spool.write([piece]);
  };
  return {
    write: (piece) => put(text.push(piece)),
    async commit() {
      try {
        await put(text.end());
        const isNew = await mbox.append(key, { line, octets, digest: hash.digest("hex") }, spool, signal);
        return isNew ? "new" : "known";
      } finally {
        await spool.discard();
      }
    },
    abort: () => spool.discard(),
  };
}
