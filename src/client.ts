// The public POP3 client: one session per client, one method per command.
import { EventEmitter } from "node:events";
import type { Readable } from "node:stream";
import { inspect, type InspectOptions } from "node:util";
import { checkAuth, type Pop3Auth } from "./options/auth.ts";
import {
  CALL,
  RESPONSE,
  checkCallOptions,
  type CallOptions,
  type NamesOf,
  type ResponseOptions,
} from "./options/call.ts";
import { totalOfCall } from "./options/total-timeout.ts";
import { argumentError, checkBoolean, checkText, shown } from "./options/checks.ts";
import type { Pop3Error } from "./errors.ts";
import { call, callerOf, located, locatedLoop } from "./session/caller.ts";
import {
  reportOf,
  stepsOf,
  VERIFY,
  type Pop3VerifyReport,
  type Pop3VerifyStep,
  type VerifyOptions,
} from "./advice/verification.ts";
import { secretsOf } from "./options/secrets.ts";
import { proxyText } from "./net/proxy.ts";
import { Reception } from "./session/reception.ts";
import { completeOptions, optionsFrom, type Pop3ClientOptions } from "./options/client.ts";
import type { Capabilities } from "./protocol/capabilities.ts";
import type { Columns } from "./protocol/columns.ts";
import * as commands from "./protocol/commands.ts";
import type { Language, Pop3State } from "./protocol/commands.ts";
import type { ReplyListener } from "./net/replies.ts";
import type { MaildropStat } from "./protocol/listings.ts";
import type { MalformedLine } from "./protocol/malformed-line.ts";
import { Retrieval, type Pop3Retrieval, type RetrieveOptions } from "./session/retrieval.ts";
import type { Pop3Pipelining } from "./session/pipelining-mode.ts";
import { Session, type Pop3TlsInfo } from "./session/session.ts";
import { Transaction } from "./session/transaction.ts";
import { checkWork, runUse } from "./session/use.ts";
import { statisticsOf, type Pop3ClientStatistics } from "./session/statistics.ts";

/** Options of {@link Pop3Client.command}. */
export interface Pop3CommandOptions extends ResponseOptions {
  /** Whether a block of lines follows the `+OK` of the reply. @default false */
  readonly multiline?: boolean | undefined;
}

const COMMAND: NamesOf<Pop3CommandOptions> = { ...RESPONSE, multiline: true };

/** The reply to {@link Pop3Client.command}. */
export interface CommandReply {
  /** The text after `+OK`, without the response code. */
  readonly text: string;
  /** The extended response code in upper case, if the reply has one (RFC 2449 section 8). */
  readonly responseCode: string | undefined;
  /** With `multiline`: the bytes of the block, dots unstuffed. */
  readonly block: Buffer | undefined;
}

/** The events of a {@link Pop3Client}, with the arguments of their listeners. */
export interface Pop3ClientEvents {
  /** The session has ended. `failure` is the error that ended it; `undefined` after QUIT. */
  close: [failure: Pop3Error | undefined];
}

/** For the pool: waits for an end of the session that its user has requested. Resolves with whether there was one. */
export let isDismissed: (client: Pop3Client) => Promise<boolean>;

/** For fetching: ends a session in which commands and replies no longer match, while several are in flight. */
export let endOutOfStep: (client: Pop3Client, failure: Pop3Error) => void;

/** For fetching, which needs no Map: LIST or UIDL as two arrays, which the session keeps. Do not change them. */
export let listColumns: (client: Pop3Client, options: CallOptions) => Promise<Columns<number>>;
export let uidlColumns: (client: Pop3Client, options: CallOptions) => Promise<Columns<string>>;

/** For `popwright/node-pop3`, whose calls resolve with the texts of the server. Call it before `connect`. */
export let listenToReplies: (client: Pop3Client, listener: ReplyListener) => void;

