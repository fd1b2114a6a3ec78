// The server of the fault matrix: one connection after another, each with its own script, and the wire below
// TLS.
import { once } from "node:events";
import * as net from "node:net";
import type { ConnectionOptions } from "node:tls";
import { Peer, ScriptedServer, type Protection } from "../faults/scripted-server.ts";
import type { Pop3ClientOptions } from "popwright";

/** `socket` is what is below TLS, or without TLS the same as `peer`. */
export type Script = (peer: Peer, socket: net.Socket) => Promise<void>;

export class MatrixServer implements AsyncDisposable {
  readonly #server: net.Server;
  readonly #tls: ConnectionOptions;
  #peer: Peer | undefined;
  #script: Script = () => Promise.resolve();
  /** Of the connection that is there, or was the last. */
  #played: Promise<void> | undefined;
  #failure: Error | undefined;

  private constructor(tls: ConnectionOptions) {
    this.#tls = tls;
    this.#server = net.createServer((socket) => {
      if (this.#peer !== undefined) this.#failure ??= new Error("a second connection");
      const peer = (this.#peer = new Peer(socket));
      this.#played = this.#script(peer, socket);
      // `over` tells of it, where anybody asks.
      this.#played.catch(() => undefined);
    });
  }

  static async listen(): Promise<MatrixServer> {
    // The certificate that every Peer has.
    await using other = await ScriptedServer.listen(() => undefined, "tls");
    const server = new MatrixServer(other.options().tls ?? {});
    server.#server.listen(0, "127.0.0.1");
    await once(server.#server, "listening");
    return server;
  }

  /** What the next connection will meet. */
  set script(script: Script) {
    this.#peer = undefined;
    this.#failure = undefined;
    this.#script = script;
  }

  /** Lead here; nobody logs in. */
  options(protection: Protection): Pop3ClientOptions {
    const { port } = this.#server.address() as net.AddressInfo;
    const address = { host: "127.0.0.1", port };
    if (protection === "plain") return { ...address, secure: false, stls: "never" };
    // An object of its own for each client: no TLS session is taken up again.
    const tls = { ...this.#tls };
    return protection === "tls" ? { ...address, tls } : { ...address, secure: false, stls: "required", tls };
  }

  /** Resolves when the connection is gone, and its script has ended. Rejects with what that met. */
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
