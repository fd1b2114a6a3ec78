// One POP3 session, from dialling to the TRANSACTION state: which command may go out when (RFC 1939 section 3),
// and what is known of the server. The connection below carries the commands.
import type { TLSSocket } from "node:tls";
import { checkAuth, type Pop3Auth } from "../options/auth.ts";
import { apopDigest, apopTimestamp } from "../auth/apop.ts";
import { Pop3Error, Pop3ReplyError, type Pop3ErrorCode } from "../errors.ts";
import { asAuthClosed, logIn } from "./login.ts";
import { methodFor, saslContextFor } from "./login-choice.ts";
import { Connection, type SendOptions } from "../net/connection.ts";
import { dial, secure } from "../net/dial.ts";
import { SessionEnd, sessionOver } from "../net/failures.ts";
import { plainInlet, type Inlet } from "../net/inlet.ts";
import { rememberSerial, serialUntilOf } from "../net/serial-hosts.ts";
import { isSessionRefusal } from "../net/tls-sessions.ts";
import { traceSession } from "../net/trace.ts";
import type { Total } from "../net/deadline-timer.ts";
import { loadWireLog } from "../net/wire-log.ts";
import { NO_CAPABILITIES, type Capabilities } from "../protocol/capabilities.ts";
import * as commands from "../protocol/commands.ts";
import type { Command } from "../protocol/commands.ts";
import { pipeliningFault, type PipeliningFault } from "../protocol/pipelining-faults.ts";
import type { Settings } from "../options/client.ts";

/** RFC 1939 section 3, and what lies before and behind it. */
export type Pop3State = "disconnected" | "authorization" | "transaction" | "update" | "closed";

/** The commands that RFC 1939, 2449, 2595, 5034 and 6856 tie to a state. */
const STATES: Readonly<Record<string, readonly Pop3State[]>> = {
  USER: ["authorization"],
  PASS: ["authorization"],
  APOP: ["authorization"],
  AUTH: ["authorization"],
  STLS: ["authorization"],
  UTF8: ["authorization"],
  STAT: ["transaction"],
  LIST: ["transaction"],
  UIDL: ["transaction"],
  RETR: ["transaction"],
  TOP: ["transaction"],
  DELE: ["transaction"],
  NOOP: ["transaction"],
  RSET: ["transaction"],
};
/**
 * How commands are sent:
 *
 * - `"on"`: several may be in flight.
 * - `"limited"`: the server is known to answer wrongly what follows a message, so nothing follows one.
 * - `"off"`: one at a time. The server does not list PIPELINING, or is known to break it, or broke a session of this
 *   process within the last 24 hours, or the option `pipelining` is `false`.
 * - `"broken"`: the server ended this session by a fault while several commands were in flight: it broke the protocol,
 *   closed the connection or did not answer. Sessions with it are `"off"` for 24 hours.
 */
export type Pop3Pipelining = "on" | "limited" | "off" | "broken";

const ANY_STATE: readonly Pop3State[] = ["authorization", "transaction"];

/** How a server ends a session in place of a reply. */
const ENDED: ReadonlySet<Pop3ErrorCode> = new Set(["POP3_CLOSED", "POP3_RESET"]);

/** How the connection is protected. */
export interface Pop3TlsInfo {
  /** `TLSv1.3` */
  readonly protocol: string;
  /** The name of the cipher suite. */
  readonly cipher: string;
  /** Whether the certificate was verified: false only with `rejectUnauthorized: false`. */
  readonly authorized: boolean;
  /** Whether an earlier TLS session was taken up again. */
  readonly resumed: boolean;
}

export class Session {
  readonly settings: Settings;
  #state: Pop3State = "disconnected";
  greeting: string | undefined;
  capabilities: Capabilities = NO_CAPABILITIES;
  tlsInfo: Pop3TlsInfo | undefined;
  /** Called once, when an open session has ended. */
  onClose: ((failure: Pop3Error | undefined) => void) | undefined;

  #connection: Connection | undefined;
  #tlsSocket: TLSSocket | undefined;
  /** CAPA is sent. */
  #asksCapabilities: boolean;
  /** CAPA was answered with a list. */
  #capaKnown = false;
  #timestamp: string | undefined;
  /** What the server program is known to do wrong. */
  #fault: PipeliningFault | undefined;
  /** The server broke an earlier session. */
  #serial = false;
  #brokePipeline = false;
  /** What has the session for itself: authentication, TLS. */
  #occupied: string | undefined;
  #opened = false;
  #closing = new AbortController();
  /** By a call of ours, not by a failure of the connection. */
  #wasClosed = false;
  #failure: Pop3Error | undefined;

