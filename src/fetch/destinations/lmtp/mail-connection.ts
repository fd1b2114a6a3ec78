// One connection to a mail server, over nodemailer: each call settles once, whatever nodemailer reports as an event.
import { isAscii } from "node:buffer";
import type { Socket } from "node:net";
import { Readable } from "node:stream";
import type {
  default as SMTPConnection,
  CustomAuthenticationContext,
  SentMessageInfo,
} from "nodemailer/lib/smtp-connection";
import { throwIfAborted } from "../../../net/failures.ts";
import { openSocket } from "../../../net/open-socket.ts";
import { settle, untilAborted, wholeTime, type Clock } from "../../../net/settle.ts";
import type { Secrets } from "../../../protocol/secrets.ts";
import { DestinationError } from "../destination-error.ts";
import { base64, Refused, tryRecipient, xoauth2, type Say } from "./conversations.ts";
import type { MailServer } from "./mail-server.ts";

/** How long connecting, TLS and the greeting may take; milliseconds. Servers delay the greeting to annoy senders of spam. */
const CONNECT = 60_000;

/** How long a connection is kept for the next message; milliseconds. */
const IDLE = 15_000;

/** How long a connection that was kept may take to answer before a new one is opened; milliseconds. */
const ANSWER = 5000;

/** How much of a message is handed on at a time; octets. */
const PIECE = 64 * 1024;

/** A message with its envelope. */
export interface Mail {
  readonly sender: string;
  readonly recipient: string;
  readonly octets: Buffer;
}

/** What the server says about itself. */
export interface ServerOffer {
  /** Whether the connection is encrypted. */
  readonly encrypted: boolean;
  /** The largest message that it takes; bytes. `undefined`: it does not say. */
  readonly largest: number | undefined;
}

/** nodemailer sends other commands than its own only for a SASL mechanism of its user, so that is what ours are. */
const CONVERSATION = "CONVERSATION";

type Done<T> = (error?: Error | null, result?: T) => void;

export class MailConnection {
  readonly #server: MailServer;
  readonly #socket: Socket;
  readonly #connection: SMTPConnection;
  readonly #secrets: Secrets;
  readonly #timeout: number;
  /** Whether nothing can be sent any more. */
  #hasEnded = false;
  /** Called when the connection fails, or ends. */
  #onEnd: (error: Error) => void = nothing;
  /** What {@link CONVERSATION} is about. */
  #converse: (context: CustomAuthenticationContext) => void = nothing;
  #hasBegun = false;
  #rest: NodeJS.Timeout | undefined;

