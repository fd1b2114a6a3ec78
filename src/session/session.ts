// One POP3 session, from connecting to its end. Sends a command only in the states that allow it (RFC 1939
// section 3), and keeps the facts about the server. The connection carries the commands.
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import type { Pop3Auth } from "../options/auth.ts";
import { apopDigest, apopTimestamp } from "../auth/apop.ts";
import { inSession, Pop3Error, Pop3ReplyError, type Pop3ErrorCode } from "../errors.ts";
import { PipeliningMode, type Pop3Pipelining } from "./pipelining-mode.ts";
import { LoginLine } from "./login-line.ts";
import { Connection, type SendOptions } from "../net/connection.ts";
import { dial } from "../net/dial.ts";
import { SessionEnd, sessionOver } from "../net/failures.ts";
import { openInlet, type Inlet } from "../net/inlet.ts";
import type { ReplyListener } from "../net/replies.ts";
import { Handshake } from "../net/secure.ts";
import { FirstAbort } from "../net/abort.ts";
import { loadPart } from "../net/load-part.ts";
import { isSessionRefusal } from "../net/tls-sessions.ts";
import { traceSession, type Pop3Trace } from "../net/trace.ts";
import { factsOf, loadDebug, Log } from "../net/log.ts";
import { Traffic } from "../net/traffic.ts";
import type { Total } from "../net/deadline-timer.ts";
import { NO_CAPABILITIES, type Capabilities } from "../protocol/capabilities.ts";
import * as commands from "../protocol/commands.ts";
import type { BareCommand, Command, Pop3State } from "../protocol/commands.ts";
import type { Settings } from "../options/client.ts";
import { addAuth, secretsOf } from "../options/secrets.ts";
import type { Secrets } from "../protocol/secrets.ts";
import { wallTime } from "../system/clock.ts";
import { random } from "../system/random.ts";

/** The errors when a server ends the session instead of replying, or in the middle of a reply. */
const ENDED: ReadonlySet<Pop3ErrorCode> = new Set(["POP3_CLOSED", "POP3_RESET", "POP3_TRUNCATED"]);

const NOT_CONNECTED = "the client is not connected: call connect() first";

/** The TLS parameters of the connection. */
export interface Pop3TlsInfo {
  /** The TLS version, such as `TLSv1.3`. */
  readonly protocol: string;
  /** The name of the cipher suite. */
  readonly cipher: string;
  /** Whether the certificate was verified. `false` only with `rejectUnauthorized: false`. */
  readonly authorized: boolean;
  /** Whether an earlier TLS session was resumed. */
  readonly resumed: boolean;
}

export class Session {
  readonly settings: Settings;
  /** What no error, log or recording of this session may show. */
  readonly secrets: Secrets;
  /** Names the session in the log, in traces and in errors. */
  readonly id: string;
  readonly log: Log;
  readonly traffic: Traffic = new Traffic();
  /** How the session has logged in: the name of a SASL mechanism, `APOP` or `USER`. */
  mechanism: string | undefined;
  #state: Pop3State = "disconnected";
  greeting: string | undefined;
  capabilities: Capabilities = NO_CAPABILITIES;
  tlsInfo: Pop3TlsInfo | undefined;
  /** Called once when an open session has ended. */
  onClose: ((failure: Pop3Error | undefined) => void) | undefined;
  /** Set it before the session is opened. */
  onReply: ReplyListener | undefined;

  #connection: Connection | undefined;
  #tlsSocket: TLSSocket | undefined;
  /** How many times `connect` may send CAPA on one connection. */
  #capaLimit: number;
  /** How many times it has done so on this connection. */
  #capaCount = 0;
  /** Whether the server replied to CAPA with a list. */
  #capaKnown = false;
  #timestamp: string | undefined;
  readonly #pipelining: PipeliningMode;
  /** The operation that needs the session exclusively: connect, authentication or STLS. */
  #occupied: string | undefined;
  #opened = false;
  #closing = new AbortController();
  /** Whether `close` was called, as opposed to a failure of the connection. */
  #wasClosed = false;
  #failure: Pop3Error | undefined;

  constructor(settings: Settings) {
    this.settings = settings;
    this.secrets = secretsOf(settings);
    this.id = settings.id ?? random().toString(36).slice(2, 10).padEnd(8, "0");
    this.log = new Log(settings.logger, this.secrets, this.id);
    this.#capaLimit = settings.capa ? Infinity : 0;
    this.#pipelining = new PipeliningMode(settings);
  }

