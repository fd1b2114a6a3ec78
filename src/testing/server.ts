// A POP3 server for tests, in this process. Its answers follow the RFCs, except for the faults that a test
// orders.
import type { Socket } from "node:net";
import { argumentError, checkString, configError } from "../options/checks.ts";
import { Accounts } from "./accounts.ts";
import { Connection } from "./connection.ts";
import type { Fault } from "./fault.ts";
import { Faults } from "./faults.ts";
import { Listener } from "./listener.ts";
import type { Maildrop } from "./maildrop.ts";
import { messageId } from "./message-id.ts";
import { offerOf, type Offer } from "./offer.ts";
import { checkServerOptions, type Pop3ServerOptions } from "./options.ts";
import { ReplayServer, type ReplayOptions } from "./replay.ts";
import { Session } from "./session.ts";
import type { Transcript } from "./transcript.ts";
import type { WireSetup } from "./wire.ts";
import { printable } from "../protocol/printable.ts";

/** What {@link Pop3Server.options} returns: options of a `Pop3Client`. */
export interface Pop3ServerAccount {
  /** The address of the server. */
  readonly host: string;
  /** Its port. */
  readonly port: number;
  /** Whether TLS begins with the first byte. */
  readonly secure: boolean;
  /** Set if the server has no TLS. */
  readonly stls?: "never";
  /** The certificate to trust. */
  readonly tls?: {
    /** The certificate, as PEM. */
    readonly ca: string;
  };
  /** The login of the user. */
  readonly auth:
    | {
        /** The user name. */
        readonly user: string;
        /** The password. */
        readonly pass: string;
      }
    | {
        /** The user name. */
        readonly user: string;
        /** The token of the user. */
        readonly accessToken: string;
      };
}

/**
 * A POP3 server for tests that runs in this process, with its mail in memory.
 *
 * In a loop, put `await using` into a function of its own: esbuild 0.28, which `tsx` uses, keeps the error of an
 * earlier iteration and throws it again.
 *
 * @example
 * ```ts
 * await using server = await Pop3Server.listen({
 *   users: { ann: { pass: "secret", messages: ["Subject: hello\r\n\r\nHello.\r\n"] } },
 *   tls: true,
 * });
 * const client = await Pop3Client.connect({
 *   host: server.host,
 *   port: server.port,
 *   tls: { ca: server.ca },
 *   auth: { user: "ann", pass: "secret" },
 * });
 * ```
 */
export class Pop3Server extends Listener {
  readonly #accounts: Accounts;
  readonly #offer: Offer;
  readonly #options: Pop3ServerOptions;
  readonly #faults: Faults = new Faults();

  private constructor(options: Pop3ServerOptions) {
    const { tls = false, stls } = options;
    const secure = tls !== false;
    const given = secure ? tls : stls;
    super(options, secure, typeof given === "object" ? given : undefined);
    this.#options = options;
    this.#offer = offerOf(options);
    this.#accounts = new Accounts(options.users ?? {}, options.lock ?? true, options.charset);
    for (const fault of options.faults ?? []) this.#faults.add(fault);
  }

  /**
   * Makes a server and opens its port. Rejects with `POP3_CONFIG` for an invalid option, and with Node's
   * error if the port is not available.
   */
  static async listen(options: Pop3ServerOptions = {}): Promise<Pop3Server> {
    checkServerOptions(options);
    const server = new Pop3Server(options);
    return server.open((...connection) => server.#take(...connection));
  }

  /**
   * Opens a port and replays a transcript. It comes from {@link Pop3Server.transcript}, from a bug report, or
   * is written by hand. The server sends the `S: ` lines and waits for the `C: ` lines; `docs/testing.md`
   * describes the format. Rejects with `POP3_CONFIG` and the line number if a line is invalid, with
   * `POP3_INVALID_ARGUMENT` if the transcript is of another type, and with Node's error if the port is not available.
   *
   * @example
   * ```ts
   * await using server = await Pop3Server.replay(`
   *   S: +OK ready
   *   C: USER ann
   *   S: -ERR [SYS/TEMP] not today
   *   * close
   * `);
   * // connect to server.url; then server.mismatch says where the client differed from the transcript
   * ```
   */
  static async replay(
    transcript: string | readonly string[] | Transcript,
    options: ReplayOptions = {},
  ): Promise<ReplayServer> {
    return ReplayServer.listen(transcript, options);
  }

  /**
   * Returns the maildrop of a user, to read and to change it. Throws `POP3_CONFIG` if there is no such user, and
   * `POP3_INVALID_ARGUMENT` if the name is not a string.
   */
  maildrop(user: string): Maildrop {
    checkString("user", user, argumentError);
    const account = this.#accounts.find(user);
    if (account === undefined)
      throw configError(`unknown user ${printable(JSON.stringify(user))}: is it in the option users?`);
    return account.maildrop;
  }

  /**
   * Returns the options with which a user of this server logs in: `Pop3Client.connect(server.options("ann"))`. They have
   * the address, the certificate to trust, and the password or the access token. Without TLS and STLS they say
   * `stls: "never"`. Throws as {@link maildrop} does.
   *
   * @example
   * ```ts
   * await using server = await Pop3Server.listen({ users: { ann: { pass: "secret" } }, tls: true });
   * await using client = await Pop3Client.connect(server.options("ann"));
   * ```
   */
  options(user: string): Pop3ServerAccount {
    this.maildrop(user);
    const { pass, accessToken } = this.#options.users?.[user] ?? {};
    const { host, port, secure } = this;
    const token = typeof accessToken === "string" ? accessToken : undefined;
    if (pass === undefined && token === undefined)
      throw configError(
        `the user ${printable(user)} has no pass and no accessToken that options() could return`,
      );
    const auth: Pop3ServerAccount["auth"] =
      pass === undefined ? { user, accessToken: token ?? "" } : { user, pass };
    if (!secure && !this.#offer.stls) return { host, port, secure, stls: "never", auth };
    return { host, port, secure, tls: { ca: this.ca }, auth };
  }

  /** Adds faults for the responses from now on. Throws `POP3_CONFIG` for an invalid fault. */
  fault(...faults: readonly Fault[]): void {
    for (const fault of faults) this.#faults.add(fault);
  }

  /** The faults that have not changed a response so far, in the order in which they were added. */
  get unusedFaults(): readonly Fault[] {
    return this.#faults.unused;
  }

  /**
   * Closes the server at the end of an `await using` block. Then rejects with `POP3_CONFIG` if a fault was not
   * used, unless `allowUnusedFaults` is set. If the block has thrown an error, the language throws a
   * `SuppressedError`, and `suppressed` is the error of the block. {@link Pop3Server.close} never rejects for
   * this reason: in a `finally` block it would replace the error.
   */
  override async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
    if (this.#options.allowUnusedFaults !== true) this.#faults.checkUsed();
  }

  #take(socket: Socket, wire: WireSetup, over: () => void): Connection {
    return new Connection(socket, {
      ...wire,
      session: new Session(this.#offer, this.#accounts, this.#timestamp()),
      transcript: this.transcript.session(),
      faults: this.#faults,
      implicitTls: this.secure,
      over,
    });
  }

  /** RFC 1939 section 7: a msg-id, different in each greeting. */
  #timestamp(): string | undefined {
    const { apop = true } = this.#options;
    if (typeof apop === "string") return apop;
    return apop ? messageId() : undefined;
  }
}
