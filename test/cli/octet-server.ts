// A server on loopback that sends any octets, or none.
import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";

/** A server for raw octets. */
export class OctetServer {
  readonly #server = createServer((client) => {
    this.#sockets.add(client);
    client.on("error", () => undefined);
    this.#act(client);
  });
  readonly #sockets: Set<Socket> = new Set<Socket>();
  readonly #act: (client: Socket) => void;

  constructor(act: (client: Socket) => void = () => undefined) {
    this.#act = act;
  }

  static async listen(act?: (client: Socket) => void): Promise<OctetServer> {
    const server = new OctetServer(act);
    server.#server.listen(0, "127.0.0.1");
    await once(server.#server, "listening");
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
