// A relay between client and server, which shows what the client sends in clear, and changes nothing.
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server } from "node:net";

export class Relay implements AsyncDisposable {
  readonly port: number;
  readonly #server: Server;
  readonly #sent: Buffer[];

  /** Listens on 127.0.0.1, and connects each client to `port` there. */
  static async start(port: number): Promise<Relay> {
    const sent: Buffer[] = [];
    const server = createServer((client) => {
      const upstream = connect({ port, host: "127.0.0.1" });
      client.on("data", (octets) => sent.push(octets));
      client.pipe(upstream).pipe(client);
      // Each side ends with the other.
      client.on("error", () => upstream.destroy()).on("close", () => upstream.destroy());
      upstream.on("error", () => client.destroy()).on("close", () => client.destroy());
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new Relay(server, sent);
  }

  private constructor(server: Server, sent: Buffer[]) {
    this.port = (server.address() as AddressInfo).port;
    this.#server = server;
    this.#sent = sent;
  }

  /** What clients have sent since the last call, a character for each octet. */
  take(): string {
    return Buffer.concat(this.#sent.splice(0)).toString("latin1");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    await once(this.#server, "close");
  }
}
