// Minimal proxies on loopback: HTTP CONNECT and SOCKS5, which record the requested address.
import { once } from "node:events";
import * as net from "node:net";

/** What a client sent before its tunnel stood, and how the proxy goes on from there. */
export type Handshake = (client: net.Socket, first: Buffer) => Promise<net.Socket | undefined>;

export class ProxyServer {
  readonly #server: net.Server;
  readonly #sockets: Set<net.Socket> = new Set<net.Socket>();
  /** The first octets of each client. */
  readonly asked: string[] = [];

  private constructor(handshake: Handshake) {
    this.#server = net.createServer((client) => {
      this.#keep(client);
      client.once("data", (first) => {
        this.asked.push(first.toString("latin1"));
        client.pause();
        void handshake(client, first).then((target) => {
          if (target === undefined) return;
          this.#keep(target);
          // A pipe ends the other side only where this side ends in order.
          client.on("close", (isFailed) => isFailed && target.destroy());
          target.on("close", (isFailed) => isFailed && client.destroy());
          if (client.destroyed) target.destroy();
          client.pipe(target).pipe(client);
        });
      });
    });
  }

  static async listen(handshake: Handshake): Promise<ProxyServer> {
    const proxy = new ProxyServer(handshake);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port;
  }

  #keep(socket: net.Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => this.#sockets.delete(socket));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

export async function reach(port: number): Promise<net.Socket> {
  const target = net.connect(port, "127.0.0.1");
  await once(target, "connect");
  return target;
}

/** CONNECT, as it should be; `answer` is what the client is told. */
export function tunnelTo(port: number, answer = "HTTP/1.1 200 Connected\r\n\r\n"): Handshake {
  return async (client) => {
    const target = await reach(port);
    client.write(answer);
    return target;
  };
}

/**
 * SOCKS5 (RFC 1928), with user name and password (RFC 1929) if `secret` is given. `more`: octets in the packet
 * of the last reply.
 */
export function socks5To(port: number, secret?: string, more = ""): Handshake {
  return async (client) => {
    const next = async (): Promise<Buffer> => {
      const [octets] = (await once(client, "data")) as [Buffer];
      return octets;
    };
    client.resume();
    client.write(Buffer.from([5, secret === undefined ? 0 : 2]));
    if (secret !== undefined) {
      const given = (await next()).toString("latin1");
      const right = given.endsWith(secret);
      client.write(Buffer.from([1, right ? 0 : 1]));
      if (!right) return undefined;
    }
    await next();
    const target = await reach(port);
    client.pause();
    client.write(Buffer.concat([Buffer.from([5, 0, 0, 1, 127, 0, 0, 1, 0, 0]), Buffer.from(more)]));
    return target;
  };
}

/** SOCKS4 and SOCKS4A. `more`: octets in the packet of the reply. */
export function socks4To(port: number, more = ""): Handshake {
  return async (client) => {
    const target = await reach(port);
    client.write(Buffer.concat([Buffer.from([0, 0x5a, 0, 0, 0, 0, 0, 0]), Buffer.from(more)]));
    return target;
  };
}