  /**
   * Connects, starts TLS if that was asked for, and greets. Rejects with errors of the socket and of nodemailer, with
   * `POP3_ABORTED`, and with {@link DestinationError} if nodemailer is not installed. `timeout`: how long the server may be
   * silent, in milliseconds. `secrets`: what is sent to sign in is added.
   */
  static async open(
    server: MailServer,
    timeout: number,
    secrets: Secrets,
    signal: AbortSignal | undefined,
  ): Promise<MailConnection> {
    const Connection = await loadNodemailer();
    const patience = Math.min(timeout, CONNECT);
    const late = (): DestinationError =>
      new DestinationError(`${server.name} did not accept the connection within ${patience} ms`, {
        down: true,
      });
    const socket = await openSocket(server, { timeout: patience, late }, signal);
    const opened = new MailConnection(server, Connection, socket, timeout, secrets);
    await opened.#call<unknown>(signal, (done) => {
      opened.#connection.connect(done);
    });
    return opened;
  }

  private constructor(
    server: MailServer,
    Connection: typeof SMTPConnection,
    socket: Socket,
    timeout: number,
    secrets: Secrets,
  ) {
    this.#server = server;
    this.#socket = socket;
    this.#secrets = secrets;
    this.#timeout = timeout;
    this.#connection = new Connection({
      connection: socket,
      host: server.host,
      lmtp: server.lmtp,
      secure: server.secure,
      secured: server.secure,
      requireTLS: server.starttls === "required",
      ignoreTLS: server.starttls === "never",
      tls: server.tls,
      connectionTimeout: Math.min(timeout, CONNECT),
      greetingTimeout: Math.min(timeout, CONNECT),
      socketTimeout: timeout,
      logger: false,
      customAuth: { [CONVERSATION]: (context) => this.#converse(context) },
    });
    // Without a listener, an `error` event ends the process.
    this.#connection.on("error", (error: Error) => {
      this.#hasEnded = true;
      this.#onEnd(error);
    });
    this.#connection.on("end", () => {
      this.#hasEnded = true;
      const onEnd = this.#onEnd;
      // nodemailer may close first and then say why.
      queueMicrotask(() => {
        onEnd(new Error("the server closed the connection"));
      });
    });
  }

  /** Whether something can still be sent. */
  get isOpen(): boolean {
    return !this.#hasEnded;
  }

  /** Whether a byte of the last message was sent. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /** Proves who we are, if the options say so. */
  async signIn(signal: AbortSignal | undefined): Promise<void> {
    const { auth, user } = this.#server;
    if (auth === undefined) return;
    const ask = (): Promise<string> => this.#secretOf(auth, signal);
    const secret = await ask();
    if (auth.kind === "password") {
      this.#secrets.add(base64(`\0${user}\0${secret}`));
      await this.#call<unknown>(signal, (done) => {
        this.#connection.login({ user, pass: secret }, done);
      });
      return;
    }
    const again = typeof auth.secret === "string" ? undefined : ask;
    await this.#conversation(signal, (say) => xoauth2(say, { user, token: secret, again }, this.#secrets));
  }

  async #secretOf(
    { kind, secret }: NonNullable<MailServer["auth"]>,
    signal: AbortSignal | undefined,
  ): Promise<string> {
    let text: unknown = secret;
    try {
      if (typeof secret === "function") text = await untilAborted(signal, secret);
    } catch (cause) {
      throwIfAborted(signal);
      throw new DestinationError(`the function auth.${kind} failed`, { cause, down: true });
    }
    if (typeof text !== "string" || text === "")
      throw new DestinationError(`the function auth.${kind} must return a non-empty string`, { down: true });
    this.#secrets.add(text);
    return text;
  }

  /** Hands over a message. Resolves when the server has taken it for the recipient. */
  async send({ sender, recipient, octets }: Mail, signal: AbortSignal | undefined): Promise<void> {
    this.#hasBegun = false;
    const envelope = { from: sender, to: recipient, size: octets.length, use8BitMime: !isAscii(octets) };
    const sent = await this.#call<SentMessageInfo>(
      signal,
      (done) => {
        this.#connection.send(envelope, Readable.from(this.#pieces(octets)), done);
      },
      this.#clock(octets.length),
    );
    if (sent.accepted.length === 1) return;
    // LMTP answers for each recipient after DATA, and nodemailer does not call that a failure.
    this.leave();
    throw sent.rejectedErrors?.[0] ?? new Refused("DATA", sent.response);
  }

  *#pieces(octets: Buffer): Generator<Buffer, void> {
    this.#hasBegun = true;
    for (let at = 0; at < octets.length; at += PIECE) yield octets.subarray(at, at + PIECE);
  }

  /** Returns what the server offers. */
  offer(signal: AbortSignal | undefined): Promise<ServerOffer> {
    return this.#conversation(signal, (_, { maxAllowedSize }) =>
      Promise.resolve({
        encrypted: this.#connection.secure,
        largest: maxAllowedSize === false ? undefined : maxAllowedSize,
      }),
    );
  }

  /** Asks whether the server would take mail for a recipient, and sends none. */
  tryRecipient(sender: string, recipient: string, signal: AbortSignal | undefined): Promise<void> {
    return this.#conversation(signal, (say) => tryRecipient(say, sender, recipient));
  }

  /** Keeps the connection for a while, without keeping the process alive. */
  rest(): void {
    this.#socket.unref();
    this.#rest = setTimeout(() => {
      this.leave();
    }, IDLE);
    this.#rest.unref();
  }

  /** Ends {@link rest}. Resolves with whether the connection can be used again. Rejects with `POP3_ABORTED`. */
  async resume(signal: AbortSignal | undefined): Promise<boolean> {
    clearTimeout(this.#rest);
    if (this.#hasEnded) return false;
    this.#socket.ref();
    const late = (): DestinationError => new DestinationError("no answer to RSET", { down: true });
    try {
      await this.#call<unknown>(
        signal,
        (done) => {
          this.#connection.reset(done);
        },
        { timeout: ANSWER, late },
      );
      return true;
    } catch {
      throwIfAborted(signal);
      return false;
    }
  }

  /** Says goodbye. The process does not wait for the answer. */
  leave(): void {
    if (!this.#hasEnded) this.#connection.quit();
    this.#hasEnded = true;
    this.#socket.unref();
  }

  /** Lets `talk` send commands, and returns its result. */
  #conversation<T>(
    signal: AbortSignal | undefined,
    talk: (say: Say, context: CustomAuthenticationContext) => Promise<T>,
  ): Promise<T> {
    return this.#call<T>(signal, (done) => {
      this.#converse = (context) => {
        const say: Say = async (line) => (await context.sendCommand(line)).response;
        talk(say, context).then((result) => {
          done(null, result);
        }, done);
        context.resolve();
      };
      this.#connection.login({ method: CONVERSATION }, (error) => {
        if (error) done(error);
      });
    });
  }

  /** nodemailer's own clock starts again with each byte. `octets`: the size of what is sent. */
  #clock(octets?: number): Clock {
    return {
      timeout: wholeTime(this.#timeout, octets),
      late: () => new Error("the server takes too long to answer"),
    };
  }

  /** Waits for one answer of nodemailer, or for the end of the connection. A failure ends the connection. */
  async #call<T>(
    signal: AbortSignal | undefined,
    start: (done: Done<T>) => void,
    clock: Clock = this.#clock(),
  ): Promise<T> {
    try {
      return await settle<T>(signal, clock, (resolve, reject) => {
        this.#onEnd = reject;
        start((error, result) => {
          if (error) reject(error);
          else resolve(result as T);
        });
        return nothing;
      });
    } catch (error) {
      // After a refusal both sides know where they are. Otherwise the server must not take what it has so far for a message.
      if ((error as Partial<Refused>).responseCode === undefined) this.#destroy();
      else this.leave();
      throw error;
    } finally {
      this.#onEnd = nothing;
    }
  }

  #destroy(): void {
    this.#hasEnded = true;
    this.#connection.close();
    this.#socket.destroy();
  }
}

function nothing(): void {
  // Nothing is waiting.
}

/** Loads nodemailer, an optional peer dependency. */
export async function loadNodemailer(): Promise<typeof SMTPConnection> {
  try {
    return (await import("nodemailer/lib/smtp-connection")).default;
  } catch (cause) {
    throw new DestinationError('Lmtp needs the package "nodemailer": npm install nodemailer', {
      cause,
      down: true,
    });
  }
}
