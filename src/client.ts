// The client as its users hold it: one session, one method per command.
import { EventEmitter } from "node:events";
import type { Readable } from "node:stream";
import { inspect, type InspectOptions } from "node:util";
import type { Pop3Auth } from "./options/auth.ts";
import { Pop3Error } from "./errors.ts";
import { Message, announcedOctets } from "./session/message.ts";
import { completeOptions, type Pop3ClientOptions } from "./options/client.ts";
import type { Capabilities } from "./protocol/capabilities.ts";
import * as commands from "./protocol/commands.ts";
import type { Language } from "./protocol/commands.ts";
import { totalOfCall } from "./net/deadlines.ts";
import { isMessageNumber } from "./protocol/listing-fields.ts";
import type { MaildropStat } from "./protocol/listings.ts";
import type { MalformedLine } from "./protocol/malformed-line.ts";
import { MessageBuffer, messageKnownTooLarge } from "./protocol/message-buffer.ts";
import { MixedReplies } from "./protocol/mixed-replies.ts";
import { Retrieval, type Pop3Retrieval, type RetrieveOptions } from "./session/retrieval.ts";
import { Session, type Pop3Pipelining, type Pop3State, type Pop3TlsInfo } from "./session/session.ts";
import { Transaction } from "./session/transaction.ts";

/** What every call takes. */
export interface CallOptions {
  /**
   * Gives the call up: it rejects at once with `POP3_ABORTED`. A reply that is on its way is read and dropped
   * within `limits.drain` and `timeouts.drain`; beyond them, and in the middle of a login, STLS or QUIT, the
   * connection is closed.
   */
  readonly signal?: AbortSignal | undefined;
}

/** What every call takes whose response may be long. */
export interface ResponseOptions extends CallOptions {
  /**
   * How long the whole response may take, in milliseconds, from the time when the replies to earlier commands are
   * complete; the time in which you do not read a stream does not count. Then the session ends with
   * `POP3_TOTAL_TIMEOUT`. `Infinity`: no bound. Rejects with `POP3_INVALID_ARGUMENT` unless it is a number > 0.
   * @default `timeouts.total`, `Infinity` for a stream
   * @example
   * ```ts
   * const message = await client.retr(1, { totalTimeout: 5 * 60_000 });
   * ```
   */
  readonly totalTimeout?: number | undefined;
}

/** What a command of one's own is answered with. */
export interface CommandReply {
  /** The text behind `+OK`, without the response code. */
  readonly text: string;
  /** The extended response code in upper case, where there was one (RFC 2449 section 8). */
  readonly responseCode: string | undefined;
  /** With `multiline`: the octets of the block, dots unstuffed. */
  readonly block: Buffer | undefined;
}

export interface Pop3ClientEvents {
  /** The session has ended: with the error that ended it, or with `undefined` behind QUIT. */
  close: [failure: Pop3Error | undefined];
}

/**
 * A POP3 session (RFC 1939). It is a transaction: `dele` marks, {@link quit} commits, and whatever else ends
 * the session rolls back. A client connects once.
 *
 * Every call settles once. It rejects with a {@link Pop3Error}: with `POP3_REFUSED` and its kind when the
 * server said no, and the session goes on; with a `Pop3ProtocolError` or `Pop3ConnectionError` when the
 * session is over, as does every other call that waits; with `POP3_INVALID_ARGUMENT` or `POP3_STATE`
 * when the call was wrong, and nothing was sent. There is no `error` event.
 *
 * @example
 * ```ts
 * await using client = await Pop3Client.connect({
 *   host: "pop.example.com",
 *   auth: { user: "ann@example.com", pass: process.env.POP3_PASS! },
 * });
 * for await (const message of client.retrieve()) {
 *   console.log(message.number, message.uid, (await message.buffer()).length);
 * }
 * await client.quit();
 * ```
 */
export class Pop3Client extends EventEmitter<Pop3ClientEvents> {
  readonly #session: Session;
  readonly #transaction: Transaction;

