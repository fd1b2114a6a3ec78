// Delivers each message to a mail server by LMTP (RFC 2033) or SMTP (RFC 5321): the server filters and stores it.
import type { ConnectionOptions } from "node:tls";
import { throwIfAborted } from "../../../net/failures.ts";
import {
  argumentError,
  checkNames,
  checkObject,
  checkSignal,
  configError,
  shown,
  withDefaults,
} from "../../../options/checks.ts";
import type { Duration } from "../../../options/duration.ts";
import { isPromise } from "../../../protocol/foreign-error.ts";
import { Secrets } from "../../../protocol/secrets.ts";
import type { DestinationCheck, DestinationCheckLine } from "../destination-check.ts";
import { DestinationError } from "../destination-error.ts";
import { asRefusedSignIn, isRefusedSignIn } from "../refused-sign-in.ts";
import { checkDelivery, type Delivery, type DeliveryWriter, type Destination } from "../destination.ts";
import { inMemory } from "../in-memory.ts";
import { loadNodemailer, MailConnection, type Mail } from "./mail-connection.ts";
import { mailRefusal, mayBeDueToSender } from "./mail-refusal.ts";
import { mailServer, type LmtpAuth, type MailServer, type StartTls } from "./mail-server.ts";
import { withoutReturnPath } from "./return-path.ts";

/** The options of an {@link Lmtp}. */
export interface LmtpOptions {
  /** The address that gets the mail, or a function that returns it for each message, usually from its `mailbox`. */
  readonly recipient: string | ((delivery: Delivery) => string);
  /**
   * The sender of the envelope (`MAIL FROM`), to which a server returns what it cannot deliver. `""`: none.
   * @default the address in the first `Return-Path` of the message, which is then cut; none without it
   */
  readonly sender?: string;
  /** Signs in as the user in the URL, by TLS or within this machine only. @default not signed in */
  readonly auth?: LmtpAuth;
  /**
   * Whether a connection of `lmtp://` or `smtp://` changes to TLS before anything is sent.
   * @default "required"; "never" for a Unix socket, and for a server on this machine
   */
  readonly starttls?: StartTls;
  /** Options for `tls.connect`, such as `ca` and `servername`. @default none */
  readonly tls?: ConnectionOptions;
  /** The largest message; bytes. It is held in memory, and a larger one is refused. @default 67108864 (64 MiB) */
  readonly limit?: number;
  /**
   * How long the server may be silent. A number is in milliseconds. One answer may take ten times as long in all, and for a
   * message of more than 10 MiB this time for each MiB. A server that has the message and is given up too early delivers it
   * twice: RFC 5321 asks for ten minutes.
   * @default 600000
   */
  readonly timeout?: Duration;
}

const NAMES: Readonly<Record<keyof LmtpOptions, true>> = {
  recipient: true,
  sender: true,
  auth: true,
  starttls: true,
  tls: true,
  limit: true,
  timeout: true,
};
const DEFAULTS = { limit: 64 * 1024 * 1024, timeout: 600_000 };

/** How long a check waits for the server; milliseconds. A person waits for its result. */
const PATIENCE = 60_000;

/** What fits between the brackets of MAIL FROM and RCPT TO. An address with a name does not. */
const ADDRESS = /^[^\s<>\p{Cc}]{1,254}$/u;

/**
 * Hands each message to a mail server: `lmtp://127.0.0.1:24`, `lmtp:/run/dovecot/lmtp` (a Unix socket), `smtp://host` or
 * `smtps://user@host`. It needs the package `nodemailer`, which is loaded with the first message.
 *
 * A message is delivered when the server has taken it for the recipient. Line ends become CRLF.
 *
 * - A full mailbox or disk (452, 552), no connection, and 421: the run ends, and no message is blamed.
 * - A refusal of the sign-in, the sender or the recipient, 503, 530 and 535: the settings are wrong, so the run ends too.
 * - Any other 4yz: the message is tried again later. So it is if the connection fails while the server has the message.
 * - Any other 5yz in answer to the message: it is refused. So is an empty message.
 *
 * Mail comes at least once: a server does not know the key of a message. If the connection or this process fails between the
 * server's answer and the entry in the ledger, the server gets the message again. docs/destinations.md has a Sieve script
 * that drops the second copy.
 *
 * @example
 * ```ts
 * const destination = new Lmtp("lmtp:/run/dovecot/lmtp", { recipient: "ann@example.com" });
 * ```
 */
export class Lmtp implements Destination {
  readonly #server: MailServer;
  readonly #recipient: LmtpOptions["recipient"];
  readonly #sender: string | undefined;
  readonly #limit: number;
  readonly #timeout: number;
  /** The secrets that were used to sign in. */
  readonly #secrets: Secrets = new Secrets();
  /** Connections that wait for the next message. */
  #idle: MailConnection[] = [];