  /** The connection of the session. Throws `POP3_STATE` before the session is connected. */
  get connection(): Connection {
    if (this.#connection === undefined) {
      if (this.state === "closed") throw this.#failure ?? sessionOver();
      throw new Pop3Error("POP3_STATE", NOT_CONNECTED);
    }
    return this.#connection;
  }

  get state(): Pop3State {
    return this.#state;
  }

  /** Changes the state, unless it is `closed`, which is final. */
  enter(state: Pop3State): void {
    if (this.#state !== "closed") this.#state = state;
  }

  get secure(): boolean {
    return this.tlsInfo !== undefined;
  }

  /** The error that ended the session, if any. */
  get failure(): Pop3Error | undefined {
    return this.#failure ?? this.#connection?.failure;
  }

  /** Connects, reads the greeting, asks for the capabilities, starts TLS and logs in. */
  async open(given?: AbortSignal): Promise<void> {
    if (this.state !== "disconnected" || this.#occupied !== undefined) {
      const session = this.id;
      throw new Pop3Error("POP3_STATE", "connect() was already called: create another client", { session });
    }
    this.#occupied = "connect";
    this.#pipelining.recall();
    try {
      await traceSession(this.settings, this.id, (trace) => this.#openTraced(trace, given));
    } catch (error) {
      this.close(Pop3Error.is(error) ? error : undefined);
      throw error;
    }
  }

  async #openTraced(trace: Pop3Trace, given: AbortSignal | undefined): Promise<void> {
    try {
      await this.#openAgain(given);
      const lost = this.failure;
      if (lost !== undefined) throw lost;
      this.#opened = true;
      this.#occupied = undefined;
    } catch (error) {
      if (error instanceof Pop3ReplyError && error.responseCode !== undefined)
        trace.responseCode = error.responseCode;
      const { host, port } = this.settings;
      const facts = { host, port, ...factsOf(error) };
      this.log.write("session", "warn", `cannot open the session: ${facts.error}`, facts);
      throw inSession(error, this.id);
    } finally {
      trace.received = this.traffic.received;
      if (this.mechanism !== undefined) trace.mechanism = this.mechanism;
      if (this.tlsInfo !== undefined) trace.tls = this.tlsInfo.protocol;
    }
  }

  /**
   * Calls `work` with a signal that `close` aborts, too: it may wait when there is no connection to close, or
   * not for the connection.
   */
  async #untilClosed<T>(
    signal: AbortSignal | undefined,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    if (signal === undefined) return work(this.#closing.signal);
    const first = new FirstAbort(signal, this.#closing.signal);
    try {
      return await work(first.signal);
    } finally {
      first.release();
    }
  }

  /**
   * Opens. Once more if the server breaks off when a TLS session is resumed: the next handshake is a full one. Once
   * more if CAPA ends the session, as it does with some old servers: then without that CAPA. A CAPA before it was
   * answered, and is sent again: what it lists decides on TLS and on the login.
   */
  async #openAgain(given: AbortSignal | undefined): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        await this.#untilClosed(given, (signal) => this.#open(signal));
        return;
      } catch (error) {
        // A socket that the caller gave cannot be used twice.
        const { socket } = this.settings;
        const isUsedUp = socket !== undefined && typeof socket !== "function";
        if (isUsedUp || given?.aborted === true || this.#wasClosed || tries > 2) throw error;
        if (this.#wasEndedByCapa(error)) this.#capaLimit = this.#capaCount - 1;
        else if (!isSessionRefusal(error)) throw error;
        this.#startOver();
      }
    }
  }

  /** Resets everything that belongs to the previous connection. */
  #startOver(): void {
    this.#connection = undefined;
    this.#tlsSocket = undefined;
    this.tlsInfo = undefined;
    this.#capaCount = 0;
    this.#forget();
    this.#state = "disconnected";
    this.#failure = undefined;
    this.#closing = new AbortController();
  }

