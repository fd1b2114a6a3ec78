// The server of the fault matrix: one connection after another, each with its own script, and the wire below
// TLS.
import { once } from "node:events";
import * as net from "node:net";
import { tls as trusted } from "../support/certificate.ts";
import { ownTls } from "../support/own-tls.ts";
import type { Protection } from "../support/scripted-server.ts";
import { Peer } from "../support/peer.ts";
import type { Pop3ClientOptions } from "popwright";
import { serialUntilOf } from "../../src/net/serial-hosts.ts";

const HOST = "127.0.0.1";

/** `socket` is what is below TLS, or without TLS the same as `peer`. */
export type Script = (peer: Peer, socket: net.Socket) => Promise<void>;

export class MatrixServer implements AsyncDisposable {
  #server: net.Server;
  #peer: Peer | undefined;
  /** For one connection after another. */
  #scripts: Script[] = [];
  /** Of the connection that is there, or was the last. */
  #played: Promise<void> | undefined;
  #failure: Error | undefined;

  private constructor() {
    this.#server = this.#create();
  }

  #create(): net.Server {
    return net.createServer((socket) => {
      const script = this.#scripts.shift();
      if (script === undefined) this.#failure ??= new Error("one connection more than there are scripts");
      const peer = (this.#peer = new Peer(socket));
      this.#played = script?.(peer, socket);
      // `over` reports the error.
      this.#played?.catch(() => undefined);
    });
  }

  static async listen(): Promise<MatrixServer> {
    const server = new MatrixServer();
    await server.#listen();
    return server;
  }

  async #listen(): Promise<void> {
    this.#server.listen(0, HOST);
    await once(this.#server, "listening");
  }

  get #port(): number {
    return (this.#server.address() as net.AddressInfo).port;
  }

  /** Goes to another port if a client has learnt at this one that commands must be sent one at a time. */
  async forget(): Promise<void> {
    while (serialUntilOf({ host: HOST, port: this.#port }) !== undefined) {
      await new Promise((resolve) => this.#server.close(resolve));
      this.#server = this.#create();
      await this.#listen();
    }
  }

  /** What the next connections will meet. */
  play(...scripts: Script[]): void {
    this.#peer = undefined;
    this.#failure = undefined;
    this.#scripts = scripts;
  }

  /** Options for this server, without `auth`. */
  options(protection: Protection): Pop3ClientOptions {
    const address = { host: HOST, port: this.#port };
    if (protection === "plain") return { ...address, secure: false, stls: "never" };
    // After a failed attempt to resume a TLS session, the client would dial again.
    const tls = ownTls(trusted);
    return protection === "tls" ? { ...address, tls } : { ...address, secure: false, stls: "required", tls };
  }

  /** Resolves when the last connection is gone, and its script has ended. Rejects with what that met. */
  async over(): Promise<Peer> {
    const peer = this.#peer;
    if (peer === undefined) throw new Error("no connection came");
    await peer.gone;
    await this.#played;
    if (this.#failure !== undefined) throw this.#failure;
    return peer;
  }

  /** Ends the connection that is there. */
  drop(): void {
    this.#peer?.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.drop();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
