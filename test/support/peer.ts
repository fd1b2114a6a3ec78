// One connection of a client, from the server's side: sends exactly the octets that it is told to, valid or not.
import type * as net from "node:net";
import { TLSSocket, type TLSSocketOptions } from "node:tls";
import { certificate } from "./certificate.ts";

/** Where a record of TLS ends: its length follows its type and version. */
function recordEnd(octets: string): number {
  return octets.length < 5 ? Infinity : 5 + octets.charCodeAt(3) * 256 + octets.charCodeAt(4);
}

/** One connection, from the server's side. */
export class Peer {
  /** Resolves when the client's side is gone, or ours. */
  readonly gone: Promise<void>;
  /** The command lines so far, without CRLF. */
  readonly commands: string[] = [];
  /** Octets of the client so far, decrypted. */
  received = 0;
  /** Octets that the system has taken from us so far, counted before encryption. */
  taken = 0;
  readonly #raw: net.Socket;
  #stream: net.Socket;
  readonly #onOctets: (octets: Buffer, isSecure: boolean) => void;
  #text = "";
  #read = 0;
  /** TLS records that no handshake has used yet. */
  #records = 0;
  #wake: (() => void) | undefined;

  /** `onOctets` gets everything that the client writes, decrypted. */
  constructor(socket: net.Socket, onOctets: (octets: Buffer, isSecure: boolean) => void = () => undefined) {
    this.#onOctets = onOctets;
    this.#raw = this.#stream = socket;
    socket.setNoDelay(true);
    this.gone = new Promise((resolve) => {
      socket.once("close", () => {
        resolve();
        this.#wake?.();
      });
    });
    this.#watch(socket);
  }

  #watch(stream: net.Socket): void {
    stream.on("error", () => this.#raw.destroy());
    stream.on("end", () => this.#wake?.());
    stream.on("data", (octets: Buffer) => {
      this.received += octets.length;
      this.#onOctets(octets, stream !== this.#raw);
      this.#text += octets.toString("latin1");
      this.#takeLines();
      this.#wake?.();
    });
  }

  #takeLines(): void {
    for (;;) {
      // A ClientHello without a handshake is not a line: its random octets may contain CR LF.
      const isRecord = this.#text.startsWith("\x16") || this.#text.startsWith("\x15");
      const end = isRecord ? recordEnd(this.#text) : this.#text.indexOf("\r\n") + 2;
      if (end < 2 || end > this.#text.length) return;
      if (isRecord) this.#records++;
      else this.commands.push(this.#text.slice(0, end - 2));
      this.#text = this.#text.slice(end);
    }
  }

  /** The next command line; `undefined` when the client sends no more. */
  async line(): Promise<string | undefined> {
    while (this.#read === this.commands.length) {
      if (this.#isAtEnd) return undefined;
      await this.#something();
    }
    return this.commands[this.#read++];
  }

  /** Whether the client has written anything that {@link line} has not returned yet. */
  get hasMore(): boolean {
    return this.#records > 0 || this.#text !== "" || this.#read < this.commands.length;
  }

  /** Resolves when {@link hasMore}, or when the client sends no more. */
  async more(): Promise<void> {
    while (!this.hasMore && !this.#isAtEnd) await this.#something();
  }

  /** Resolves when the client sends no more. */
  async ended(): Promise<void> {
    while (!this.#isAtEnd) await this.#something();
  }

  get #isAtEnd(): boolean {
    return this.#stream.readableEnded || this.#raw.destroyed;
  }

  #something(): Promise<void> {
    return new Promise((resolve) => (this.#wake = resolve));
  }

  /** Resolves when the system has taken the octets, or the connection is gone. */
  send(octets: string | Buffer): Promise<void> {
    const buffer = typeof octets === "string" ? Buffer.from(octets, "latin1") : octets;
    if (buffer.length === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#stream.write(buffer, (error) => {
        if (!error) this.taken += buffer.length;
        resolve();
      });
    });
  }

  /** Whether the connection can no longer be written to. */
  get over(): boolean {
    return this.#raw.destroyed || !this.#stream.writable;
  }

  /**
   * Our side of TLS, on what was a plain connection; what the client has written before is dropped. Resolves after the
   * handshake, or when the connection is gone.
   */
  startTls(options: TLSSocketOptions = certificate): Promise<void> {
    this.#text = "";
    this.#records = 0;
    this.#read = this.commands.length;
    this.#raw.removeAllListeners("data");
    this.#raw.removeAllListeners("end");
    this.#stream = new TLSSocket(this.#raw, { ...options, isServer: true });
    // An alert of the client after the handshake is not an `error`, as no tls.Server made the socket; and Node 24
    // and later never end a write after it.
    this.#stream.on("_tlsError", () => this.#raw.destroy());
    this.#watch(this.#stream);
    const secured = new Promise<void>((resolve) => this.#stream.once("secure", resolve));
    return Promise.race([secured, this.gone]);
  }

  /** Takes nothing in any more. */
  pause(): void {
    this.#stream.pause();
  }

  /** FIN; under TLS close_notify before it. */
  end(): void {
    this.#stream.end();
  }

  /** FIN, under TLS without close_notify: as if the line had been cut. */
  cut(): void {
    this.#raw.end();
  }

  /** RST. */
  reset(): void {
    this.#raw.resetAndDestroy();
  }

  destroy(): void {
    this.#stream.destroy();
    this.#raw.destroy();
  }
}
