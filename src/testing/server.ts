/** A POP3 server in memory, for tests: every answer is as the RFC has it, unless it was told otherwise. */
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { createSecureContext, type TLSSocketOptions } from "node:tls";
import { Pop3Error } from "../errors.ts";
import { Accounts } from "./accounts.ts";
import { makeCertificate } from "./certificate.ts";
import { Connection } from "./connection.ts";
import { Faults, type Fault } from "./faults.ts";
import type { Maildrop } from "./maildrop.ts";
import { messageId } from "./message-id.ts";
import { offerOf, type Offer } from "./offer.ts";
import type { Pop3ServerOptions } from "./options.ts";
import { Session } from "./session.ts";
import { Transcript } from "./transcript.ts";

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
export class Pop3Server {
  /** Every session so far, as text. */
  readonly transcript: Transcript = new Transcript();
  /** The certificate as PEM, for the client's `tls: { ca }`. */
  readonly ca: string;
  /** Whether TLS is spoken from the first octet. */
  readonly secure: boolean;
  readonly #server: Server;
  readonly #accounts: Accounts;
  readonly #offer: Offer;
  readonly #tls: TLSSocketOptions;
  readonly #options: Pop3ServerOptions;
  readonly #faults: Faults = new Faults();
  readonly #open: Set<Connection> = new Set();
  #address: AddressInfo | undefined;
  #connections = 0;
  #sessions = 0;
  #idle: (() => void)[] = [];

  private constructor(options: Pop3ServerOptions) {
    this.#options = options;
    this.#offer = offerOf(options);
    this.#accounts = new Accounts(options.users ?? {}, options.lock ?? true, options.charset);
    this.secure = (options.tls ?? false) !== false;
    const given = this.secure ? options.tls : options.stls;
    const own = typeof given === "object" ? given : {};
    const { key, cert } = own.key === undefined ? makeCertificate() : { key: own.key, cert: own.cert };
    // One context for all connections: their tickets are good for the next one.
    this.#tls = { secureContext: createSecureContext({ ...own, key, cert }), ...own, key, cert };
    this.ca = [cert].flat().join("\n");
    for (const fault of options.faults ?? []) this.#faults.add(fault);
    this.#server = createServer((socket) => {
      this.#connected(socket);
    });
  }

  /**
   * Makes a server and opens its port. Rejects with `POP3_CONFIG` for options that make no sense, and with Node's
   * error when the port is not to be had.
   */
  static async listen(options: Pop3ServerOptions = {}): Promise<Pop3Server> {
    const server = new Pop3Server(options);
    await new Promise<void>((resolve, reject) => {
      server.#server.once("error", reject);
      server.#server.listen(options.port ?? 0, options.host ?? "127.0.0.1", () => {
        server.#server.off("error", reject);
        resolve();
      });
    });
    server.#address = server.#server.address() as AddressInfo;
    return server;
  }

  /** The address that it listens on. */
  get host(): string {
    return this.#options.host ?? "127.0.0.1";
  }

  get port(): number {
    return this.#address?.port ?? 0;
  }

  /** `pop3s://127.0.0.1:PORT` with TLS from the first octet, else `pop3://127.0.0.1:PORT`. */
  get url(): string {
    const host = this.host.includes(":") ? `[${this.host}]` : this.host;
    return `${this.secure ? "pop3s" : "pop3"}://${host}:${String(this.port)}`;
  }

  /** How many sessions are open: from the connection to QUIT, or to its end. */
  get sessions(): number {
    return this.#sessions;
  }

  /** How many connections were taken since the start. */
  get connections(): number {
    return this.#connections;
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

  /** Resolves once no session is open: the server has seen what its clients did. */
  async idle(): Promise<void> {
    if (this.#sessions > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** Ends every connection at once. Resolves when the port is free. More than one call does no harm. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => {
        resolve();
      });
    });
    for (const connection of this.#open) connection.destroy();
    await closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #connected(socket: Socket): void {
    this.#connections++;
    this.#sessions++;
    let open = true;
    const connection = new Connection(socket, {
      session: new Session(this.#offer, this.#accounts, this.#timestamp()),
      transcript: this.transcript.session(),
      faults: this.#faults,
      tls: this.#tls,
      implicitTls: this.secure,
      chunk: this.#options.chunk ?? Infinity,
      over: () => {
        if (open) this.#sessionOver();
        open = false;
      },
    });
    this.#open.add(connection);
    void connection.run().then(() => this.#open.delete(connection));
  }

  #sessionOver(): void {
    this.#sessions--;
    if (this.#sessions > 0) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** RFC 1939 section 7: the syntax of a msg-id, and another one in each greeting. */
  #timestamp(): string | undefined {
    const { apop = true } = this.#options;
    if (typeof apop === "string") return apop;
    return apop ? messageId() : undefined;
  }
}
