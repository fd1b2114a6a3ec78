// Stands between a client and a server, and cuts connections in the middle of what the client sends.
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

export class CuttingRelay {
  /** The number of connections that were cut. */
  cuts = 0;
  /** Returns after how many octets of the client the next connection is cut. `Infinity`: it is not. */
  budget: () => number = () => Infinity;
  /** Called with what a client sends. */
  heard: (octets: Buffer) => void = () => undefined;
  readonly #server: Server;
  readonly #sockets: Set<Socket> = new Set();

  private constructor(port: number) {
    this.#server = createServer((client) => {
      const server = connect({ port, host: "127.0.0.1" });
      const end = (): void => {
        client.destroy();
        server.destroy();
      };
      for (const socket of [client, server]) {
        this.#sockets.add(socket);
        socket.on("error", end).on("close", () => {
          this.#sockets.delete(socket);
          end();
        });
      }
      server.pipe(client);
      let left = this.budget();
      client.on("data", (octets: Buffer) => {
        this.heard(octets);
        // What is sent before the cut arrives: the server may still answer, and nobody hears it.
        if (octets.length < left) server.write(octets);
        else if (left > 0) {
          server.end(octets.subarray(0, left));
          client.resetAndDestroy();
          this.cuts++;
        }
        left -= octets.length;
      });
    });
  }

  /** Relays to a port of 127.0.0.1. */
  static async to(port: number): Promise<CuttingRelay> {
    const relay = new CuttingRelay(port);
    relay.#server.listen(0, "127.0.0.1");
    await once(relay.#server, "listening");
    return relay;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    const closed = once(this.#server, "close");
    this.#server.close();
    await closed;
  }
}
