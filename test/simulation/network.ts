// A simulated connection: a stream for the client, and latency, cuts, resets, silence and trickles on the way.
import { Duplex } from "node:stream";
import type { Computer } from "./computer.ts";
import type { SimulatedProcess } from "./process.ts";

/** The end at the server. */
export interface ServerEnd {
  receive(octets: Buffer): void;
  /** The client has closed the connection, or its process has ended. */
  gone(): void;
}

/** What a socket reads at a time, and keeps for a reader that has paused; octets. The same in every version of Node. */
export const SOCKET_READS: number = 64 * 1024;

/** The end at the client: a stream, as `net.Socket` is one. */
export class ClientSocket extends Duplex {
  readonly #link: Link;
  readonly #arrived: (Buffer | null)[] = [];
  #wanted = false;

  constructor(link: Link) {
    super({ highWaterMark: SOCKET_READS });
    this.#link = link;
  }

  arrive(octets: Buffer | null): void {
    this.#arrived.push(octets);
    this.#pass();
  }

  override _read(): void {
    this.#wanted = true;
    this.#pass();
  }

  override _write(octets: Buffer, _: BufferEncoding, done: () => void): void {
    this.#link.toServer(octets);
    done();
  }

  override _final(done: () => void): void {
    this.#link.closed();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#link.closed();
    done(error);
  }

  #pass(): void {
    while (this.#wanted && this.#arrived.length > 0) {
      const piece = this.#arrived.shift();
      this.#link.octetsRead(piece?.length ?? 0);
      this.#wanted = this.push(piece);
    }
  }
}

export class Link {
  readonly socket: Duplex;
  readonly #client: ClientSocket;
  readonly #computer: Computer;
  readonly #process: SimulatedProcess;
  readonly #latency: number;
  #server: ServerEnd | undefined;
  #arrivesAtServer = 0;
  #arrivesAtClient = 0;
  /** Nothing passes any more, and neither end is told. */
  #silent = false;
  #isClosed = false;
  /** What the client said last. */
  step = "connect";
  /** Called when the client closes, or its process ends. */
  onClosed: () => void = () => undefined;

  /** `make`: makes the socket of the client. */
  constructor(
    computer: Computer,
    process: SimulatedProcess,
    make: (link: Link) => ClientSocket = (link) => new ClientSocket(link),
  ) {
    this.#computer = computer;
    this.#process = process;
    this.#latency = computer.chance.between(0.5, 300);
    this.#client = make(this);
    this.socket = this.#client;
    process.onEnd.add((power) => {
      if (power) this.#silent = true;
      else this.closed();
    });
  }

  set server(server: ServerEnd) {
    this.#server = server;
  }

  toServer(octets: Buffer): void {
    const { schedule } = this.#computer;
    this.#arrivesAtServer = Math.max(schedule.now + this.#time(), this.#arrivesAtServer);
    schedule.after(this.#arrivesAtServer - schedule.now, () => {
      if (!this.#silent) this.#server?.receive(octets);
    });
  }

  /** Whether the client has closed it. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  octetsRead(octets: number): void {
    this.#process.octetsRead += octets;
  }

  /** The client closes: the server is told after what was sent. */
  closed(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.onClosed();
    const { schedule } = this.#computer;
    this.#arrivesAtServer = Math.max(schedule.now + this.#time(), this.#arrivesAtServer);
    schedule.after(this.#arrivesAtServer - schedule.now, () => {
      if (!this.#silent) this.#server?.gone();
    });
  }

  /** Sends to the client, whatever becomes of it. */
  toClient(octets: Buffer): void {
    const { faults, chance } = this.#computer;
    if (faults.strikes("silence", this.step)) this.#silent = true;
    if (faults.strikes("cut", this.step)) {
      this.#send(octets.subarray(0, chance.below(octets.length + 1)));
      this.end();
      this.#serverGone();
      return;
    }
    if (faults.strikes("reset", this.step)) {
      this.#send(octets.subarray(0, chance.below(octets.length + 1)));
      this.reset();
      return;
    }
    if (faults.strikes("half-close", this.step)) {
      this.#send(octets);
      this.end();
      return;
    }
    if (octets.length < 2000 && faults.strikes("trickle", this.step)) {
      const pause = chance.between(1, 4000);
      for (let at = 0; at < octets.length; at++) this.#deliver(octets.subarray(at, at + 1), pause);
      return;
    }
    this.#send(octets);
  }

  /** TCP keeps no borders between messages. */
  #send(octets: Buffer): void {
    const { chance } = this.#computer;
    for (let left = octets; left.length > 0;) {
      const most = Math.min(left.length, SOCKET_READS);
      const size = chance.happens(0.7) ? most : 1 + chance.below(most);
      this.#deliver(left.subarray(0, size));
      left = left.subarray(size);
    }
  }

  /** The server closes. */
  end(): void {
    this.#deliver(null);
  }

  /** The connection is reset, for both ends. */
  reset(): void {
    this.#arrive(this.#time(), () =>
      this.#client.destroy(
        Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET", syscall: "read" }),
      ),
    );
    this.#serverGone();
  }

  /** The server may learn late that the client is gone. */
  #serverGone(): void {
    const { chance, schedule } = this.#computer;
    if (chance.happens(0.6)) schedule.after(this.#time(), () => this.#server?.gone());
  }

  #deliver(octets: Buffer | null, pause = 0): void {
    if (octets?.length === 0) return;
    const copy = octets === null ? null : Buffer.from(octets);
    this.#arrive(this.#time() + pause, () => this.#client.arrive(copy), pause);
  }

  #arrive(delay: number, run: () => void, pause = 0): void {
    const { schedule } = this.#computer;
    this.#arrivesAtClient = Math.max(schedule.now + delay, this.#arrivesAtClient + pause);
    schedule.after(this.#arrivesAtClient - schedule.now, () => {
      if (this.#silent) return;
      this.#process.enter(() => {
        if (!this.#client.destroyed) run();
      });
    });
  }

  #time(): number {
    return this.#latency * this.#computer.chance.between(0.5, 2);
  }
}
