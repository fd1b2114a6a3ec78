// A raw server on loopback that sends exactly the octets of its script, valid or not.
import * as net from "node:net";
import { TLSSocket } from "node:tls";
import { makeCertificate, type Certificate } from "popwright/testing";
import type { Pop3ClientOptions } from "popwright";
import { serialUntilOf } from "../../src/net/serial-hosts.ts";

/** What a server does with one connection, from its first octet to its last. */
export type Script = (peer: Peer) => Promise<void> | void;

/** How the connection is protected: not at all, by STLS, or from the first octet. */
export type Protection = "plain" | "stls" | "tls";

let made: Certificate | undefined;

/** One certificate for all servers of a process. */
function certificate(): Certificate {
  return (made ??= makeCertificate());
}

/** Where a record of TLS ends: its length stands behind its type and version. */
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
  #text = "";
  #read = 0;
  #wake: (() => void) | undefined;

  constructor(socket: net.Socket) {
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
      this.#text += octets.toString("latin1");
      this.#takeLines();
      this.#wake?.();
    });
  }

  #takeLines(): void {
    for (;;) {
      // A ClientHello that nobody takes up is no line: among its random octets there may be CR LF.
      const isRecord = this.#text.startsWith("\x16") || this.#text.startsWith("\x15");
      const end = isRecord ? recordEnd(this.#text) : this.#text.indexOf("\r\n") + 2;
      if (end < 2 || end > this.#text.length) return;
      if (!isRecord) this.commands.push(this.#text.slice(0, end - 2));
      this.#text = this.#text.slice(end);
    }
  }

  /** The next command line; `undefined` when the client sends no more. */
  async line(): Promise<string | undefined> {
    while (this.#read === this.commands.length) {
      if (this.#stream.readableEnded || this.#raw.destroyed) return undefined;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    return this.commands[this.#read++];
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

  /** Our side of TLS, on what was a plain connection. Resolves behind the handshake, or when the connection is gone. */
  startTls(): Promise<void> {
    this.#raw.removeAllListeners("data");
    this.#raw.removeAllListeners("end");
    this.#stream = new TLSSocket(this.#raw, { isServer: true, ...certificate() });
    // An alert of the client is no `error` behind the handshake, as no tls.Server has made the socket; and Node 24
    // and later never end a write behind it.
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

export class ScriptedServer implements AsyncDisposable {
  readonly peers: Peer[] = [];
  readonly #server: net.Server;
  readonly #protection: Protection;
  readonly #failures: unknown[] = [];
  #arrival: (() => void) | undefined;

  private constructor(script: Script, protection: Protection) {
    this.#protection = protection;
    this.#server = net.createServer((socket) => {
      const peer = new Peer(socket);
      this.peers.push(peer);
      this.#arrival?.();
      this.#run(peer, script).catch((error: unknown) => this.#failures.push(error));
    });
  }

  async #run(peer: Peer, script: Script): Promise<void> {
    if (this.#protection === "tls") await peer.startTls();
    await script(peer);
  }

  static async listen(script: Script, protection: Protection = "plain"): Promise<ScriptedServer> {
    const server = new ScriptedServer(script, protection);
    const host = "127.0.0.1";
    await new Promise<void>((resolve) => server.#server.listen(0, host, resolve));
    if (serialUntilOf({ host, port: server.port }) === undefined) return server;
    // A server before had this port, and broke pipelining.
    await server[Symbol.asyncDispose]();
    return ScriptedServer.listen(script, protection);
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port;
  }

  /** The options of a client that logs in here. */
  options(more: Partial<Pop3ClientOptions> = {}): Pop3ClientOptions {
    const secure = this.#protection === "tls";
    return {
      host: "127.0.0.1",
      port: this.port,
      secure,
      auth: { user: "ann", pass: SECRET },
      ...(!secure && { stls: this.#protection === "stls" ? "required" : "never" }),
      ...(this.#protection !== "plain" && { tls: { ca: certificate().cert } }),
      ...more,
    };
  }

  /** The latest connection, once there is one. */
  async peer(): Promise<Peer> {
    while (this.peers.length === 0) await new Promise<void>((resolve) => (this.#arrival = resolve));
    return this.peers[this.peers.length - 1] as Peer;
  }

  /** Ends everything. Throws what a script threw. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const peer of this.peers) peer.destroy();
    await closed;
    if (this.#failures.length > 0) throw new AggregateError(this.#failures, "a script of the server failed");
  }
}

/** The password of every client here: it must be seen nowhere but on the wire. */
export const SECRET = "hunter2-hunter2";
