// A process of its own: carries octets to a server as a distant network would, and counts round trips. One has
// passed when octets of the server reach the client behind octets of the client; the TCP handshake is the first.
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** A road to be opened. */
export interface Road {
  /** The server's port on loopback. */
  readonly to: number;
  /** Milliseconds for each direction: half a round trip. */
  readonly delay: number;
}

/** What the process says when all roads are open: their ports, in order, and that where the counts are read. */
export interface DelayProxyReady {
  readonly ports: readonly number[];
  readonly counts: number;
}

/** Over all connections since the process began. */
let roundTrips = 0;

/** Gives octets on after a time, in order. */
class Lane {
  readonly #out: Socket;
  readonly #delay: number;
  readonly #onArrival: () => void;
  #queue: { readonly due: number; readonly octets: Buffer | undefined }[] = [];
  #timer: NodeJS.Timeout | undefined;
  /** Nothing leaves before, in milliseconds of `performance.now()`. */
  notBefore = 0;

  constructor(out: Socket, delay: number, onArrival: () => void) {
    this.#out = out;
    this.#delay = delay;
    this.#onArrival = onArrival;
  }

  /** `undefined`: the end. */
  send(octets: Buffer | undefined): void {
    this.#queue.push({ due: Math.max(performance.now(), this.notBefore) + this.#delay, octets });
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
    for (const { due, octets } of this.#queue) {
      // Timers have whole milliseconds, and may be a little early.
      if (due > now + 0.5) break;
      arrived++;
      if (octets === undefined) this.#out.end();
      else {
        this.#onArrival();
        this.#out.write(octets);
      }
    }
    this.#queue = this.#queue.slice(arrived);
    this.#wait();
  }
}

function carry(client: Socket, { to, delay }: Road): void {
  // On loopback the client is connected at once. A distant server would hear of it after one and a half round
  // trips, and so what the client says before is held up by one.
  const established = performance.now() + 2 * delay;
  roundTrips++;
  let awaited = true;
  const server = connect({ host: "127.0.0.1", port: to, noDelay: true });
  const there = new Lane(server, delay, () => undefined);
  const back = new Lane(client, delay, () => {
    if (awaited) roundTrips++;
    awaited = false;
  });
  there.notBefore = established;
  back.notBefore = established + delay;
  client.setNoDelay(true);
  client.on("data", (octets: Buffer) => {
    awaited = true;
    there.send(octets);
  });
  server.on("data", (octets: Buffer) => {
    back.send(octets);
  });
  client.on("end", () => {
    there.send(undefined);
  });
  server.on("end", () => {
    back.send(undefined);
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