/**
 * A POP3 session (RFC 1939). It is a transaction: `dele` marks messages and {@link quit} deletes the marked
 * messages. If the session ends in any other way, nothing is deleted. A client connects once; for another
 * session create another client.
 *
 * Every call settles exactly once. It rejects with a {@link Pop3Error}:
 *
 * - a `Pop3ReplyError`, such as `POP3_REFUSED`, if the server refused the command. The session continues;
 * - a `Pop3ProtocolError` or `Pop3ConnectionError` if the session is over. All waiting calls reject;
 * - `POP3_INVALID_ARGUMENT` or `POP3_STATE` if the call was wrong. Nothing was sent.
 *
 * There is no `error` event.
 *
 * Put `await using` into a function of its own if a loop calls it again: esbuild 0.28, which `tsx` uses, keeps the
 * error of an earlier iteration and throws it again. {@link Pop3Client.use} does not need it.
 *
 * @example
 * ```ts
 * await using client = await Pop3Client.connect({
 *   host: "pop.example.com",
 *   auth: { user: "ann@example.com", pass: process.env["POP3_PASS"]! },
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

  /** Checks the options; throws `POP3_CONFIG` if they are invalid. Does not {@link connect}. */
  constructor(options: Pop3ClientOptions | string | URL) {
    super();
    this.#session = new Session(completeOptions(options));
    this.#transaction = new Transaction(this.#session);
    this.#session.onClose = (failure) => {
      try {
        this.emit("close", failure);
      } catch (error) {
        // Rethrow the error of a listener later: it must not interrupt the code that ends the session.
        process.nextTick(() => {
          throw error;
        });
      }
    };
  }

  static {
    isDismissed = (client) => client.#transaction.dismissed();
    listColumns = (client, options) =>
      client.#call(options, CALL, ({ signal }) => client.#transaction.list(signal));
    uidlColumns = (client, options) =>
      client.#call(options, CALL, ({ signal }) => client.#transaction.uidl(signal));
    endOutOfStep = (client, failure) => client.#session.endOutOfStep(failure);
    listenToReplies = (client, listener) => {
      client.#session.onReply = listener;
    };
    // `console.log(client)` shows the state of the session, but no secrets.
    Object.defineProperty(this.prototype, inspect.custom, {
      value(this: Pop3Client, _depth: number, options: InspectOptions): string {
        const { id, state, secure, marked } = this;
        const { host, port } = this.#session.settings;
        return `Pop3Client ${inspect({ id, host, port, secure, state, marked }, options)}`;
      },
    });
  }

  /** Creates a client and connects it. Rejects as the constructor and the method `connect` do. */
  static async connect(
    options: Pop3ClientOptions | string | URL,
    call: CallOptions = {},
  ): Promise<Pop3Client> {
    const client = new Pop3Client(options);
    await client.connect(call);
    return client;
  }

  /**
   * Connects, calls `work(client)`, and ends the session as a transaction. When `work` resolves, commits with QUIT,
   * waits for the reply, and resolves with the value of `work`. When `work` throws, rolls back, so that nothing is
   * deleted, and rejects with that error. `work` may end the session itself with `quit()` or `close()`.
   *
   * Rejects as {@link Pop3Client.connect} and {@link Pop3Client.quit} do. After `POP3_COMMIT_FAILED` and
   * `POP3_COMMIT_UNKNOWN`, `work` itself has succeeded. If `signal` is aborted, rejects at once with `POP3_ABORTED`:
   * the session is rolled back, and if `work` still runs, its next command fails.
   *
   * `work` must wait for everything it starts: after it has settled, it must not use the client.
   *
   * @example
   * ```ts
   * const all = await Pop3Client.use(options, async (client) => {
   *   const headers: Buffer[] = [];
   *   for await (const message of client.retrieve({ top: 0 })) headers.push(await message.buffer());
   *   return headers;
   * });
   * ```
   */
  static use<T>(
    options: Pop3ClientOptions | string | URL,
    work: (client: Pop3Client) => Promise<T> | T,
    call?: CallOptions,
  ): Promise<T> {
    return located(async () => {
      checkWork(work);
      const { signal } = checkCallOptions(call, CALL);
      const client = new Pop3Client(options);
      await client.#session.open(signal);
      return runUse({ client, work, signal, dismissed: () => isDismissed(client) });
    });
  }

  /**
   * Tries an account in one session that changes nothing: TLS, greeting, capabilities, login, maildrop and unique-ids. It
   * is what the command `popwright check` does. Resolves with a report of the steps, also if a step failed: then `ok` is
   * `false`, and the notes of that step say what to do. Without `auth` it does not log in. Rejects with `POP3_CONFIG` if an
   * option is invalid.
   *
   * @example
   * ```ts
   * const { ok, steps } = await Pop3Client.verify(options);
   * for (const step of steps) console.log(step.ok ? "ok  " : "FAIL", step.name, step.text, ...step.notes);
   * if (!ok) process.exitCode = 1;
   * ```
   */
  static verify(options: Pop3ClientOptions | string | URL, call?: VerifyOptions): Promise<Pop3VerifyReport> {
    return located(() => reportOf(stepsFor(options, call)));
  }

  /**
   * Like {@link Pop3Client.verify}, and yields each step as soon as it has ended.
   *
   * @example
   * ```ts
   * for await (const { name, ok, text } of Pop3Client.verifySteps(options)) console.log(name, ok, text);
   * ```
   */
  static verifySteps(
    options: Pop3ClientOptions | string | URL,
    call?: VerifyOptions,
  ): AsyncGenerator<Pop3VerifyStep, void, undefined> {
    return locatedLoop(callerOf(), stepsFor(options, call));
  }

  /**
   * Connects, starts TLS, reads the greeting, asks for the capabilities, and logs in if the options have
   * `auth`. Without `auth` the session stays in the AUTHORIZATION state.
   *
   * Rejects with `POP3_CONNECT`, `POP3_TLS_CERT`, `POP3_TLS_REQUIRED`, `POP3_GREETING_REJECTED`,
   * `POP3_AUTH_REJECTED`, `POP3_TEMPORARY` and other codes. The connection is closed then.
   */
  connect(options?: CallOptions): Promise<void> {
    return located(() => this.#session.open(checkCallOptions(options, CALL).signal));
  }

  /**
   * Names the session in log lines, traces and errors: the option `id`, or 8 random characters. To print with your own
   * lines, so that the lines of one session are told from those of another.
   */
  get id(): string {
    return this.#session.id;
  }

  /** The state of the session (RFC 1939 section 3). */
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
   * The capabilities that the server listed last. The client asks for them before and after the login. With
   * pipelining, the second list may arrive shortly after `connect` has resolved. Empty if the server does not
   * support CAPA.
   */
  get capabilities(): Capabilities {
    return this.#session.capabilities;
  }

  /**
   * Whether several commands may be in flight: see {@link Pop3Pipelining}. May change when the server lists
   * its capabilities after the login.
   */
  get pipelining(): Pop3Pipelining {
    return this.#session.pipelining;
  }

  /** The numbers of the messages that are marked as deleted: {@link quit} deletes them. A copy. */
  get marked(): ReadonlySet<number> {
    return new Set(this.#transaction.marked);
  }

  /**
   * The malformed lines of the last LIST, then those of the last UIDL, in this session. They are also here if
   * the call failed because of them. With `listings: "lenient"` a message whose line is malformed is not in
   * the Map of `list()` or `uidl()`. The diagnostics channel `popwright:malformed` reports the lines, too.
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

  /** The TLS version, cipher suite and so on; `undefined` without TLS. */
  get tlsInfo(): Pop3TlsInfo | undefined {
    return this.#session.tlsInfo;
  }

  /**
   * How the session has logged in: the name of a SASL mechanism, `APOP` or `USER`; `undefined` before the login.
   */
  get mechanism(): string | undefined {
    return this.#session.mechanism;
  }

  /**
   * What was sent and received so far: bytes, commands, round trips, and since when the client is connected. A snapshot.
   *
   * @example
   * ```ts
   * const { received, commands, roundTrips } = client.statistics;
   * console.log(`${received} bytes, ${commands} commands in ${roundTrips} round trips`);
   * ```
   */
  get statistics(): Pop3ClientStatistics {
    return statisticsOf(this.#session.traffic);
  }

  /** STAT: the number of messages that are not marked, and their total size in bytes. */
  stat(options?: CallOptions): Promise<MaildropStat> {
    return this.#call(options, CALL, ({ signal }) => this.#transaction.stat(signal));
  }

  /**
   * LIST: message number → size in bytes, for each message that is not marked. A message whose line is
   * malformed is not in the Map: see {@link malformed}. Message numbers do not change during a session: if a
   * server renumbers its list after DELE, the Map still has the original numbers.
   *
   * Rejects with `POP3_BAD_LISTING` if every line is malformed (with `listings: "strict"`: if any line is),
   * and with `POP3_LIST_TOO_LARGE`. Rejects with `POP3_PROTOCOL`, and ends the session, if the server
   * renumbers the messages themselves.
   */
  list(options?: ResponseOptions): Promise<Map<number, number>>;
  /** LIST of one message: its size in bytes. Rejects with `POP3_REFUSED` if there is no such message. */
  list(message: number, options?: CallOptions): Promise<number>;
  list(first?: number | ResponseOptions, options?: CallOptions): Promise<Map<number, number> | number> {
    if (isOptions(first))
      return this.#call(first, RESPONSE, async ({ signal, totalTimeout }) =>
        (await this.#transaction.list(signal, totalOfCall(totalTimeout))).toMap(),
      );
    return this.#call(options, CALL, ({ signal }) => this.#transaction.listOne(first, signal));
  }

  /**
   * UIDL: message number → unique-id, for each message that is not marked (RFC 1939 section 7). A unique-id
   * is an arbitrary string: hash it before you use it as a file name. A message with a missing or malformed
   * unique-id is not in the Map: see {@link malformed}. Message numbers do not change, and the call rejects,
   * as with {@link list}.
   */
  uidl(options?: ResponseOptions): Promise<Map<number, string>>;
  /** UIDL of one message: its unique-id. Rejects with `POP3_REFUSED` if there is no such message. */
  uidl(message: number, options?: CallOptions): Promise<string>;
  uidl(first?: number | ResponseOptions, options?: CallOptions): Promise<Map<number, string> | string> {
    if (isOptions(first))
      return this.#call(first, RESPONSE, async ({ signal, totalTimeout }) =>
        (await this.#transaction.uidl(signal, totalOfCall(totalTimeout))).toMap(),
      );
    return this.#call(options, CALL, ({ signal }) => this.#transaction.uidlOne(first, signal));
  }

  /**
   * RETR: a whole message, byte for byte. CRLF is kept, dots are unstuffed, nothing is decoded. Rejects with
   * `POP3_REFUSED` if there is no such message, with `POP3_MESSAGE_TOO_LARGE` if it is larger than
   * `limits.message`, and with `POP3_TRUNCATED` if the connection ends within it.
   */
  retr(message: number, options?: ResponseOptions): Promise<Buffer> {
    return this.#call(options, RESPONSE, (given) =>
      new Reception(this.#transaction, message, given).buffer(),
    );
  }

  /**
   * TOP: the headers, the empty line, and the first `lines` lines of the body. Rejects as {@link retr} does.
   * @param lines default 0
   */
  top(message: number, lines = 0, options?: ResponseOptions): Promise<Buffer> {
    return this.#call(options, RESPONSE, (given) =>
      new Reception(this.#transaction, message, { ...given, top: lines }).buffer(),
    );
  }

  /**
   * RETR as a stream, for a message of any size. It has backpressure: the socket is read no faster than the
   * stream. Other commands wait until the message is complete. The time is not limited as long as the server
   * sends at least `limits.minRate`; `totalTimeout` sets a limit.
   *
   * An error destroys the stream: `error` is emitted and `end` never is. Without an `error` listener the
   * process does not crash. If you destroy the stream early, the next command can continue.
   */
  retrStream(message: number, options?: ResponseOptions): Readable {
    try {
      const given = checkCallOptions(options, RESPONSE);
      return new Reception(this.#transaction, message, { ...given, caller: callerOf() }).stream();
    } catch (error) {
      const failed = new Reception(this.#transaction, message);
      failed.abort(error as Pop3Error);
      return failed.stream();
    }
  }

  /**
   * Retrieves messages in order. Commands are pipelined if the server allows it, but the server is not read
   * faster than you take the messages.
   *
   * Sends LIST and UIDL, and retrieves all messages that are not marked. A message whose line in LIST is
   * malformed is retrieved, too, if UIDL has it. If the server refuses UIDL, the loop
   * continues without unique-ids; it rejects if CAPA lists UIDL or the refusal is temporary.
   *
   * With `uids` or `newest` in the options it retrieves only these messages.
   *
   * If one message is gone, only the calls for that message reject, and the loop continues. You may leave the
   * loop at any time: messages that were requested but not taken are dropped.
   */
  retrieve(options?: RetrieveOptions): Pop3Retrieval;
  /** Retrieves the messages with these numbers, in the order in which they are given. */
  retrieve(numbers: Iterable<number> | undefined, options?: RetrieveOptions): Pop3Retrieval;
  retrieve(first?: Iterable<number> | RetrieveOptions, options?: RetrieveOptions): Pop3Retrieval {
    if (first === undefined || isList(first)) return new Retrieval(this.#transaction, first, options);
    if (typeof first !== "object" || (first as object | null) === null || options !== undefined)
      throw argumentError(
        `numbers must be an iterable of message numbers, or undefined for all messages (got ${shown(first)})`,
      );
    return new Retrieval(this.#transaction, undefined, first);
  }

  /**
   * DELE: marks messages; {@link quit} deletes them. The commands for several messages are pipelined. The
   * call waits for all replies, then rejects with the first refusal. {@link marked} shows which succeeded.
   */
  dele(messages: number | Iterable<number>, options?: CallOptions): Promise<void> {
    return this.#call(options, CALL, ({ signal }) =>
      this.#transaction.dele(isList(messages) ? [...messages] : [messages], signal),
    );
  }

  /** NOOP: does nothing, but keeps the server from closing an idle session. */
  noop(options?: CallOptions): Promise<void> {
    return this.#call(options, CALL, ({ signal }) => this.#session.execute(commands.noop(), { signal }));
  }

  /** RSET: unmarks all messages. */
  rset(options?: CallOptions): Promise<void> {
    return this.#call(options, CALL, ({ signal }) => this.#transaction.rset(signal));
  }

  /**
   * QUIT: deletes the marked messages and ends the session. Rejects with `POP3_COMMIT_FAILED` if the server
   * could not delete all of them, and with `POP3_COMMIT_UNKNOWN` if its reply was lost. Both errors have the
   * message numbers in `marked`. If no message is marked, the call resolves even if the reply is lost.
   */
  quit(options?: CallOptions): Promise<void> {
    return this.#call(options, CALL, ({ signal }) => this.#transaction.quit(signal));
  }

  /** Drops the connection at once. Nothing is deleted. All waiting calls reject with `POP3_CLOSED`. */
  close(): void {
    this.#transaction.close();
  }

  /**
   * Ends the session without deleting anything. Sends RSET, because some servers mark each message that was
   * retrieved, then QUIT. Drops the connection if that takes more than 5 seconds.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#transaction.rollBack();
  }

  /** CAPA (RFC 2449): lists the capabilities. Rejects with `POP3_REFUSED` if the server lacks CAPA. */
  capa(options?: ResponseOptions): Promise<Capabilities> {
    return this.#call(options, RESPONSE, ({ signal, totalTimeout }) => {
      this.#session.check(commands.bare("CAPA"));
      return this.#session.capa(signal, totalOfCall(totalTimeout));
    });
  }

  /**
   * Finds out whether the server supports UIDL or TOP. Looks at CAPA first. If CAPA does not list the
   * command, tries it: some servers list too little, and old servers do not support CAPA. The result of a try
   * is remembered.
   */
  supports(command: "UIDL" | "TOP", options?: CallOptions): Promise<boolean> {
    return this.#call(options, CALL, ({ signal }) => {
      if (!["UIDL", "TOP"].includes(command))
        throw argumentError(`the command for supports() must be "UIDL" or "TOP" (got ${shown(command)})`);
      this.#session.check(commands.bare(command));
      return this.#transaction.supports(command, signal);
    });
  }

  /**
   * STLS (RFC 2595): starts TLS by hand. Forgets the capabilities that the server sent without TLS, and asks
   * again. Rejects with `POP3_TLS_*`, and closes the connection, if TLS fails.
   */
  stls(options?: CallOptions): Promise<void> {
    return this.#call(options, CALL, ({ signal }) => {
      this.#session.check(commands.bare("STLS"));
      return this.#session.stls(signal);
    });
  }

  /** USER: the first half of a login by hand. Call {@link pass} next. */
  user(name: string, options?: CallOptions): Promise<void> {
    return this.#call(options, CALL, ({ signal }) => {
      checkText("the user name", name, argumentError);
      const { settings, secrets } = this.#session;
      if (!settings.logUser) secrets.hide(name);
      return this.#session.execute(commands.user(name, settings.limits, undefined, secrets), { signal });
    });
  }

  /**
   * PASS: the second half of a login by hand. Rejects with `POP3_TLS_REQUIRED` if the connection has no TLS,
   * unless `allowPlaintextAuth` is set.
   */
  pass(secret: string, options?: CallOptions): Promise<void> {
    return this.#call(options, CALL, ({ signal }) => {
      const command = commands.pass(secret, this.#session.settings.limits);
      this.#session.check(command);
      this.#session.assertMaySendSecret();
      return this.#session.loginBy(command, signal);
    });
  }

  /** APOP: a login by hand. Rejects with `POP3_NOT_SUPPORTED` if the greeting has no usable timestamp. */
  apop(name: string, secret: string, options?: CallOptions): Promise<void> {
    return this.#call(options, CALL, ({ signal }) => {
      checkText("the user name", name, argumentError);
      this.#session.check(commands.bare("APOP"));
      const { settings, secrets } = this.#session;
      const digest = this.#session.apopDigest(secret);
      if (!settings.logUser) secrets.hide(name);
      const command = commands.apop(name, digest, settings.limits, secrets);
      secrets.add(secret);
      return this.#session.loginBy(command, signal);
    });
  }

  /** Logs in, as `connect` does with the option `auth`. */
  authenticate(auth: Pop3Auth, options?: CallOptions): Promise<void> {
    return this.#call(options, CALL, ({ signal }) => {
      checkAuth(auth);
      this.#session.check(commands.bare("AUTH"));
      return this.#session.login(auth, signal);
    });
  }

  /** UTF8 (RFC 6856), before the login: allows UTF-8 in headers, user names and the server's texts. */
  utf8(options?: CallOptions): Promise<void> {
    return this.#call(options, CALL, ({ signal }) => this.#session.execute(commands.utf8(), { signal }));
  }

  /** LANG (RFC 6856): lists the languages that the server can use for its texts. */
  lang(options?: CallOptions): Promise<Language[]>;
  /** LANG: sets the language of the server's texts; `*`: its default. Resolves with the reply text. */
  lang(tag: string, options?: CallOptions): Promise<string>;
  lang(first?: string | CallOptions, options?: CallOptions): Promise<Language[] | string> {
    const { limits } = this.#session.settings;
    if (isOptions(first))
      return this.#call(first, CALL, ({ signal }) =>
        this.#session.execute(commands.langList(limits), { signal }),
      );
    return this.#call(options, CALL, ({ signal }) =>
      this.#session.execute(commands.lang(first, limits), { signal }),
    );
  }

  /**
   * Sends a command that has no method of its own, such as `XTND`. `multiline`: a block follows `+OK`. Errors
   * and logs show only the first word of the command. Rejects with `POP3_INVALID_ARGUMENT` for commands that
   * change the session.
   */
  command(line: string, options?: Pop3CommandOptions): Promise<CommandReply> {
    return this.#call(options, COMMAND, (given) => this.#command(line, given));
  }

  /** Runs a command after its options are checked. Its error names the session. */
  #call<O extends CallOptions, T>(
    options: O | undefined,
    names: NamesOf<O>,
    work: (options: O) => T | Promise<T>,
  ): Promise<T> {
    return call(options, names, work, this.id);
  }

  async #command(
    line: string,
    { multiline = false, signal, totalTimeout }: Pop3CommandOptions,
  ): Promise<CommandReply> {
    checkBoolean("options.multiline", multiline, argumentError);
    const session = this.#session;
    const { limits } = session.settings;
    const total = totalOfCall(totalTimeout);
    if (multiline) {
      const command = commands.custom(line, true, limits);
      const { text, responseCode, block } = await session.execute(command, { signal, total });
      return { text, responseCode, block };
    }
    const command = commands.custom(line, false, limits);
    const { text, responseCode } = await session.execute(command, { signal, total });
    return { text, responseCode, block: undefined };
  }
}

