// A client without knowledge of the protocol: sends octets, and keeps each chunk as it came.
import { connect, type Socket } from "node:net";
import { connect as connectTls, type ConnectionOptions, TLSSocket } from "node:tls";
import type { Pop3Server } from "../../src/testing/index.ts";

/** Where a server is to be found. */
type Place = Pick<Pop3Server, "host" | "port" | "ca" | "secure">;

export class RawClient {
  /** Everything that came, chunk by chunk; what came before TLS included. */
  readonly chunks: Buffer[] = [];
  /** How it ended: `end` for FIN, else the code of the error. */
  ended: string | undefined;
  #socket: Socket;
  #taken = 0;
  #wake: () => void = () => undefined;

  constructor(socket: Socket) {
    this.#socket = this.#watched(socket);
  }

  /** In the clear, or with TLS from the first octet, as the server has it. */
  static to(server: Place, tls: ConnectionOptions = {}): RawClient {
    const { host, port, ca } = server;
    if (!server.secure) return new RawClient(connect({ host, port, noDelay: true }));
    return new RawClient(connectTls({ host, port, ca, ...tls }));
  }

  /** Goes on with TLS on the same connection. */
  startTls(server: Place, tls: ConnectionOptions = {}): void {
    this.#socket.removeAllListeners("data");
    const { ca, host } = server;
    this.#socket = this.#watched(connectTls({ socket: this.#socket, ca, host, ...tls }));
  }

  /** TLS as the client has it. */
  get tls(): TLSSocket {
    if (!(this.#socket instanceof TLSSocket)) throw new Error("there is no TLS");
    return this.#socket;
  }

  get received(): string {
    return Buffer.concat(this.chunks).toString("latin1");
  }

  send(octets: Buffer | string): void {
    this.#socket.write(octets);
  }

  /** The next octets up to and with `end`; rejects when the connection ends before. */
  async until(end: string): Promise<string> {
    for (;;) {
      const at = this.received.indexOf(end, this.#taken);
      if (at !== -1) {
        const from = this.#taken;
        this.#taken = at + end.length;
        return this.received.slice(from, this.#taken);
      }
      if (this.ended !== undefined)
        throw new Error(`${this.ended} after ${JSON.stringify(this.received.slice(this.#taken))}`);
      await this.#something();
    }
  }

  /** Sends a command line, and returns the line that comes next. */
  async ask(command: string): Promise<string> {
    this.send(`${command}\r\n`);
    return this.until("\r\n");
  }

  /** Resolves to {@link ended}. */
  async end(): Promise<string> {
    while (this.ended === undefined) await this.#something();
    return this.ended;
  }

  /** Closes this side, and waits for the other. */
  async close(): Promise<string> {
    this.#socket.end();
    return this.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** RST. Only in the clear. */
  reset(): void {
    this.#socket.resetAndDestroy();
  }

  #something(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #watched<S extends Socket>(socket: S): S {
    const ended = (how: string): void => {
      this.ended ??= how;
      this.#wake();
    };
    socket.on("data", (octets: Buffer) => {
      this.chunks.push(octets);
      this.#wake();
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      ended(error.code ?? error.message);
    });
    socket.on("end", () => {
      ended("end");
    });
    return socket;
  }
}
