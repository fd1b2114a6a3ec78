// Delivers into an mbox (mboxrd), a file with one message after the other, which other programs read and
// write, too. A lock coordinates the programs, and each message is appended completely.
import { dirname } from "node:path";
import { checkNames, checkObject, configError, shown, withDefaults } from "../../options/checks.ts";
import type { Duration } from "../../options/duration.ts";
import { makeDirectory } from "../files/fsync.ts";
import {
  checkDelivery,
  type Delivery,
  type DeliveryGroup,
  type DeliveryWriter,
  type Destination,
} from "./destination.ts";
import { groupLimits, twoGroups } from "./gathering.ts";
import { MboxFile } from "./mbox-file.ts";
import { pathOf, Places } from "./places.ts";
import { sweep } from "./spool-file.ts";
import { checkPath } from "./windows-path.ts";

/** The path of the mbox, or a function that returns the path for a message. */
export type MboxPath = string | ((delivery: Delivery) => string);

/** The options of an {@link Mbox}. */
export interface MboxOptions {
  /**
   * How long to wait for a lock that another program holds. A number is in milliseconds. After that the destination is down.
   * @default 60000
   */
  readonly lockTimeout?: Duration;
  /**
   * How many messages are appended and made durable together: at most `messages`, with at most `bytes`. A larger
   * message goes alone. Each of them counts as delivered when it will survive a crash, so a group changes the speed
   * and nothing else. `false`: one message at a time.
   * @default { messages: 64, bytes: 8388608 }
   */
  readonly group?: Partial<DeliveryGroup> | false;
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
  /** Twice the option `group`: a group arrives while the one before it is made durable. `undefined`: one message. */
  readonly group: DeliveryGroup | undefined;
  readonly #limits: DeliveryGroup | undefined;
  readonly #path: MboxPath;
  readonly #lockTimeout: number;
  readonly #places: Places<void> = new Places(prepare);
  readonly #files: Map<string, MboxFile> = new Map();

  /** With a function you can use one mbox per mailbox. Throws `POP3_CONFIG` if an option is invalid. */
  constructor(path: MboxPath, options: MboxOptions = {}) {
    if (typeof path !== "function" && (typeof path !== "string" || path === "")) {
      throw configError(
        `the path of an Mbox must be a non-empty string, or a function that returns one (got ${shown(path)})`,
      );
    }
    checkObject("mbox", options);
    checkNames("mbox", options, ["lockTimeout", "group"]);
    const { group, ...times } = options;
    this.#path = path;
    this.#lockTimeout = withDefaults("mbox", { lockTimeout: 60_000 }, times, "ms").lockTimeout;
    this.#limits = groupLimits(group);
    this.group = twoGroups(this.#limits);
  }

  async begin(delivery: Delivery, signal?: AbortSignal): Promise<DeliveryWriter | "known"> {
    checkDelivery(delivery, signal);
    const path = pathOf("an Mbox", this.#path, delivery);
    checkPath(path);
    const folder = dirname(path);
    return this.#places.use(folder, () => this.#file(path).begin(delivery.key, signal));
  }

  #file(path: string): MboxFile {
    let file = this.#files.get(path);
    if (file === undefined) {
      const failed = (): void => {
        this.#places.forget(dirname(path));
      };
      file = new MboxFile(path, { lockTimeout: this.#lockTimeout, limits: this.#limits, failed });
      this.#files.set(path, file);
    }
    return file;
  }
}

async function prepare(folder: string): Promise<void> {
  await makeDirectory(folder);
  await sweep(folder);
}
