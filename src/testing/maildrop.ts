// A maildrop, and the snapshot of it that a session takes at login. QUIT removes the messages that the
// session marked.
import { argumentError, checkString, configError } from "../options/checks.ts";
import { printable } from "../protocol/printable.ts";
import { checkMessage } from "./option-checks.ts";

/** A message in the maildrop. */
export interface StoredMessage {
  /** The unique-id (RFC 1939 section 7). */
  readonly uid: string;
  /** The message, byte for byte. */
  readonly octets: Buffer;
}

/**
 * The messages of one user. You can change them at any time; an open session keeps the view that it had at
 * login.
 */
export class Maildrop {
  #messages: StoredMessage[] = [];
  #added = 0;
  #sessions = 0;
  readonly #exclusive: boolean;

  /** `exclusive`: whether an open session locks the maildrop (RFC 1939 section 4). */
  constructor(exclusive: boolean) {
    this.#exclusive = exclusive;
  }

  /** A copy of the current list of messages. */
  get messages(): readonly StoredMessage[] {
    return [...this.#messages];
  }

  /**
   * Appends a message. A string is encoded as UTF-8; bytes are copied. Without `uid` the unique-ids are
   * `uid-1`, `uid-2` and so on, and none is used twice. Throws `POP3_CONFIG` if the unique-id contains CR or
   * LF, and `POP3_INVALID_ARGUMENT` for a value of the wrong type. Other unique-ids that the RFC forbids are accepted, so that you can test a client with them.
   */
  add(message: Buffer | Uint8Array | string, uid?: string): StoredMessage {
    checkMessage("message", message);
    if (uid !== undefined) checkString("uid", uid, argumentError);
    const number = ++this.#added;
    if (uid !== undefined && /[\r\n]/.test(uid)) {
      throw configError(`uid must not contain CR or LF (got ${printable(JSON.stringify(uid))})`);
    }
    const octets = typeof message === "string" ? Buffer.from(message, "utf8") : Buffer.from(message);
    const stored: StoredMessage = { uid: uid ?? `uid-${String(number)}`, octets };
    this.#messages.push(stored);
    return stored;
  }

  /**
   * Removes the first message with this unique-id. Returns whether there was one. Throws `POP3_INVALID_ARGUMENT` if the
   * unique-id is not a string.
   */
  remove(uid: string): boolean {
    checkString("uid", uid, argumentError);
    const at = this.#messages.findIndex((message) => message.uid === uid);
    if (at !== -1) this.#messages.splice(at, 1);
    return at !== -1;
  }

  /** Returns the snapshot for a new session, or `undefined` while another session holds the lock. */
  open(): Snapshot | undefined {
    if (this.#exclusive && this.#sessions > 0) return undefined;
    this.#sessions++;
    return new Snapshot(this.#messages, {
      remove: (messages) => {
        this.#messages = this.#messages.filter((message) => !messages.has(message));
      },
      release: () => {
        this.#sessions--;
      },
    });
  }
}

interface Owner {
  remove(messages: ReadonlySet<StoredMessage>): void;
  release(): void;
}

/** The maildrop as one session sees it: message numbers do not change until it ends (RFC 1939 section 5). */
export class Snapshot {
  readonly #messages: readonly StoredMessage[];
  readonly #marked: Set<StoredMessage> = new Set();
  readonly #owner: Owner;
  #open = true;

  constructor(messages: readonly StoredMessage[], owner: Owner) {
    this.#messages = [...messages];
    this.#owner = owner;
  }

  /** Yields message number and message, without the messages that are marked as deleted. */
  *entries(): Generator<[number, StoredMessage], void> {
    for (const [index, message] of this.#messages.entries()) {
      if (!this.#marked.has(message)) yield [index + 1, message];
    }
  }

  /** Returns a message; `undefined` if it does not exist or is marked as deleted. */
  message(number: number): StoredMessage | undefined {
    const message = this.#messages[number - 1];
    return message === undefined || this.#marked.has(message) ? undefined : message;
  }

  /** Marks a message as deleted (DELE). */
  mark(message: StoredMessage): void {
    this.#marked.add(message);
  }

  /** Takes all marks back (RSET). */
  unmarkAll(): void {
    this.#marked.clear();
  }

  /**
   * Removes the marked messages (the UPDATE state). Other changes made to the maildrop since the login
   * remain.
   */
  commit(): void {
    if (this.#open) this.#owner.remove(this.#marked);
    this.release();
  }

  /** Unlocks the maildrop and changes nothing. It is safe to call this more than once. */
  release(): void {
    if (this.#open) this.#owner.release();
    this.#open = false;
  }
}
