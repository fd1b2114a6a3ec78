// Makes the messages of one directory durable in groups. Their files are written and synced side by side, then
// each gets its name, and then one sync of the directory makes all names durable. A commit resolves only after that.
import { syncName } from "../files/fsync.ts";
import { KeptDirectory } from "../files/kept-directory.ts";
import { ArrivingFile } from "./arriving-file.ts";
import { CompleteMessage } from "./complete-message.ts";
import type { DeliveryGroup, DeliveryWriter } from "./destination.ts";
import { Gathering, type Result } from "./gathering.ts";

/** The directory of a group, as its destination knows it. */
interface GroupPlace {
  /** The directory in which the files are written. */
  readonly spool: string;
  /** The directory in which they get their names. */
  readonly directory: string;
  /** The limits of a group; `undefined`: one message. */
  readonly limits: DeliveryGroup | undefined;
  /** Optional. Called once for each group, directly before its files get their names. */
  readonly refresh?: () => Promise<void>;
  /** Optional. Tells whether the message has come to another name meanwhile, and will survive a crash there. */
  readonly isElsewhere?: (key: string) => Promise<boolean>;
  /** Called when a message has its name, and will survive a crash. */
  readonly added: (key: string) => void;
  /** Called when a message could not be stored. */
  readonly failed: () => void;
}

export class Group {
  readonly #place: GroupPlace;
  readonly #kept: KeptDirectory;
  readonly #gathering: Gathering<CompleteMessage>;

  constructor(place: GroupPlace) {
    this.#place = place;
    this.#kept = new KeptDirectory(place.directory);
    this.#gathering = new Gathering(place.limits, (group) => this.#name(group));
  }

  /** Whether the next message is the first one of its group. */
  get isNew(): boolean {
    return this.#gathering.isNew;
  }

  /** Returns a writer for a message. `path`: the name of its file, in the directory. */
  begin(key: string, path: string): DeliveryWriter {
    const arriving = new ArrivingFile(this.#place.spool, key);
    this.#gathering.begin(arriving);
    return {
      write: (octets) => arriving.write(octets),
      commit: () => this.#gathering.commit(arriving, new CompleteMessage(key, path, arriving)),
      abort: async () => {
        this.#gathering.abort(arriving);
        if (arriving.hasFailed) this.#place.failed();
        await arriving.discard();
      },
    };
  }

  /** Names the messages of a group. Never rejects. */
  async #name(group: readonly CompleteMessage[]): Promise<readonly Result[]> {
    const { refresh, isElsewhere, added, failed } = this.#place;
    await Promise.all(group.map(({ stored }) => stored));
    try {
      await refresh?.();
      await Promise.all(group.map((message) => message.name(isElsewhere)));
      for (const message of group) await message.nameTaken();
    } catch (error) {
      for (const message of group) message.fail(error);
    }
    const named = group.filter(({ hasFailed }) => !hasFailed);
    const synced = this.#sync(named);
    // Windows opens each file for that, and removes no name of a file that is open.
    if (process.platform === "win32") await synced;
    await Promise.all([synced, ...group.map((message) => message.tidy())]);
    for (const { key, hasFailed } of group) {
      if (hasFailed) failed();
      else added(key);
    }
    return group.map(({ result }) => result);
  }

  /** Makes the names of these messages durable. If that fails, all of them fail. Never rejects. */
  async #sync(messages: readonly CompleteMessage[]): Promise<void> {
    if (messages.length === 0) return;
    try {
      if (process.platform !== "win32") await this.#kept.sync();
      else await Promise.all(messages.map(({ path }) => syncName(path)));
    } catch (error) {
      // The names stay: a mail reader may have seen them. The next try finds them.
      for (const message of messages) message.fail(error);
    }
  }
}
