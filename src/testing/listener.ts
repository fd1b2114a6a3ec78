// Listens on a port: owns its address, its certificate and every connection until close().
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { createSecureContext, type TLSSocketOptions } from "node:tls";
import { checkDuration } from "../options/checks.ts";
import type { Duration } from "../options/checks.ts";
import { makeCertificate } from "./certificate.ts";
import { isNumber, isText, isTime, isWhole, type Checks } from "./option-checks.ts";
import { Transcript } from "./transcript.ts";
import type { WireSetup } from "./wire.ts";

/** The options that {@link Pop3Server.listen} and {@link Pop3Server.replay} share. */
export interface ListenerOptions {
  /** The address on which the server listens. @default "127.0.0.1" */
  readonly host?: string;
  /** The port. @default 0: any free port */
  readonly port?: number;
  /** The maximum bytes in one write, on every connection. 1 sends each byte alone. @default Infinity */
  readonly chunk?: number;
  /**
   * How long to wait before the greeting, and before each chunk of the client is processed: simulates a distant server.
   * A number is in milliseconds. Commands that arrive together are answered together. TLS handshakes are not delayed.
   * @default 0
   */
  readonly latency?: Duration;
}

/** The checks of the options. */
export const LISTENER_CHECKS: Checks<ListenerOptions> = {
  host: isText,
  port: isWhole(0, 65_535),
  chunk: isNumber(1),
  latency: isTime("ms"),
};

/** Handles one connection. */
interface Speaker {
  /** Never rejects. */
  run(): Promise<void>;
  destroy(): void;
}

/** Takes a new connection. It must call `over` when the session is over. */
type Takes = (socket: Socket, wire: WireSetup, over: () => void) => Speaker;

/** What {@link Pop3Server} and {@link ReplayServer} have in common: a server on this machine, with its sessions. */
export class Listener {
  /** The transcript of every session so far. */
  readonly transcript: Transcript = new Transcript();
  /** The certificate as PEM, for the client's `tls: { ca }`. */
  readonly ca: string;
  /** Whether TLS starts with the first byte. */
  readonly secure: boolean;
  readonly #options: ListenerOptions;
  readonly #wire: WireSetup;
  readonly #server: Server;
  readonly #open: Set<Speaker> = new Set();
  #address: AddressInfo | undefined;
  #connections = 0;
  #sessions = 0;
  #idle: (() => void)[] = [];

  /** `tls`: options of `node:tls`, both for implicit TLS and for STLS. */
  protected constructor(options: ListenerOptions, secure: boolean, tls: TLSSocketOptions = {}) {
    const { chunk = Infinity, latency = 0 } = options;
    this.#options = options;
    this.secure = secure;
    const { key, cert } = tls.key === undefined ? makeCertificate() : { key: tls.key, cert: tls.cert };
    // All connections share one context, so that a client can resume the TLS session of an earlier
    // connection.
    const context = { secureContext: createSecureContext({ ...tls, key, cert }), ...tls, key, cert };
    this.#wire = { tls: context, chunk, latency: checkDuration("server.latency", latency, "ms") };
    this.ca = [cert].flat().join("\n");
    this.#server = createServer();
  }

  /** The address on which the server listens. */
  get host(): string {
    return this.#options.host ?? "127.0.0.1";
  }

  /** The port on which the server listens. */
  get port(): number {
    return this.#address?.port ?? 0;
  }

  /** `pop3s://127.0.0.1:PORT` with implicit TLS, otherwise `pop3://127.0.0.1:PORT`. */
  get url(): string {
    const host = this.host.includes(":") ? `[${this.host}]` : this.host;
    return `${this.secure ? "pop3s" : "pop3"}://${host}:${String(this.port)}`;
  }

  /**
   * The number of open sessions. A session lasts from the connection to QUIT, or until the connection ends.
   */
  get sessions(): number {
    return this.#sessions;
  }

  /** The number of connections since the start. */
  get connections(): number {
    return this.#connections;
  }

  /** Resolves when no session is open: then the server has processed all that its clients sent. */
  async idle(): Promise<void> {
    if (this.#sessions > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** Destroys every connection. Resolves when the port is free. It is safe to call this more than once. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => {
        resolve();
      });
    });
    for (const speaker of this.#open) speaker.destroy();
    await closed;
  }

  /** Calls `close()` at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Rejects with Node's error if the port is not available. */
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
