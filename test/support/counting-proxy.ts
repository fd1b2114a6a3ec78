// Counts round trips: holds each side's octets until that side is silent, then passes them on together.
import * as net from "node:net";

/**
 * How long a side must be silent until its octets go over; milliseconds. It decides how long a test takes, not what
 * it counts: a side that pauses longer while it still speaks is not counted twice, unless it is answered in between.
 */
const QUIET = 15;

/** One direction: collects octets, and gives them out together. */
class Half {
  readonly #to: net.Socket;
  readonly #departed: () => void;
  #held: Buffer[] = [];
  #timer: NodeJS.Timeout | undefined;
  #ended = false;

  constructor(from: net.Socket, to: net.Socket, departed: () => void) {
    this.#to = to;
    this.#departed = departed;
    from.on("data", (octets: Buffer) => {
      this.#held.push(octets);
      this.#wait();
    });
    from.on("end", () => {
      this.#ended = true;
      this.#wait();
    });
    from.on("error", () => to.destroy());
    from.on("close", () => {
      if (this.#ended) return; // what is held goes over yet
      clearTimeout(this.#timer);
      to.destroy();
    });
  }

  #wait(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#depart();
    }, QUIET);
  }

  #depart(): void {
    const octets = Buffer.concat(this.#held);
    this.#held = [];
    if (octets.length > 0 && !this.#to.destroyed) {
      this.#departed();
      this.#to.write(octets);
    }
    if (this.#ended) this.#to.end();
  }
}

export class CountingProxy implements AsyncDisposable {
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();
  #trips = 0;
  /** The side whose octets went over last. */
  #last: "client" | "server" = "server";

  private constructor(port: number) {
    this.#server = net.createServer((client) => {
      // SYN and its answer.
      this.#trips++;
      const server = net.connect(port, "127.0.0.1");
      for (const socket of [client, server]) {
        socket.setNoDelay(true);
        this.#sockets.add(socket);
        socket.once("close", () => this.#sockets.delete(socket));
      }
      new Half(client, server, () => {
        if (this.#last === "server") this.#trips++;
        this.#last = "client";
      });
      new Half(server, client, () => {
        this.#last = "server";
      });
    });
  }

  /** A proxy in front of a port of loopback. */
  static async before(port: number): Promise<CountingProxy> {
    const proxy = new CountingProxy(port);
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port;
  }

  /** Round trips so far: TCP's own, and each time the client spoke when the server had spoken. */
  get trips(): number {
    return this.#trips;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}