  /** Throws `POP3_CONFIG` for options that make no sense. Nothing is sent before {@link connect}. */
  constructor(options: Pop3ClientOptions | string | URL) {
    super();
    this.#session = new Session(completeOptions(options));
    this.#transaction = new Transaction(this.#session);
    this.#session.onClose = (failure) => {
      try {
        this.emit("close", failure);
      } catch (error) {
        // What a listener throws is the caller's, on a stack of its own: it undoes nothing here.
        process.nextTick(() => {
          throw error;
        });
      }
    };
  }

  static {
    // What `console.log(client)` shows: where the session is, and nothing that is secret.
    Object.defineProperty(this.prototype, inspect.custom, {
      value(this: Pop3Client, _depth: number, options: InspectOptions): string {
        const { state, secure, marked } = this;
        const { host, port } = this.#session.settings;
        return `Pop3Client ${inspect({ host, port, secure, state, marked }, options)}`;
      },
    });
  }

  /** A new client, connected: see the constructor and the method. */
  static async connect(
    options: Pop3ClientOptions | string | URL,
    call: CallOptions = {},
  ): Promise<Pop3Client> {
    const client = new Pop3Client(options);
    await client.connect(call);
    return client;
  }

  /**
   * Dials, begins TLS, reads the greeting, asks for the capabilities, and logs in where the options have `auth`;
   * without it the session stays in the AUTHORIZATION state.
   *
   * Rejects with `POP3_CONNECT`, `POP3_TLS_CERT`, `POP3_TLS_REQUIRED`, `POP3_GREETING_REJECTED`,
   * `POP3_AUTH_REJECTED`, `POP3_TEMPORARY` and others; the connection is closed then.
   */
  async connect({ signal }: CallOptions = {}): Promise<void> {
    await this.#session.open(signal);
  }

  /** Where the session is (RFC 1939 section 3). */
  get state(): Pop3State {
    return this.#session.state;
  }

  /** Whether TLS protects the connection. */
  get secure(): boolean {
    return this.#session.secure;
  }

  /** The text of the greeting. */
  get greeting(): string | undefined {
    return this.#session.greeting;
  }

  /**
   * What the server listed last. It is asked before and after the login; with pipelining the second answer
   * may arrive a moment after `connect` has resolved. Empty where the server knows no CAPA.
   */
  get capabilities(): Capabilities {
    return this.#session.capabilities;
  }

  /**
   * How commands are sent: see {@link Pop3Pipelining}. May change when the server lists its capabilities after the
   * login.
   */
  get pipelining(): Pop3Pipelining {
    return this.#session.pipelining;
  }

  /** The message numbers that are marked as deleted, and that {@link quit} would delete. */
  get marked(): ReadonlySet<number> {
    return new Set(this.#transaction.marked);
  }

  /**
   * The malformed lines of the last LIST and of the last UIDL in this session, in that order, also if the call failed
   * because of them. With `listings: "lenient"` a message whose line is malformed is not in the Map of `list()` or
   * `uidl()`. The diagnostics channel `popwright:malformed` tells of them, too.
   *
   * @example
   * ```ts
   * const uids = await client.uidl();
   * for (const { command, number, text, reason } of client.malformed)
   *   console.warn(`${command}, message ${number ?? "?"}: "${text}" (${reason})`);
   * ```
   */
  get malformed(): readonly MalformedLine[] {
    return this.#transaction.malformed;
  }

  /** How TLS protects the connection; `undefined` without TLS. */
  get tlsInfo(): Pop3TlsInfo | undefined {
    return this.#session.tlsInfo;
  }

  /** STAT: how many messages there are that are not marked, and their octets. */
  async stat({ signal }: CallOptions = {}): Promise<MaildropStat> {
    return this.#transaction.stat(signal);
  }

  /**
   * LIST: the size in octets of each message that is not marked. A message whose line is malformed is not in the Map:
   * {@link malformed} names it. Numbers stay what they are for the whole session: what a server counts again after DELE
   * is given under the first numbers. Rejects with `POP3_BAD_LISTING` if every line is malformed, or any with
   * `listings: "strict"`; with `POP3_LIST_TOO_LARGE`; and with `POP3_PROTOCOL`, which ends the session, if the server
   * moves the messages themselves.
   */
  list(options?: ResponseOptions): Promise<Map<number, number>>;
  /** LIST of one message. Rejects with `POP3_REFUSED` when there is none of that number. */
  list(message: number, options?: CallOptions): Promise<number>;
  async list(first?: number | ResponseOptions, options?: CallOptions): Promise<Map<number, number> | number> {
    if (isCallOptions(first)) return this.#transaction.list(first?.signal, totalOfCall(first?.totalTimeout));
    return this.#transaction.listOne(first, options?.signal);
  }

  /**
   * UIDL: the unique-id of each message that is not marked (RFC 1939 section 7). Opaque: hash it before it names a file.
   * A message for which the server has none, or a malformed one, is not in the Map: {@link malformed} names it. Numbers
   * are kept, and it rejects, as with {@link list}.
   */
  uidl(options?: ResponseOptions): Promise<Map<number, string>>;
  /** UIDL of one message. */
  uidl(message: number, options?: CallOptions): Promise<string>;
  async uidl(first?: number | ResponseOptions, options?: CallOptions): Promise<Map<number, string> | string> {
    if (isCallOptions(first)) return this.#transaction.uidl(first?.signal, totalOfCall(first?.totalTimeout));
    return this.#transaction.uidlOne(first, options?.signal);
  }

  /**
   * RETR: a whole message, byte for byte: CRLF kept, dots unstuffed, nothing decoded. Rejects with
   * `POP3_REFUSED` when it is not there, `POP3_MESSAGE_TOO_LARGE` beyond `limits.message`, `POP3_TRUNCATED`.
   */
  async retr(message: number, { signal, totalTimeout }: ResponseOptions = {}): Promise<Buffer> {
    const session = this.#session;
    const size = this.#transaction.sizes?.get(message);
    const { limits } = session.settings;
    const command = commands.retr(
      message,
      (line) => new MessageBuffer(limits.message, size ?? 0, new MixedReplies(line, size)),
    );
    if ((size ?? 0) > limits.message) throw messageKnownTooLarge(limits.message, command.printable);
    return session.execute(command, {
      signal,
      total: totalOfCall(totalTimeout),
      octets: announcedOctets(size),
    });
  }

  /** TOP: the headers, the empty line, and so many lines of the body. @param lines default 0 */
  async top(message: number, lines = 0, { signal, totalTimeout }: ResponseOptions = {}): Promise<Buffer> {
    const session = this.#session;
    const { limits } = session.settings;
    return session.execute(
      commands.top(message, lines, () => new MessageBuffer(limits.message, 0)),
      {
        signal,
        total: totalOfCall(totalTimeout),
        octets: announcedOctets(this.#transaction.sizes?.get(message), lines),
      },
    );
  }

  /**
   * RETR as a stream, of any size: the server is not read faster than the stream is. Errors destroy it (and do not
   * end the process where nobody listens: `end` never comes); one that is destroyed early gives its turn to the
   * next command. Other commands wait until the message has come. It may take as long as it likes, while it brings
   * `limits.minRate`; `totalTimeout` bounds it.
   */
  retrStream(message: number, { signal, totalTimeout }: ResponseOptions = {}): Readable {
    let body: Message;
    try {
      if (!isMessageNumber(message))
        throw new Pop3Error("POP3_INVALID_ARGUMENT", "a message number is an integer from 1 on");
      body = new Message(this.#transaction, message, { signal, total: totalOfCall(totalTimeout) });
    } catch (error) {
      body = new Message(this.#transaction, 1);
      body.abort(error as Pop3Error);
    }
    return body.stream();
  }

  /**
   * Retrieves messages, in order, pipelined where the server allows, not faster than they are taken.
   *
   * Without `numbers` it asks for LIST and UIDL and retrieves all that are not marked, also those whose line in LIST is
   * malformed if UIDL has them, too; a refusal of UIDL rejects if the server lists it or may give it later. A message that is gone rejects for itself, and the loop goes on. The
   * loop may be left at any time; what was under way is dropped.
   */
  retrieve(numbers?: Iterable<number>, options: RetrieveOptions = {}): Pop3Retrieval {
    return new Retrieval(this.#transaction, numbers, options);
  }

  /**
   * DELE: marks messages; {@link quit} deletes them. Several go out together, and all are answered before the
   * call rejects with the first refusal; {@link marked} tells which were taken.
   */
  async dele(messages: number | readonly number[], { signal }: CallOptions = {}): Promise<void> {
    await this.#transaction.dele(isList(messages) ? messages : [messages], signal);
  }

  /** NOOP: keeps the session from timing out. */
  async noop({ signal }: CallOptions = {}): Promise<void> {
    await this.#session.execute(commands.noop(), { signal });
  }

  /** RSET: takes all marks back. */
  async rset({ signal }: CallOptions = {}): Promise<void> {
    await this.#transaction.rset(signal);
  }

  /**
   * QUIT: commits what is marked, and ends the session. Rejects with `POP3_COMMIT_FAILED` when the server could
   * not delete all of it, and with `POP3_COMMIT_UNKNOWN` when its reply was lost; both errors have the
   * numbers in `marked`. A session without marks ends well even if its last reply is lost.
   */
  async quit({ signal }: CallOptions = {}): Promise<void> {
    await this.#transaction.quit(signal);
  }

  /** Drops the connection at once. Nothing is deleted; every call that waits rejects with `POP3_CLOSED`. */
  close(): void {
    this.#session.close();
  }

  /**
   * Ends without deleting anything: RSET, as some servers mark what was read, then QUIT, within 5 seconds; else the
   * connection is dropped.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#transaction.rollBack();
  }

  /** CAPA (RFC 2449). Rejects with `POP3_REFUSED` where the server knows none. */
  async capa({ signal, totalTimeout }: ResponseOptions = {}): Promise<Capabilities> {
    this.#session.check("CAPA");
    return this.#session.capa(signal, totalOfCall(totalTimeout));
  }

  /**
   * Whether the server knows UIDL or TOP: as CAPA lists them, or else by trying, as some servers list less than they
   * have, and old ones know no CAPA. Asks nothing twice.
   */
  async supports(command: "UIDL" | "TOP", { signal }: CallOptions = {}): Promise<boolean> {
    if (!["UIDL", "TOP"].includes(command))
      throw new Pop3Error("POP3_INVALID_ARGUMENT", "supports() knows of UIDL and TOP");
    this.#session.check(command);
    return this.#transaction.supports(command, signal);
  }

  /** STLS (RFC 2595), by hand. What was learnt in clear is forgotten. Rejects with `POP3_TLS_*` and closes. */
  async stls({ signal }: CallOptions = {}): Promise<void> {
    this.#session.check("STLS");
    await this.#session.stls(signal);
  }

  /** USER, by hand; {@link pass} follows. */
  async user(name: string, { signal }: CallOptions = {}): Promise<void> {
    await this.#session.execute(commands.user(name, this.#session.settings.limits), { signal });
  }

  /** PASS, by hand. Rejects with `POP3_TLS_REQUIRED` where the password would go out in clear and that was not allowed. */
  async pass(secret: string, { signal }: CallOptions = {}): Promise<void> {
    const command = commands.pass(secret, this.#session.settings.limits);
    this.#session.check(command.printable);
    this.#session.assertMaySendSecret();
    await this.#session.loginBy(command, signal);
  }

  /** APOP, by hand. Rejects with `POP3_NOT_SUPPORTED` where the greeting has no timestamp that can be trusted. */
  async apop(name: string, secret: string, { signal }: CallOptions = {}): Promise<void> {
    this.#session.check("APOP");
    const digest = this.#session.apopDigest(secret);
    const command = commands.apop(name, digest, this.#session.settings.limits);
    await this.#session.loginBy(commands.withSecrets(command, [secret]), signal);
  }

  /** Logs in as `connect` does with `auth`. */
  async authenticate(auth: Pop3Auth, { signal }: CallOptions = {}): Promise<void> {
    this.#session.check("AUTH");
    await this.#session.login(auth, signal);
  }

  /** UTF8 (RFC 6856), before the login: headers, user names and texts in UTF-8. */
  async utf8({ signal }: CallOptions = {}): Promise<void> {
    await this.#session.execute(commands.utf8(), { signal });
  }

  /** LANG (RFC 6856): the languages to be had. */
  lang(options?: CallOptions): Promise<Language[]>;
  /** LANG: the server's texts in that language from now on; `*` for its default. Gives its reply. */
  lang(tag: string, options?: CallOptions): Promise<string>;
  async lang(first?: string | CallOptions, options?: CallOptions): Promise<Language[] | string> {
    const { limits } = this.#session.settings;
    if (isCallOptions(first))
      return this.#session.execute(commands.langList(limits), { signal: first?.signal });
    return this.#session.execute(commands.lang(first, limits), { signal: options?.signal });
  }

  /**
   * A command that has no method: `XTND`, say. `multiline`: a block follows `+OK`. Only its first word is ever
   * printed. Rejects with `POP3_INVALID_ARGUMENT` for the commands that change the session.
   */
  async command(
    line: string,
    { multiline = false, signal, totalTimeout }: ResponseOptions & { readonly multiline?: boolean } = {},
  ): Promise<CommandReply> {
    const { limits } = this.#session.settings;
    if (multiline) {
      const { text, responseCode, block } = await this.#session.execute(commands.custom(line, true, limits), {
        signal,
        total: totalOfCall(totalTimeout),
      });
      return { text, responseCode, block };
    }
    const { text, responseCode } = await this.#session.execute(commands.custom(line, false, limits), {
      signal,
    });
    return { text, responseCode, block: undefined };
  }
}

function isList(messages: number | readonly number[]): messages is readonly number[] {
  return Array.isArray(messages);
}

/** What is neither options nor left out is meant as an argument, right or wrong. */
function isCallOptions(value: unknown): value is CallOptions | undefined {
  return value === undefined || (typeof value === "object" && value !== null);
}
