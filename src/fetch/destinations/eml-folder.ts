// A folder of .eml files: one for each message, whole or not there, named after its key.
import { checkFunction, checkNames, checkObject, checkText } from "../../options/checks.ts";
import { isAbsolute, join, relative, sep } from "node:path";
import { isSystemError, makeDirectory } from "../files/fsync.ts";
import { lstat } from "../files/patient-fs.ts";
import { checkDelivery, type Delivery, type DeliveryWriter, type Destination } from "./destination.ts";
import { DestinationError } from "./destination-error.ts";
import { Places } from "./places.ts";
import { isThere, SpoolFile, sweep, writerTo } from "./spool-file.ts";
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
  readonly #path: string;
  readonly #subfolder: (delivery: Delivery) => string;
  readonly #places: Places = new Places(prepare);

  constructor(path: string, options: EmlFolderOptions = {}) {
    checkText("the path of an EmlFolder", path);
    checkObject("options", options);
    checkNames("", options, ["subfolder"]);
    checkFunction("subfolder", options.subfolder);
    this.#path = path;
    this.#subfolder = options.subfolder ?? (() => "");
  }

  async begin(delivery: Delivery): Promise<DeliveryWriter | "known"> {
    checkDelivery(delivery);
    const folder = join(this.#path, this.#subfolder(delivery));
    if (!isWithin(this.#path, folder))
      throw new DestinationError("the sub-folder of the message must be inside the folder");
    await checkLinks(this.#path, folder);
    return this.#places.use(folder, async () => {
      const target = join(folder, `${delivery.key}.eml`);
      if (await isThere(target)) return "known";
      return writerTo(target, await SpoolFile.create(folder, delivery.key));
    });
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

async function prepare(folder: string): Promise<void> {
  await makeDirectory(folder);
  await sweep(folder);
}
