// A separate process: forwards bytes to a server like a distant network, and counts round trips. The TCP
// handshake is the first. Another one begins when the client sends after it has received something, and ends
// when the server answers. Bytes that the server sends unasked in the meantime do not count.
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** A route to open. */
export interface Road {
  /** The server's port on loopback. */
  readonly to: number;
  /** Milliseconds for each direction: half a round trip. */
  readonly delay: number;
}

/**
 * The message of this process when all routes are open: their ports, in order, and the port for the count.
 */
export interface DelayProxyReady {
  readonly ports: readonly number[];
  readonly counts: number;
}

/** The count over all connections since the start of the process. */
let roundTrips = 0;

/** Bytes in transit. `due`: in milliseconds of `performance.now()`. */
interface Load {
  readonly due: number;
  readonly deliver: () => void;
}

/** Forwards bytes after a delay, in order. */
class Lane {
  readonly #out: Socket;
  readonly #delay: number;
  #queue: Load[] = [];
  #timer: NodeJS.Timeout | undefined;
  /** The time before which nothing is sent, in milliseconds of `performance.now()`. */
  notBefore = 0;

  constructor(out: Socket, delay: number) {
    this.#out = out;
    this.#delay = delay;
  }

  send(octets: Buffer, arrived: () => void): void {
    this.#load(() => {
      arrived();
      this.#out.write(octets);
    });
  }

  end(): void {
    this.#load(() => this.#out.end());
  }

  #load(deliver: () => void): void {
    this.#queue.push({ due: Math.max(performance.now(), this.notBefore) + this.#delay, deliver });
    this.#wait();
  }

  #wait(): void {
    const first = this.#queue[0];
    if (first === undefined || this.#timer !== undefined) return;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        this.#deliver();
      },
      Math.max(0, first.due - performance.now()),
    );
  }

  #deliver(): void {
    const now = performance.now();
    let arrived = 0;
    for (const { due, deliver } of this.#queue) {
      // Timers have whole milliseconds and may fire a little early.
      if (due > now + 0.5) break;
      arrived++;
      deliver();
    }
    this.#queue = this.#queue.slice(arrived);
    this.#wait();
  }
}

function carry(client: Socket, { to, delay }: Road): void {
  // On loopback the client is connected at once. A distant server would get its first bytes after one and a
  // half round trips, so bytes that the client sends before that wait for one round trip.
  const established = performance.now() + 2 * delay;
  roundTrips++;
  // The numbers of the last round trip that the client began, that reached the server, and that was answered.
  // The first begins with the connection, because a server without TLS speaks first.
  let begun = 1;
  let reached = 1;
  let answered = 0;
  let heard = false;
  const server = connect({ host: "127.0.0.1", port: to, noDelay: true });
  const there = new Lane(server, delay);
  const back = new Lane(client, delay);
  there.notBefore = established;
  back.notBefore = established + delay;
  client.setNoDelay(true);
  client.on("data", (octets: Buffer) => {
    if (heard) begun++;
    heard = false;
    const trip = begun;
    there.send(octets, () => (reached = trip));
  });
  server.on("data", (octets: Buffer) => {
    if (reached > answered) roundTrips++;
    answered = reached;
    back.send(octets, () => (heard = true));
  });
  client.on("end", () => {
    there.end();
  });
  server.on("end", () => {
    back.end();
  });
  const drop = (): void => {
    client.destroy();
    server.destroy();
  };
  client.on("error", drop);
  server.on("error", drop);
}

async function listen(onConnection: (socket: Socket) => void): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, onConnection);
  return new Promise((resolve) => {
    server.listen({ port: 0, host: "127.0.0.1", backlog: 2048 }, () => {
      resolve((server.address() as AddressInfo).port);
    });
  });
}

const roads = JSON.parse(process.argv[2] ?? "[]") as Road[];
const ports: number[] = [];
for (const road of roads) {
  ports.push(
    await listen((client) => {
      carry(client, road);
    }),
  );
}
const counts = await listen((socket) => socket.end(String(roundTrips)));
const ready: DelayProxyReady = { ports, counts };
process.send?.(ready);
process.once("disconnect", () => process.exit());
