// A folder of .eml files: one for each message, whole or not there, named after its key.
import { checkFunction, checkNames, checkObject, checkText } from "../../options/checks.ts";
import { isAbsolute, join, relative, sep } from "node:path";
import { isSystemError, makeDirectory, syncDirectory, syncName } from "../files/fsync.ts";
import { lstat } from "../files/patient-fs.ts";
import {
  checkDelivery,
  type Delivery,
  type DeliveryGroup,
  type DeliveryWriter,
  type Destination,
} from "./destination.ts";
import { DestinationError } from "./destination-error.ts";
import { groupLimits, twoGroups } from "./gathering.ts";
import { Group } from "./group.ts";
import { Places } from "./places.ts";
import { octetsIn, sweep } from "./spool-file.ts";
import { printable } from "../../protocol/printable.ts";

/** The options of an {@link EmlFolder}. */
export interface EmlFolderOptions {
  /**
   * Returns the sub-folder of a message, such as `inbox` or `2026/07`; `""` is the folder itself. It must
   * return the same result every time, because a message is recognised only in that sub-folder. Do not use a
   * unique-id as a part of the path. A symbolic link in it is refused, because it may lead out of the folder.
   * @default the folder itself
   */
  readonly subfolder?: (delivery: Delivery) => string;
  /** How many messages are made durable together, see {@link MaildirOptions.group}. */
  readonly group?: Partial<DeliveryGroup> | false;
}

/** A file name that we chose. */
const NAME = /^([0-9a-f]{64})\.eml$/;

/** A folder in use. */
interface Place {
  readonly names: EmlNames;
  readonly group: Group;
}

/**
 * Delivers into a folder, which is created if it is missing. Each message becomes a file `<key>.eml` with
 * exactly the bytes that the server sent, and is durable before it counts as delivered. The file system must
 * support hard links.
 *
 * @example
 * ```ts
 * // A sub-folder for each mailbox, named by a hash: the name of a mailbox may not be a safe file name.
 * const subfolder = ({ mailbox }: Delivery) => createHash("sha256").update(mailbox).digest("hex").slice(0, 16);
 * await fetchMail(account, { ledger, destination: new EmlFolder("./mail", { subfolder }) });
 * ```
 */
export class EmlFolder implements Destination {
  /** Twice the option `group`: a group arrives while the one before it is made durable. `undefined`: one message. */
  readonly group: DeliveryGroup | undefined;
  readonly #limits: DeliveryGroup | undefined;
  readonly #path: string;
  readonly #subfolder: (delivery: Delivery) => string;
  readonly #places: Places<Place> = new Places((folder) => this.#prepare(folder));

  /** Throws `POP3_CONFIG` if an option is invalid. */
  constructor(path: string, options: EmlFolderOptions = {}) {
    checkText("the path of an EmlFolder", path);
    checkObject("options", options);
    checkNames("", options, ["subfolder", "group"]);
    checkFunction("subfolder", options.subfolder);
    this.#path = path;
    this.#subfolder = options.subfolder ?? (() => "");
    this.#limits = groupLimits(options.group);
    this.group = twoGroups(this.#limits);
  }

  async begin(delivery: Delivery): Promise<DeliveryWriter | "known"> {
    checkDelivery(delivery);
    const folder = join(this.#path, this.#subfolder(delivery));
    if (!isWithin(this.#path, folder))
      throw new DestinationError("the sub-folder of the message must be inside the folder");
    return this.#places.use(folder, async ({ names, group }) => {
      if (group.isNew) await checkLinks(this.#path, folder);
      const { key } = delivery;
      return (await names.has(key)) ? "known" : group.begin(key, names.pathOf(key));
    });
  }

  async #prepare(folder: string): Promise<Place> {
    await checkLinks(this.#path, folder);
    await makeDirectory(folder);
    const names = new EmlNames(folder, await sweep(folder));
    const group = new Group({
      spool: folder,
      directory: folder,
      limits: this.#limits,
      // A link may have replaced the sub-folder while the messages arrived.
      refresh: () => checkLinks(this.#path, folder),
      added: (key) => {
        names.add(key);
      },
      failed: () => {
        this.#places.forget(folder);
      },
    });
    return { names, group };
  }
}

/** The names in a folder, as far as they tell which messages are there. */
class EmlNames {
  readonly #folder: string;
  /** The keys that were there when it was read, or were delivered since then. */
  readonly #keys: Set<string>;
  /** Resolves when all names that were read will survive a crash. */
  #durable: Promise<void> | undefined;

  constructor(folder: string, names: readonly string[]) {
    this.#folder = folder;
    this.#keys = new Set(names.flatMap((name) => NAME.exec(name)?.[1] ?? []));
  }

  /** Returns the path of the file that a message gets. */
  pathOf(key: string): string {
    return join(this.#folder, `${key}.eml`);
  }

  /** Notes a message that was delivered. */
  add(key: string): void {
    this.#keys.add(key);
  }

  /** Tells whether a message is there. If it is, it will survive a crash. An empty file does not count. */
  async has(key: string): Promise<boolean> {
    if (!this.#keys.has(key) || ((await octetsIn(this.pathOf(key))) ?? 0) === 0) return false;
    // The process that created it may have died before its name was durable.
    if (process.platform === "win32") await syncName(this.pathOf(key));
    else await (this.#durable ??= syncDirectory(this.#folder));
    return true;
  }
}

function isWithin(folder: string, path: string): boolean {
  const [first] = relative(folder, path).split(/[/\\]/, 1);
  return first !== ".." && !isAbsolute(relative(folder, path));
}

/** Rejects if a part of `path` below `folder` is a symbolic link: the mail would be written somewhere else. */
async function checkLinks(folder: string, path: string): Promise<void> {
  const parts = relative(folder, path).split(sep).filter(Boolean);
  for (let at = 1; at <= parts.length; at++) {
    const part = join(folder, ...parts.slice(0, at));
    // The message is not the cause, and messages in other sub-folders are delivered.
    if (await isLink(part))
      throw new DestinationError(
        `${printable(part)} is a symbolic link, which may lead out of the folder. Replace it by a directory`,
        { later: true },
      );
  }
}

async function isLink(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isSymbolicLink();
  } catch (error) {
    if (isSystemError(error, "ENOENT") || isSystemError(error, "ENOTDIR")) return false;
    throw error;
  }
}