/** Yields the steps of an examination. Throws `POP3_CONFIG` and `POP3_INVALID_ARGUMENT` at the first step. */
async function* stepsFor(
  given: Pop3ClientOptions | string | URL,
  call: VerifyOptions | undefined,
): AsyncGenerator<Pop3VerifyStep, void, undefined> {
  const { signal, pipelining = false } = checkCallOptions(call, VERIFY);
  checkBoolean("options.pipelining", pipelining, argumentError);
  const settings = completeOptions(given);
  const { host, port, secure, auth, proxy } = settings;
  // The login is a step of its own. Derived, because the options may be an instance of a class.
  const client = new Pop3Client(
    Object.create(optionsFrom(given), { auth: { value: undefined } }) as Pop3ClientOptions,
  );
  const server = { host, port, secure };
  const examination = { client, server, auth, secrets: secretsOf(settings), signal, retrieve: pipelining };
  yield* stepsOf(examination, {
    ...server,
    user: auth?.user,
    proxy: proxy === undefined ? undefined : proxyText(proxy),
  });
}

function isList(value: unknown): value is Iterable<number> {
  return typeof value === "object" && value !== null && Symbol.iterator in value;
}

/** Any other value counts as the first argument of the command, valid or not. */
function isOptions(value: unknown): value is CallOptions | undefined {
  return value === undefined || (typeof value === "object" && value !== null);
}
