// A folder of .eml files: one for each message, whole or not there, named after its key.
import { checkNames, checkObject, configError, shown } from "../../options/checks.ts";
import { isAbsolute, join, relative } from "node:path";
import { makeDirectory } from "../files/fsync.ts";
import type { Delivery, DeliveryWriter, Destination } from "./destination.ts";
import { DestinationError } from "./destination-error.ts";
import { Places } from "./places.ts";
import { isThere, SpoolFile, sweep, writerTo } from "./spool-file.ts";

export interface EmlFolderOptions {
  /**
   * Names the sub-folder of a message: `inbox`, `2026/07`; `""` is the folder itself. It has to be the same each time,
   * as the message is known again there only. A unique-id is no part of a path.
   * @default the folder itself
   */
  readonly subfolder?: (delivery: Delivery) => string;
}

/**
 * Delivers into a folder, which is made where there is none: `<key>.eml`, every octet as it came. Each message is
 * durable before it counts as delivered. The file system has to know hard links.
 */
export class EmlFolder implements Destination {
  readonly #path: string;
  readonly #subfolder: (delivery: Delivery) => string;
  readonly #places: Places = new Places(prepare);

  constructor(path: string, options: EmlFolderOptions = {}) {
    if (typeof path !== "string" || path === "")
      throw configError(`the path of an EmlFolder must be a non-empty string (got ${shown(path)})`);
    checkObject("options", options);
    checkNames("", options, ["subfolder"]);
    this.#path = path;
    this.#subfolder = options.subfolder ?? (() => "");
  }

  async begin(delivery: Delivery): Promise<DeliveryWriter | "known"> {
    const folder = join(this.#path, this.#subfolder(delivery));
    if (!isWithin(this.#path, folder)) throw new DestinationError("its sub-folder is outside of the folder");
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

async function prepare(folder: string): Promise<void> {
  await makeDirectory(folder);
  await sweep(folder);
}
