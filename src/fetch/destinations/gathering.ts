// Gathers messages into groups, which become durable together. Decides when a group is closed, and settles its commits
// in order.
import { checkNumber, withDefaults } from "../../options/checks.ts";
import type { DeliveryGroup } from "./destination.ts";

const DEFAULTS: DeliveryGroup = { messages: 64, bytes: 8 * 1024 * 1024 };

/**
 * How long a complete message waits for one that still arrives; milliseconds. A slow message must not hold back
 * the others.
 */
const PATIENCE = 20;

/** The option `group` of a destination; `false`: one message at a time. */
export type GroupOption = Partial<DeliveryGroup> | false;

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

/** What becomes of a message. */
export type Result = PromiseSettledResult<"new" | "known">;

/** A message that has arrived completely. */
interface Complete<M> {
  readonly message: M;
  readonly settle: (result: Result) => void;
}

export class Gathering<M extends { readonly octets: number }> {
  readonly #limits: DeliveryGroup;
  readonly #store: (group: readonly M[]) => Promise<readonly Result[]>;
  /** What stands for the messages that are not complete. */
  readonly #arriving: Set<object> = new Set();
  /** Complete messages that are in no closed group yet, in order. */
  #complete: Complete<M>[] = [];
  /** The number of messages that have begun since the last group was closed. */
  #begun = 0;
  #isStoring = false;
  #turn: NodeJS.Immediate | undefined;
  #timer: NodeJS.Timeout | undefined;

  /**
   * `store` makes the messages of a group durable, and returns the result of each. It never rejects, and calls do
   * not overlap. `limits`: `undefined` for groups of one message.
   */
  constructor(limits: DeliveryGroup | undefined, store: (group: readonly M[]) => Promise<readonly Result[]>) {
    this.#limits = limits ?? { messages: 1, bytes: 1 };
    this.#store = store;
  }

  /** Whether the next message is the first one of its group. */
  get isNew(): boolean {
    return this.#begun === 0;
  }

  /** Whether a group is being stored. */
  get isStoring(): boolean {
    return this.#isStoring;
  }

  /** Notes that a message begins to arrive. `token` stands for it. */
  begin(token: object): void {
    this.#arriving.add(token);
    this.#begun++;
  }

  /** Notes that a message will never be complete. */
  abort(token: object): void {
    this.#arriving.delete(token);
    this.#closeWhenDue();
  }

  /** Adds a message that is complete. Settles when its group is stored. */
  commit(token: object, message: M): Promise<"new" | "known"> {
    this.#arriving.delete(token);
    return new Promise((resolve, reject) => {
      const settle = (result: Result): void => {
        if (result.status === "fulfilled") resolve(result.value);
        else reject(result.reason as Error);
      };
      this.#complete.push({ message, settle });
      this.#closeWhenDue();
    });
  }

  /**
   * Closes the group if it is full. Otherwise waits: for one turn of the loop if no message is arriving, because
   * the next one may be in the same chunk of the connection; for {@link PATIENCE} if one is.
   */
  #closeWhenDue(): void {
    if (this.#isStoring || this.#complete.length === 0) return;
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
    const octets = this.#complete.reduce((sum, { message }) => sum + message.octets, 0);
    return this.#complete.length >= this.#limits.messages || octets >= this.#limits.bytes;
  }

  /** Stores all messages that are complete. Those that become complete meanwhile are the next group. */
  #close(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#turn);
    this.#timer = this.#turn = undefined;
    const group = this.#complete;
    this.#complete = [];
    this.#begun = 0;
    this.#isStoring = true;
    void this.#store(group.map(({ message }) => message)).then((results) => {
      for (const [at, { settle }] of group.entries()) settle(results[at] as Result);
      this.#isStoring = false;
      if (this.#complete.length > 0) this.#close();
    });
  }
}