  constructor(settings: Settings) {
    this.settings = settings;
    this.#asksCapabilities = settings.capa;
  }

  /** The connection of the session. Throws `POP3_STATE` before there is one. */
  get connection(): Connection {
    if (this.#connection === undefined) {
      if (this.state === "closed") throw this.#failure ?? sessionOver();
      throw new Pop3Error("POP3_STATE", "the client is not connected");
    }
    return this.#connection;
  }

  get state(): Pop3State {
    return this.#state;
  }

  /** Goes on to another state, unless the session has ended: that is final. */
  enter(state: Pop3State): void {
    if (this.#state !== "closed") this.#state = state;
  }

  get secure(): boolean {
    return this.tlsInfo !== undefined;
  }

  /** Why the session has ended. */
  get failure(): Pop3Error | undefined {
    return this.#failure ?? this.#connection?.failure;
  }

  /** Dials, reads the greeting, asks for the capabilities, begins TLS, logs in. */
  async open(given?: AbortSignal): Promise<void> {
    if (this.state !== "disconnected" || this.#occupied !== undefined) {
      throw new Pop3Error("POP3_STATE", "a client connects once: make a new one for a new session");
    }
    this.#occupied = "connect";
    this.#serial = serialUntilOf(this.settings) !== undefined;
    const endTrace = traceSession(this.settings.host, this.settings.port);
    try {
      await this.#openAgain(given);
      const lost = this.failure;
      if (lost !== undefined) throw lost;
      this.#opened = true;
      this.#occupied = undefined;
      endTrace?.();
    } catch (error) {
      endTrace?.(error);
      this.close(Pop3Error.is(error) ? error : undefined);
      throw error;
    }
  }

  /** `signal`, and `close` while no connection can be closed yet. */
  #untilClosed(signal: AbortSignal | undefined): AbortSignal {
    return signal === undefined ? this.#closing.signal : AbortSignal.any([signal, this.#closing.signal]);
  }

