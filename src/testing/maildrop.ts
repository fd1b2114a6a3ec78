// A maildrop, and the session's view of it: a snapshot that is taken at login and takes effect with QUIT.
import { Pop3Error } from "../errors.ts";

/** A message as it lies in the maildrop. */
export interface StoredMessage {
  /** The unique-id (RFC 1939 section 7). */
  readonly uid: string;
  readonly octets: Buffer;
}

/** The messages of one user. They may be changed at any time; an open session goes on with what it saw at login. */
export class Maildrop {
  #messages: StoredMessage[] = [];
  #added = 0;
  #sessions = 0;
  readonly #exclusive: boolean;

  /** `exclusive`: whether one session keeps others out (RFC 1939 section 4). */
  constructor(exclusive: boolean) {
    this.#exclusive = exclusive;
  }

  /** What lies in it now, as an array of its own. */
  get messages(): readonly StoredMessage[] {
    return [...this.#messages];
  }

  /**
   * Puts a message behind the others; a string goes in as UTF-8, octets are copied. Without `uid` the unique-ids
   * are `uid-1`, `uid-2` and so on, and none of them is given twice. Throws `POP3_CONFIG` for a unique-id that
   * does not fit in a line; others are taken even where the RFC forbids them, for a client to be tried with.
   */
  add(message: Buffer | Uint8Array | string, uid?: string): StoredMessage {
    const number = ++this.#added;
    if (uid !== undefined && /[\r\n]/.test(uid)) {
      throw new Pop3Error("POP3_CONFIG", "a unique-id has no line end in it");
    }
    const octets = typeof message === "string" ? Buffer.from(message, "utf8") : Buffer.from(message);
    const stored: StoredMessage = { uid: uid ?? `uid-${String(number)}`, octets };
    this.#messages.push(stored);
    return stored;
  }

  /** Takes out the first message with this unique-id. Returns whether there was one. */
  remove(uid: string): boolean {
    const at = this.#messages.findIndex((message) => message.uid === uid);
    if (at !== -1) this.#messages.splice(at, 1);
    return at !== -1;
  }

  /** The view of a new session, or `undefined` while another one has the maildrop. */
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

/** One session's view: numbers stay what they are until it ends (RFC 1939 section 5). */
export class Snapshot {
  readonly #messages: readonly StoredMessage[];
  readonly #marked: Set<StoredMessage> = new Set();
  readonly #owner: Owner;
  #open = true;

  constructor(messages: readonly StoredMessage[], owner: Owner) {
    this.#messages = [...messages];
    this.#owner = owner;
  }

  /** Message number → message, without those that are marked as deleted. */
  *entries(): Generator<[number, StoredMessage], void> {
    for (const [index, message] of this.#messages.entries()) {
      if (!this.#marked.has(message)) yield [index + 1, message];
    }
  }

  /** `undefined` where there is no such message, or it is marked as deleted. */
  message(number: number): StoredMessage | undefined {
    const message = this.#messages[number - 1];
    return message === undefined || this.#marked.has(message) ? undefined : message;
  }

  mark(message: StoredMessage): void {
    this.#marked.add(message);
  }

  unmarkAll(): void {
    this.#marked.clear();
  }

  /** The UPDATE state: what is marked goes. Whatever else happened to the maildrop meanwhile is left alone. */
  commit(): void {
    if (this.#open) this.#owner.remove(this.#marked);
    this.release();
  }

  /** Gives the maildrop back with nothing changed. Once is enough, more does no harm. */
  release(): void {
    if (this.#open) this.#owner.release();
    this.#open = false;
  }
}
