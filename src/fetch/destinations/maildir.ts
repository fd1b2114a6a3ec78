// A Maildir (cr.yp.to/proto/maildir.html): a file for each message, whole or not there. The name is made from the
// key, so a message that comes again is recognised, even if a mail reader has moved its file.
import { checkNames, checkObject, configError, shown } from "../../options/checks.ts";
import { join } from "node:path";
import { makeDirectory } from "../files/fsync.ts";
import {
  checkDelivery,
  type Delivery,
  type DeliveryGroup,
  type DeliveryWriter,
  type Destination,
} from "./destination.ts";
import { groupLimits, twoGroups } from "./gathering.ts";
import { Group } from "./group.ts";
import { MaildirNames } from "./maildir-names.ts";
import { pathOf, Places } from "./places.ts";
import { sweep } from "./spool-file.ts";

/** The path of the Maildir, or a function that returns the path for a message. */
export type MaildirPath = string | ((delivery: Delivery) => string);

/** The options of a {@link Maildir}. */
export interface MaildirOptions {
  /**
   * How many messages are made durable together: at most `messages`, with at most `bytes`. A larger message goes
   * alone. Each of them counts as delivered when its file and its name will survive a crash, so a group changes
   * the speed and nothing else. `false`: one message at a time.
   * @default { messages: 64, bytes: 8388608 }
   */
  readonly group?: Partial<DeliveryGroup> | false;
}

/** A Maildir in use. */
interface Place {
  readonly names: MaildirNames;
  readonly group: Group;
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
  /** Twice the option `group`: a group arrives while the one before it is made durable. `undefined`: one message. */
  readonly group: DeliveryGroup | undefined;
  readonly #limits: DeliveryGroup | undefined;
  readonly #path: MaildirPath;
  readonly #places: Places<Place> = new Places((path) => this.#prepare(path));

  /**
   * With a function you can use one Maildir per mailbox. Do not use a unique-id as a part of the path; a key
   * is safe. Throws `POP3_CONFIG` if an option is invalid.
   */
  constructor(path: MaildirPath, options: MaildirOptions = {}) {
    if (typeof path !== "function" && (typeof path !== "string" || path === "")) {
      throw configError(
        `the path of a Maildir must be a non-empty string, or a function that returns one (got ${shown(path)})`,
      );
    }
    checkObject("options", options);
    checkNames("", options, ["group"]);
    this.#path = path;
    this.#limits = groupLimits(options.group);
    this.group = twoGroups(this.#limits);
  }

  async begin(delivery: Delivery): Promise<DeliveryWriter | "known"> {
    checkDelivery(delivery);
    const path = pathOf("a Maildir", this.#path, delivery);
    return this.#places.use(path, async ({ names, group }) => {
      const { key } = delivery;
      return (await names.has(key)) ? "known" : group.begin(key, names.pathOf(key));
    });
  }

  async #prepare(path: string): Promise<Place> {
    const [tmp, directory, cur] = ["tmp", "new", "cur"].map((name) => join(path, name)) as [
      string,
      string,
      string,
    ];
    for (const each of [tmp, directory, cur]) await makeDirectory(each);
    await sweep(tmp);
    const names = await MaildirNames.read(path);
    const group = new Group({
      spool: tmp,
      directory,
      limits: this.#limits,
      refresh: () => names.refresh(),
      // Another process may have delivered the message while it arrived here, and a mail reader have moved it.
      isElsewhere: (key) => names.has(key),
      added: (key) => {
        names.add(key);
      },
      failed: () => {
        this.#places.forget(path);
      },
    });
    return { names, group };
  }
}