  /**
   * Opens. Once more if the server breaks off when a TLS session is resumed: the next handshake is a full one. Once
   * more if CAPA ends the session, as it does with some old servers: then without CAPA.
   */
  async #openAgain(given: AbortSignal | undefined): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        await this.#open(this.#untilClosed(given));
        return;
      } catch (error) {
        // A stream that was given is used up.
        const { socket } = this.settings;
        const isUsedUp = socket !== undefined && typeof socket !== "function";
        if (isUsedUp || given?.aborted === true || this.#wasClosed || tries > 2) throw error;
        if (this.#wasEndedByCapa(error)) this.#asksCapabilities = false;
        else if (!isSessionRefusal(error)) throw error;
        this.#startOver();
      }
    }
  }

  /** The next connection begins with nothing of the one before. */
  #startOver(): void {
    this.#connection = undefined;
    this.#tlsSocket = undefined;
    this.tlsInfo = undefined;
    this.#forget();
    this.#state = "disconnected";
    this.#failure = undefined;
    this.#closing = new AbortController();
  }

  /**
   * Whether the connection ended in place of a reply to CAPA; or after CAPA was refused, and before anything else was
   * answered. No password had been sent then.
   */
  #wasEndedByCapa(error: unknown): boolean {
    if (!this.#asksCapabilities || !Pop3Error.is(error)) return false;
    if (!ENDED.has(error.code)) return false;
    if (error.command === "CAPA") return true;
    const before = this.#connection?.lastCommand === "CAPA" && !this.#capaKnown;
    return before && /^(?:USER|STLS|UTF8)\b/.test(error.command ?? "");
  }

  async #open(signal: AbortSignal): Promise<void> {
    const { settings } = this;
    await loadWireLog();
    // Where no TLS is to come: that reads from the socket in its own way, even behind STLS by hand.
    const inlet =
      settings.stls === "never" &&
      !settings.secure &&
      settings.proxy === undefined &&
      settings.socket === undefined
        ? plainInlet()
        : undefined;
    const stream = await dial({ ...settings, timeout: settings.timeouts.connect, inlet }, signal);
    let connected = stream;
    if (settings.secure) connected = await this.#handshake(stream, signal);
    const connection = this.#attach(connected, inlet);
    const greeting = await connection.greet(signal);
    this.enter("authorization");
    this.greeting = greeting.text;
    this.#timestamp = apopTimestamp(greeting.text);
    await this.#askCapabilities(signal);
    if (!this.secure && settings.stls !== "never") await this.#beginTls(signal);
    if (settings.utf8 && this.capabilities.utf8 !== undefined) {
      await this.connection.send(commands.utf8(), { signal });
    }
    if (settings.auth !== undefined) await this.login(settings.auth, signal);
  }

  #attach(stream: ConstructorParameters<typeof Connection>[0], inlet?: Inlet): Connection {
    const { settings } = this;
    const connection = new Connection(stream, settings, settings.timeouts, settings.limits, inlet);
    connection.onClose = (failure) => {
      if (connection.brokePipeline) {
        this.#brokePipeline = true;
        rememberSerial(settings);
      }
      this.#ended(failure);
    };
    this.#connection = connection;
    return connection;
  }

  async #handshake(stream: Parameters<typeof secure>[0], signal?: AbortSignal): Promise<TLSSocket> {
    const { host, port, tls, timeouts } = this.settings;
    const socket = await secure(stream, { host, port, tls, timeout: timeouts.tls }, signal);
    this.#tlsSocket = socket;
    this.tlsInfo = {
      protocol: socket.getProtocol() ?? "unknown",
      cipher: socket.getCipher().name,
      authorized: socket.authorized,
      resumed: socket.isSessionReused(),
    };
    return socket;
  }

  /** STLS as the options ask for it. A server that knows no CAPA may still know STLS: it is asked. */
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

  /** Sends a command, if the state allows it. */
  async execute<T>(command: Command<T>, options: SendOptions<T> = {}): Promise<T> {
    this.check(command.printable);
    return this.connection.send(command, options);
  }

  /** Throws `POP3_STATE` where the command does not belong, `POP3_CLOSED` and others behind the end. */
  check(printable: string): void {
    const verb = printable.split(" ", 1)[0] as string;
    if (this.state === "closed" || this.state === "update") {
      throw (this.failure ?? sessionOver()).forCommand(printable);
    }
    if (this.#occupied !== undefined) {
      throw new Pop3Error("POP3_STATE", `${verb} has to wait until ${this.#occupied} is done`, {
        command: printable,
      });
    }
    const allowed = STATES[verb] ?? ANY_STATE;
    if (!allowed.includes(this.state)) {
      const where = `${allowed.join(" or ").toUpperCase()} state`;
      throw new Pop3Error(
        "POP3_STATE",
        `${verb} belongs to the ${where}; the session is ${this.state.toUpperCase()}`,
        {
          command: printable,
        },
      );
    }
  }

  /** Whether something has the session for itself: the login, STLS. */
  get occupied(): boolean {
    return this.#occupied !== undefined;
  }

  /** Has the session for itself while `run` lasts. */
  async #alone<T>(what: string, run: () => Promise<T>): Promise<T> {
    // Within connect the session is occupied already, by ourselves.
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
        this.#setWindow();
      },
    });
  }

  #setWindow(): void {
    // Once it is known it stays: some servers name themselves before the login only.
    this.#fault ??= pipeliningFault(this.greeting, this.capabilities);
    const { connection, pipelining } = this;
    connection.nothingAfterMessages = pipelining === "limited";
    connection.window = pipelining === "off" ? undefined : this.settings.window;
  }

  /** How commands are sent. */
  get pipelining(): Pop3Pipelining {
    if (this.#brokePipeline) return "broken";
    const { capabilities, settings } = this;
    if (!capabilities.pipelining || settings.window === undefined || this.#serial) return "off";
    if (this.#fault === undefined) return "on";
    return this.#fault.breaks === "all" ? "off" : "limited";
  }

  /** Whether other commands may follow a message before it has come. */
  get pipelinesMessages(): boolean {
    return this.pipelining === "on";
  }

  /** CAPA, where a refusal means only that the server knows none; it is taken as refused where it is not to be sent. */
  async #askCapabilities(signal?: AbortSignal): Promise<void> {
    if (!this.#asksCapabilities) return;
    try {
      await this.capa(signal);
    } catch (error) {
      if (!(error instanceof Pop3ReplyError)) throw error;
    }
  }

  /** Whatever was learnt in clear, or on another connection. */
  #forget(): void {
    this.capabilities = NO_CAPABILITIES;
    this.#capaKnown = false;
    this.#timestamp = undefined;
  }

  /** STLS (RFC 2595 section 4): whatever was learnt in clear is forgotten. */
  async stls(signal?: AbortSignal): Promise<void> {
    if (this.secure) throw new Pop3Error("POP3_STATE", "the connection has TLS already", { command: "STLS" });
    await this.#alone("STLS", async () => {
      const { connection } = this;
      try {
        await connection.send(commands.stls(), { signal });
      } catch (error) {
        // A refusal with something behind it is no refusal: somebody talks in the server's place.
        const forged = error instanceof Pop3ReplyError && connection.failure;
        throw forged ? forged.forCommand("STLS") : error;
      }
      const stream = connection.detach();
      this.#forget();
      try {
        this.#attach(await this.#handshake(stream, this.#untilClosed(signal)));
      } catch (error) {
        // Within connect, that sees to it.
        if (this.#opened) this.#ended(error as Pop3Error);
        throw error;
      }
      await this.#askCapabilities(signal);
    });
  }

  /** Logs in by the one method that is chosen, and asks for the capabilities again. */
  async login(auth: Pop3Auth, signal?: AbortSignal): Promise<void> {
    checkAuth(auth);
    const known = {
      settings: this.settings,
      capabilities: this.#capaKnown ? this.capabilities : undefined,
      socket: this.#tlsSocket,
      timestamp: this.#timestamp !== undefined,
    };
    const method = methodFor(auth, known);
    await this.#alone("authentication", async () => {
      await logIn(method, auth, {
        connection: this.connection,
        limits: this.settings.limits,
        apopDigest: (secret) => this.apopDigest(secret),
        sasl: saslContextFor(auth, known),
        greeting: this.greeting ?? "",
        signal: this.#untilClosed(signal),
      });
      await this.#loggedIn(signal);
    });
  }

  /** A login by hand: PASS or APOP. */
  async loginBy(command: Command<void>, signal?: AbortSignal): Promise<void> {
    this.check(command.printable);
    await this.#alone("authentication", async () => {
      const { connection } = this;
      await asAuthClosed(connection, command, connection.send(command, { signal }));
      await this.#loggedIn(signal);
    });
  }

  /** APOP's digest for the timestamp of the greeting. Throws `POP3_NOT_SUPPORTED` where none was usable. */
  apopDigest(secret: string): string {
    if (this.#timestamp === undefined) {
      throw new Pop3Error("POP3_NOT_SUPPORTED", "the greeting has no timestamp that APOP may use", {
        command: "APOP",
      });
    }
    return apopDigest(this.#timestamp, secret);
  }

  /** Whether a secret may go out as it is. Throws `POP3_TLS_REQUIRED`. */
  assertMaySendSecret(): void {
    if (!this.secure && !this.settings.allowPlaintextAuth) throw tlsRequired();
  }

  async #loggedIn(signal?: AbortSignal): Promise<void> {
    // Something may have come behind the reply that let us in, and have ended the session.
    if (this.failure !== undefined) throw this.failure;
    this.enter("transaction");
    // With pipelining the answer comes along with that to the next command: no round trip is spent on it, and
    // the caller's signal has nothing to do with it any more.
    if (["on", "limited"].includes(this.pipelining)) this.#askCapabilities().catch(() => undefined);
    else await this.#askCapabilities(signal);
  }

  /** Drops the connection: nothing is deleted. */
  close(failure?: Pop3Error): void {
    this.#wasClosed = true;
    this.#connection?.close(failure);
    this.#ended(failure);
  }

  #ended(failure: Pop3Error | undefined): void {
    if (this.state === "closed") return;
    this.#state = "closed";
    this.#failure = failure;
    this.#closing.abort(new SessionEnd(failure));
    if (this.#opened) this.onClose?.(failure);
  }
}

function tlsRequired(cause?: Pop3Error): Pop3Error {
  return new Pop3Error(
    "POP3_TLS_REQUIRED",
    "the connection has no TLS, and going on without it is not allowed",
    { cause },
  );
}