  /** Throws `POP3_CONFIG` if the URL or an option is invalid. */
  constructor(url: string | URL, options: LmtpOptions) {
    checkObject("lmtp", options);
    checkNames("lmtp", options, Object.keys(NAMES));
    const { recipient, sender, auth, starttls, tls } = options;
    const numbers = { limit: options.limit, timeout: options.timeout };
    const { limit, timeout } = withDefaults("lmtp", DEFAULTS, numbers, { timeout: "ms" });
    if (timeout === 0) throw configError("lmtp.timeout must be greater than 0 (got 0)");
    if (typeof recipient !== "function" && !isAddress(recipient))
      throw configError(
        `lmtp.recipient must be an address such as ann@example.com, or a function that returns one (got ${shown(recipient)})`,
      );
    if (sender !== undefined && sender !== "" && !isAddress(sender))
      throw configError(
        `lmtp.sender must be an address such as ann@example.com, or "" (got ${shown(sender)})`,
      );
    this.#server = mailServer(url, { auth, starttls, tls });
    this.#recipient = recipient;
    this.#sender = sender;
    this.#limit = limit;
    this.#timeout = timeout;
  }

  async begin(delivery: Delivery, signal?: AbortSignal): Promise<DeliveryWriter> {
    checkDelivery(delivery, signal);
    throwIfAborted(signal);
    const recipient = this.#recipientOf(delivery);
    await loadNodemailer();
    return inMemory(this.#limit, "limit of Lmtp", async (octets) => {
      await this.#deliver(recipient, octets, signal);
      return "new";
    });
  }

  /**
   * Connects, signs in, and asks whether the server would take mail for the recipient. Sends no mail. Resolves also if a
   * step fails; rejects with `POP3_ABORTED` if `signal` is aborted.
   */
  async check(signal?: AbortSignal): Promise<DestinationCheck> {
    checkSignal("signal", signal, argumentError);
    throwIfAborted(signal);
    const lines: DestinationCheckLine[] = [];
    let step = "connection";
    let connection: MailConnection | undefined;
    const found = (text: string): void => void lines.push({ name: step, ok: true, text });
    try {
      connection = await MailConnection.open(
        this.#server,
        Math.min(this.#timeout, PATIENCE),
        this.#secrets,
        signal,
      );
      const { encrypted, largest } = await connection.offer(signal);
      const kind = this.#server.lmtp ? "an LMTP" : "an SMTP";
      found(`${this.#server.name} answers as ${kind} server, ${encrypted ? "with TLS" : "without TLS"}`);
      step = "sign-in";
      await connection.signIn(signal);
      if (this.#server.auth !== undefined) found("the server has accepted the sign-in");
      step = "recipient";
      if (typeof this.#recipient === "function") found("it is chosen for each message, and was not tried");
      else {
        await connection.tryRecipient(this.#sender ?? "", this.#recipient, signal);
        found(`the server takes mail for ${this.#recipient}`);
      }
      step = "size";
      if (largest !== undefined && largest > 0)
        found(`the server takes messages of up to ${largest} bytes; a larger one is refused`);
      connection.leave();
    } catch (error) {
      throwIfAborted(signal);
      const recipient = typeof this.#recipient === "string" ? this.#recipient : "";
      const failure = this.#failure(error, recipient);
      const line = { name: step, ok: false, text: failure.message };
      lines.push(isRefusedSignIn(failure) ? asRefusedSignIn(line) : line);
    }
    return { lines };
  }

  async #deliver(recipient: string, octets: Buffer, signal: AbortSignal | undefined): Promise<void> {
    if (octets.length === 0)
      throw new DestinationError("the message is empty, and mail servers refuse or change such a message");
    if (this.#sender !== undefined) return this.#send({ sender: this.#sender, recipient, octets }, signal);
    const mail = { ...withoutReturnPath(octets), recipient };
    // A server may refuse the address of the sender. The message must not be lost for that.
    const anonymous = mail.sender === "" ? undefined : { sender: "", recipient, octets };
    return this.#send(mail, signal, anonymous);
  }

  /** `instead`: the mail to send if the server refuses the sender. */
  async #send(mail: Mail, signal: AbortSignal | undefined, instead?: Mail): Promise<void> {
    let connection: MailConnection | undefined;
    try {
      connection = await this.#take(signal);
      await connection.send(mail, signal);
    } catch (error) {
      if (instead !== undefined && mayBeDueToSender(error)) return this.#send(instead, signal);
      throw this.#failure(error, mail.recipient, connection?.hasBegun);
    }
    this.#idle = this.#idle.filter((each) => each.isOpen);
    this.#idle.push(connection);
    connection.rest();
  }

  /** Returns a connection that has signed in: one that was kept, or a new one. */
  async #take(signal: AbortSignal | undefined): Promise<MailConnection> {
    for (let kept = this.#idle.pop(); kept !== undefined; kept = this.#idle.pop())
      if (await kept.resume(signal)) return kept;
    const opened = await MailConnection.open(this.#server, this.#timeout, this.#secrets, signal);
    await opened.signIn(signal);
    return opened;
  }

  #recipientOf(delivery: Delivery): string {
    if (typeof this.#recipient === "string") return this.#recipient;
    const recipient: unknown = this.#recipient(delivery);
    if (isAddress(recipient)) return recipient;
    const got = isPromise(recipient, () => undefined) ? "a promise" : shown(recipient);
    throw new DestinationError(
      `the function recipient must return an address such as ann@example.com (got ${got})`,
      { down: true },
    );
  }

  #failure(error: unknown, recipient: string, begun = false): Error {
    return mailRefusal(error, { server: this.#server.name, recipient, begun, secrets: this.#secrets });
  }
}

function isAddress(value: unknown): value is string {
  return typeof value === "string" && ADDRESS.test(value);
}
