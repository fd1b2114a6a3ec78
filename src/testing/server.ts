/** A POP3 server in memory, for tests: every answer is as the RFC has it, unless it was told otherwise. */
import type { Socket } from "node:net";
import { Pop3Error } from "../errors.ts";
import { Accounts } from "./accounts.ts";
import { Connection } from "./connection.ts";
import { Faults, type Fault } from "./faults.ts";
import { Listener } from "./listener.ts";
import type { Maildrop } from "./maildrop.ts";
import { messageId } from "./message-id.ts";
import { offerOf, type Offer } from "./offer.ts";
import type { Pop3ServerOptions } from "./options.ts";
import { ReplayServer, type ReplayOptions } from "./replay.ts";
import { Session } from "./session.ts";
import type { Transcript } from "./transcript.ts";
import type { WireSetup } from "./wire.ts";

/**
 * An embedded POP3 server.
 *
 * @example
 * await using server = await Pop3Server.listen({
 *   users: { ann: { pass: "secret", messages: ["Subject: hello\r\n\r\nHello.\r\n"] } },
 *   tls: true,
 * });
 * // connect to server.url with tls: { ca: server.ca }
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
   * Makes a server and opens its port. Rejects with `POP3_CONFIG` for options that make no sense, and with Node's
   * error when the port is not to be had.
   */
  static async listen(options: Pop3ServerOptions = {}): Promise<Pop3Server> {
    const server = new Pop3Server(options);
    return server.open((...connection) => server.#take(...connection));
  }

  /**
   * Opens a port and plays a session that was written down: by {@link Pop3Server.transcript}, in a bug report, or by
   * hand. `S: ` lines are sent, `C: ` lines are waited for; `docs/testing.md` has all that a transcript may say.
   * Rejects with `POP3_CONFIG` and the number of the line that makes no sense, and with Node's error when the port is
   * not to be had.
   *
   * @example
   * await using server = await Pop3Server.replay(`
   *   S: +OK ready
   *   C: USER ann
   *   S: -ERR [SYS/TEMP] not today
   *   * close
   * `);
   * // connect to server.url; then server.mismatch says where the client strayed from it
   */
  static async replay(
    transcript: string | readonly string[] | Transcript,
    options: ReplayOptions = {},
  ): Promise<ReplayServer> {
    return ReplayServer.listen(transcript, options);
  }

  /** The maildrop of a user, to look into and to change. Throws `POP3_CONFIG` when there is no such user. */
  maildrop(user: string): Maildrop {
    const account = this.#accounts.find(user);
    if (account === undefined) throw new Pop3Error("POP3_CONFIG", `there is no user ${user}`);
    return account.maildrop;
  }

  /** Lets something go wrong from now on. Throws `POP3_CONFIG` for a fault that makes no sense. */
  fault(...faults: readonly Fault[]): void {
    for (const fault of faults) this.#faults.add(fault);
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

  /** RFC 1939 section 7: the syntax of a msg-id, and another one in each greeting. */
  #timestamp(): string | undefined {
    const { apop = true } = this.#options;
    if (typeof apop === "string") return apop;
    return apop ? messageId() : undefined;
  }
}