  /**
   * Whether the connection ended in place of a reply to CAPA or within one; or after CAPA was refused, and before
   * anything else was answered. This happens once: after that, network trouble is the likelier reason.
   */
  #wasEndedByCapa(error: unknown): boolean {
    if (this.#capaLimit !== Infinity || !Pop3Error.is(error)) return false;
    if (!ENDED.has(error.code)) return false;
    if (error.command === "CAPA") return true;
    const before = this.#connection?.lastCommand === "CAPA" && !this.#capaKnown;
    return before && /^(?:USER|STLS|UTF8)\b/.test(error.command ?? "");
  }

  async #open(signal: AbortSignal): Promise<void> {
    const { settings, secrets } = this;
    await loadDebug();
    const handshake = settings.secure ? this.#handshake() : undefined;
    // Only for a socket of our own. A plain one must not start TLS by an option: a TLS socket that is made later reads
    // from the socket itself. That also holds if the caller calls `stls()` later.
    const isOwn = settings.proxy === undefined && settings.socket === undefined;
    const inlet = isOwn && settings.stls === "never" ? openInlet(settings.secure) : undefined;
    const { connect: timeout } = settings.timeouts;
    const dialled = dial({ ...settings, timeout, handshake, inlet, secrets }, signal);
    // It is loaded while the network is waited for. If that fails, so does the login.
    if (settings.auth !== undefined) loadLogin().catch(() => undefined);
    const stream = await dialled;
    const connected = handshake === undefined ? stream : await this.#secure(handshake, stream, signal);
    const connection = this.#attach(connected, inlet);
    this.traffic.since = new Date(wallTime());
    const greeting = await connection.greet(signal, this.secure ? "" : ifTlsIsExpected(settings.port));
    this.enter("authorization");
    this.greeting = greeting.text;
    this.#timestamp = apopTimestamp(greeting.text);
    await this.#askCapabilities(signal);
    if (!this.secure && settings.stls !== "never") await this.#beginTls(signal);
    if (settings.utf8 && this.capabilities.utf8 !== undefined) {
      await this.connection.send(commands.utf8(), { signal });
    }
    if (this.log.hears("session", "info")) this.#logConnected();
    if (settings.auth !== undefined) await this.login(settings.auth, signal);
  }

  #logConnected(): void {
    const { host, port } = this.settings;
    const { protocol, cipher } = this.tlsInfo ?? {};
    const tls = protocol === undefined ? "without TLS" : `with ${protocol}`;
    this.log.write("session", "info", `connected to ${host}, port ${port}, ${tls}`, {
      host,
      port,
      tls: protocol,
      cipher,
    });
  }

  #attach(stream: Duplex, inlet?: Inlet): Connection {
    const { settings } = this;
    const { host, port } = settings;
    const connection = new Connection(
      stream,
      { host, port, id: this.id, log: this.log, traffic: this.traffic },
      settings.timeouts,
      settings.limits,
      { inlet, foreign: settings.socket !== undefined && stream !== this.#tlsSocket },
      this.secrets,
    );
    connection.onReply = this.onReply;
    connection.onClose = (failure) => {
      if (connection.brokePipeline) this.#pipelining.broke();
      this.#ended(failure);
    };
    this.#connection = connection;
    return connection;
  }

  #handshake(): Handshake {
    const { host, port, secure: isFirst, tls, timeouts } = this.settings;
    return new Handshake({ host, port, isFirst, tls, timeout: timeouts.tls, secrets: this.secrets });
  }

  async #secure(handshake: Handshake, stream: Duplex, signal?: AbortSignal): Promise<TLSSocket> {
    const socket = await handshake.complete(stream, signal);
    this.#tlsSocket = socket;
    this.tlsInfo = {
      protocol: socket.getProtocol() ?? "unknown",
      cipher: socket.getCipher().name,
      authorized: socket.authorized,
      resumed: socket.isSessionReused(),
    };
    return socket;
  }

  /** Starts TLS as the option `stls` says. If TLS is required and CAPA is not supported, tries STLS. */
  async #beginTls(signal: AbortSignal): Promise<void> {
    const required = this.settings.stls === "required";
    if (this.#capaKnown ? !this.capabilities.stls : !required) {
      if (required) throw tlsRequired();
      return;
    }
    try {
      await this.stls(signal);
    } catch (error) {
      if (!(error instanceof Pop3ReplyError)) throw error;
      if (required) throw tlsRequired(error);
    }
  }

  /** Sends a command. Rejects as `check` throws if the state does not allow it. */
  async execute<T>(command: Command<T>, options: SendOptions<T> = {}): Promise<T> {
    this.check(command);
    return this.connection.send(command, options);
  }

  /** Throws `POP3_STATE` if the state does not allow the command; after the end, the error that ended it. */
  check(command: BareCommand): void {
    if (this.#occupied !== undefined || !command.states.includes(this.state)) throw this.#notNow(command);
  }

  #notNow({ printable }: BareCommand): Pop3Error {
    if (this.state === "closed" || this.state === "update") {
      return (this.failure ?? sessionOver()).forCommand(printable);
    }
    const [verb = ""] = printable.split(" ", 1);
    return new Pop3Error("POP3_STATE", this.#whyNot(verb), { command: printable });
  }

  #whyNot(verb: string): string {
    if (this.#occupied !== undefined) return `${verb} must wait until ${this.#occupied} has finished`;
    if (this.state === "disconnected") return NOT_CONNECTED;
    return this.state === "authorization"
      ? `${verb} is only allowed after the login: set the option auth, or call authenticate() first`
      : `${verb} is only allowed before the login`;
  }

  /** Whether an operation needs the session exclusively: connect, authentication or STLS. */
  get occupied(): boolean {
    return this.#occupied !== undefined;
  }

  /** Reserves the session for `run`: no other command is allowed until it settles. */
  async #alone<T>(what: string, run: () => Promise<T>): Promise<T> {
    // In `connect` the session is already reserved: restore that afterwards.
    const outer = this.#occupied;
    this.#occupied = what;
    try {
      return await run();
    } finally {
      this.#occupied = outer;
    }
  }

  capa(signal?: AbortSignal, total?: Total): Promise<Capabilities> {
    return this.connection.send(commands.capa(this.settings.limits), {
      signal,
      total,
      effect: (capabilities) => {
        this.#capaKnown = true;
        this.capabilities = capabilities;
        this.#pipelining.heard(this.greeting, capabilities);
        this.#setWindow();
      },
    });
  }

  #setWindow(): void {
    const { connection, pipelining } = this;
    connection.nothingAfterMessages = pipelining === "limited";
    connection.window = pipelining === "off" ? undefined : this.settings.window;
  }

  /** Whether several commands may be in flight. */
  get pipelining(): Pop3Pipelining {
    return this.#pipelining.given(this.capabilities);
  }

  /** Whether other commands may be sent after RETR or TOP before the message is complete. */
  get pipelinesMessages(): boolean {
    return this.pipelining === "on";
  }

  /** Sends CAPA, unless it must not be sent. Ignores a refusal: the server does not support CAPA. */
  async #askCapabilities(signal?: AbortSignal): Promise<void> {
    if (this.#capaCount >= this.#capaLimit) return;
    this.#capaCount++;
    try {
      await this.capa(signal);
    } catch (error) {
      if (!(error instanceof Pop3ReplyError)) throw error;
    }
  }

  /** Forgets what the server said without TLS or on another connection. */
  #forget(): void {
    this.capabilities = NO_CAPABILITIES;
    this.#capaKnown = false;
    this.#timestamp = undefined;
  }

  /** STLS: starts TLS, and forgets what the server said without TLS (RFC 2595 section 4). */
  async stls(signal?: AbortSignal): Promise<void> {
    if (this.secure) throw new Pop3Error("POP3_STATE", "the connection already has TLS", { command: "STLS" });
    await this.#alone("STLS", async () => {
      const { connection } = this;
      try {
        await connection.send(commands.stls(), { signal });
      } catch (error) {
        // A refusal with more data after it may be forged by an attacker: report the injection.
        const forged = error instanceof Pop3ReplyError && connection.failure;
        throw forged ? forged.forCommand("STLS") : error;
      }
      const stream = connection.detach();
      this.#forget();
      try {
        const handshake = this.#handshake();
        this.#attach(await this.#untilClosed(signal, (either) => this.#secure(handshake, stream, either)));
      } catch (error) {
        // During `connect`, `open` ends the session.
        if (this.#opened) this.#ended(error as Pop3Error);
        throw error;
      }
      await this.#askCapabilities(signal);
    });
  }

  /** Logs in with checked options, and asks for the capabilities again. */
  async login(auth: Pop3Auth, signal?: AbortSignal): Promise<void> {
    addAuth(this.secrets, auth, this.settings.logUser);
    await this.#alone("authentication", async () => {
      const { logIn } = await loadLogin();
      this.mechanism = await this.#untilClosed(signal, (either) =>
        logIn(auth, {
          settings: this.settings,
          connection: this.connection,
          capabilities: this.#capaKnown ? this.capabilities : undefined,
          tlsSocket: this.#tlsSocket,
          greeting: this.greeting ?? "",
          timestamp: this.#timestamp,
          secrets: this.secrets,
          signal: either,
        }),
      );
      await this.#loggedIn(signal);
    });
  }

  /** Logs in by hand: `command` is PASS or APOP. */
  async loginBy(command: Command<void>, signal?: AbortSignal): Promise<void> {
    this.check(command);
    await this.#alone("authentication", async () => {
      const { connection, settings, secrets } = this;
      await this.#untilClosed(signal, (either) =>
        new LoginLine(connection, settings.limits, secrets, either).sendProof(command),
      );
      this.mechanism = command.printable.startsWith("APOP") ? "APOP" : "USER";
      await this.#loggedIn(signal);
    });
  }

  /** Computes APOP's digest. Throws `POP3_NOT_SUPPORTED` if the greeting has no usable timestamp. */
  apopDigest(secret: string): string {
    if (this.#timestamp === undefined) {
      throw new Pop3Error("POP3_NOT_SUPPORTED", "the greeting has no usable timestamp for APOP", {
        command: "APOP",
      });
    }
    return apopDigest(this.#timestamp, secret);
  }

  /** Throws `POP3_TLS_REQUIRED` if the connection has no TLS and `allowPlaintextAuth` is not set. */
  assertMaySendSecret(): void {
    if (!this.secure && !this.settings.allowPlaintextAuth) throw tlsRequired();
  }

  async #loggedIn(signal?: AbortSignal): Promise<void> {
    // Data after the reply to the login may already have ended the session.
    if (this.failure !== undefined) throw this.failure;
    this.enter("transaction");
    const { mechanism } = this;
    if (this.log.hears("session", "info"))
      this.log.write("session", "info", `logged in with ${mechanism ?? "?"}`, { mechanism });
    // With pipelining do not wait for CAPA: its reply arrives with that of the next command and costs no
    // round trip. The signal of the caller does not apply to it.
    if (["on", "limited"].includes(this.pipelining)) this.#askCapabilities().catch(() => undefined);
    else await this.#askCapabilities(signal);
  }

  /** Ends the session because replies and commands no longer match, and several commands were in flight. */
  endOutOfStep(failure: Pop3Error): void {
    this.#pipelining.broke();
    this.close(failure);
  }

  /** Drops the connection. The server deletes nothing. */
  close(failure?: Pop3Error): void {
    this.#wasClosed = true;
    this.#connection?.close(failure);
    this.#ended(failure);
  }

  #ended(failure: Pop3Error | undefined): void {
    if (this.state === "closed") return;
    this.#state = "closed";
    this.#failure = inSession(failure, this.id);
    this.#logEnd(failure);
    // Only these operations listen.
    if (this.#occupied !== undefined) this.#closing.abort(new SessionEnd(failure));
    if (this.#opened) this.onClose?.(failure);
  }

  #logEnd(failure: Pop3Error | undefined): void {
    // Before the session is open, the error of `connect` says it.
    const level = failure === undefined ? "info" : "warn";
    if (!this.#opened || !this.log.hears("session", level)) return;
    const { sent, received, commands: count } = this.traffic;
    const facts = { sent, received, commands: count, ...(failure && factsOf(failure)) };
    const why = failure === undefined ? "" : `: ${failure.message}`;
    this.log.write("session", level, `the session has ended${why}`, facts);
  }
}

/** Loads the login with all mechanisms, a sixth of the package. */
function loadLogin(): Promise<typeof import("./login.ts")> {
  return loadPart(() => import("./login.ts"));
}

function tlsRequired(cause?: Pop3Error): Pop3Error {
  return new Pop3Error(
    "POP3_TLS_REQUIRED",
    "the connection has no TLS, and the options (stls, allowPlaintextAuth) do not allow that",
    { cause },
  );
}

/** What an error says if no greeting came without TLS: a server that expects TLS waits as well. */
function ifTlsIsExpected(port: number): string {
  if (port === 110) return "";
  return port === 995
    ? " (port 995 begins with TLS: set secure to true)"
    : " (if the port begins with TLS, set secure to true)";
}
