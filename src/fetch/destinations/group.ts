// Makes the messages of one directory durable in groups. Their files are written and synced side by side, then
// each gets its name, and then one sync of the directory makes all names durable. A commit resolves only after that.
import { checkNumber, withDefaults } from "../../options/checks.ts";
import { syncName } from "../files/fsync.ts";
import { KeptDirectory } from "../files/kept-directory.ts";
import { ArrivingFile } from "./arriving-file.ts";
import { CompleteMessage } from "./complete-message.ts";
import type { DeliveryGroup, DeliveryWriter } from "./destination.ts";

const DEFAULTS: DeliveryGroup = { messages: 64, bytes: 8 * 1024 * 1024 };

/**
 * How long a complete message waits for one that still arrives; milliseconds. A slow message must not hold back
 * the others.
 */
const PATIENCE = 20;

/** The option `group` of a destination; `false`: one message at a time. */
type GroupOption = Partial<DeliveryGroup> | false;

/** Returns the limits of a group; `undefined`: one message at a time. Throws `POP3_CONFIG` if one is invalid. */
export function groupLimits(option: GroupOption | undefined): DeliveryGroup | undefined {
  if (option === false) return undefined;
  const limits = withDefaults("group", DEFAULTS, option);
  checkNumber("group.messages", limits.messages, 1);
  checkNumber("group.bytes", limits.bytes, 1);
  return limits.messages < 2 ? undefined : limits;
}

/**
 * Returns how many messages a run may have underway with groups of this size: the next group arrives while the one
 * before it is made durable.
 */
export function twoGroups(limits: DeliveryGroup | undefined): DeliveryGroup | undefined {
  return limits && { messages: 2 * limits.messages, bytes: 2 * limits.bytes };
}

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
  readonly #limits: DeliveryGroup;
  readonly #kept: KeptDirectory;
  readonly #arriving: Set<ArrivingFile> = new Set();
  /** Complete messages that are in no closed group yet, in order. */
  #complete: CompleteMessage[] = [];
  /** The number of writers that have begun since the last group was closed. */
  #begun = 0;
  #isNaming = false;
  #turn: NodeJS.Immediate | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(place: GroupPlace) {
    this.#place = place;
    this.#limits = place.limits ?? { messages: 1, bytes: 1 };
    this.#kept = new KeptDirectory(place.directory);
  }

  /** Whether the next message is the first one of its group. */
  get isNew(): boolean {
    return this.#begun === 0;
  }

  /** Returns a writer for a message. `path`: the name of its file, in the directory. */
  begin(key: string, path: string): DeliveryWriter {
    const arriving = new ArrivingFile(this.#place.spool, key);
    this.#arriving.add(arriving);
    this.#begun++;
    return {
      write: (octets) => arriving.write(octets),
      commit: () => this.#commit(key, path, arriving),
      abort: async () => {
        this.#arriving.delete(arriving);
        this.#closeWhenDue();
        if (arriving.hasFailed) this.#place.failed();
        await arriving.discard();
      },
    };
  }

  #commit(key: string, path: string, arrived: ArrivingFile): Promise<"new" | "known"> {
    this.#arriving.delete(arrived);
    const message = new CompleteMessage(key, path, arrived);
    this.#complete.push(message);
    this.#closeWhenDue();
    return message.committed;
  }

  /**
   * Closes the group if it is full. Otherwise waits: for one turn of the loop if no message is arriving, because
   * the next one may be in the same chunk of the connection; for {@link PATIENCE} if one is.
   */
  #closeWhenDue(): void {
    if (this.#isNaming || this.#complete.length === 0) return;
    if (this.#isFull) this.#close();
    else if (this.#arriving.size > 0)
      this.#timer ??= setTimeout(() => {
        this.#close();
      }, PATIENCE);
    else
      this.#turn ??= setImmediate(() => {
        this.#turn = undefined;
        if (this.#arriving.size === 0) this.#close();
        else this.#closeWhenDue();
      });
  }

  get #isFull(): boolean {
    const octets = this.#complete.reduce((sum, message) => sum + message.octets, 0);
    return this.#complete.length >= this.#limits.messages || octets >= this.#limits.bytes;
  }

  /** Names all messages that are complete. Those that become complete meanwhile are the next group. */
  #close(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#turn);
    this.#timer = this.#turn = undefined;
    const group = this.#complete;
    this.#complete = [];
    this.#begun = 0;
    this.#isNaming = true;
    void this.#name(group).then(() => {
      this.#isNaming = false;
      if (this.#complete.length > 0) this.#close();
    });
  }

  /** Names the messages of a group, and settles their commits in order. Never rejects. */
  async #name(group: readonly CompleteMessage[]): Promise<void> {
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
    for (const message of group) message.settle();
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
