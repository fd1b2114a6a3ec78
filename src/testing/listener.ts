// A port that is listened on: its address, its certificate, and every connection to it until it is closed.
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { createSecureContext, type TLSSocketOptions } from "node:tls";
import { Pop3Error } from "../errors.ts";
import { makeCertificate } from "./certificate.ts";
import { Transcript } from "./transcript.ts";
import type { WireSetup } from "./wire.ts";

export interface ListenerOptions {
  /** @default "127.0.0.1" */
  readonly host?: string;
  /** @default 0: one that is free */
  readonly port?: number;
  /** The most octets that go out together, for every connection; 1: each octet alone. @default Infinity */
  readonly chunk?: number;
  /**
   * Milliseconds that pass ahead of the greeting, and each time before what came from the client is taken up: as if
   * it came from far away. What came together is answered together. TLS handshakes take no longer.
   * @default 0
   */
  readonly latency?: number;
}

/** What speaks on a connection. */
interface Speaker {
  /** Never rejects. */
  run(): Promise<void>;
  destroy(): void;
}

/** Takes a connection that was just made; `over` is to be called when its session is. */
type Takes = (socket: Socket, wire: WireSetup, over: () => void) => Speaker;

export class Listener {
  /** Every session so far, as text. */
  readonly transcript: Transcript = new Transcript();
  /** The certificate as PEM, for the client's `tls: { ca }`. */
  readonly ca: string;
  /** Whether TLS is spoken from the first octet. */
  readonly secure: boolean;
  readonly #options: ListenerOptions;
  readonly #wire: WireSetup;
  readonly #server: Server;
  readonly #open: Set<Speaker> = new Set();
  #address: AddressInfo | undefined;
  #connections = 0;
  #sessions = 0;
  #idle: (() => void)[] = [];

  /** `tls`: options of `node:tls`, for TLS from the first octet as well as for STLS. */
  protected constructor(options: ListenerOptions, secure: boolean, tls: TLSSocketOptions = {}) {
    const { chunk = Infinity, latency = 0 } = options;
    if (!(chunk >= 1)) throw new Pop3Error("POP3_CONFIG", "chunk is a number of octets from 1 on");
    if (!(latency >= 0)) throw new Pop3Error("POP3_CONFIG", "latency is a number of milliseconds from 0 on");
    this.#options = options;
    this.secure = secure;
    const { key, cert } = tls.key === undefined ? makeCertificate() : { key: tls.key, cert: tls.cert };
    // One context for all connections: their tickets are good for the next one.
    const context = { secureContext: createSecureContext({ ...tls, key, cert }), ...tls, key, cert };
    this.#wire = { tls: context, chunk, latency };
    this.ca = [cert].flat().join("\n");
    this.#server = createServer();
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
    for (const speaker of this.#open) speaker.destroy();
    await closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Rejects with Node's error when the port is not to be had. */
  protected async open(takes: Takes): Promise<this> {
    this.#server.on("connection", (socket) => {
      this.#connected(socket, takes);
    });
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(this.#options.port ?? 0, this.host, () => {
        this.#server.off("error", reject);
        resolve();
      });
    });
    this.#address = this.#server.address() as AddressInfo;
    return this;
  }

  #connected(socket: Socket, takes: Takes): void {
    this.#connections++;
    this.#sessions++;
    let open = true;
    const speaker = takes(socket, this.#wire, () => {
      if (open) this.#sessionOver();
      open = false;
    });
    this.#open.add(speaker);
    void speaker.run().then(() => this.#open.delete(speaker));
  }

  #sessionOver(): void {
    this.#sessions--;
    if (this.#sessions > 0) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}
