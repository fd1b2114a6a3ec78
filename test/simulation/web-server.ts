// The web server of a simulated receiver: takes messages by HTTP POST, and answers as such servers do on bad days.
import type { Duplex } from "node:stream";
import type { Computer } from "./computer.ts";
import { HttpSocket } from "./http-socket.ts";
import { Link, type ServerEnd } from "./network.ts";
import type { SimulatedProcess } from "./process.ts";
import type { Receiver } from "./receiver.ts";

/** A connection without a request ends after this time; milliseconds. */
const IDLE = 20_000;

export class WebServer {
  readonly #computer: Computer;
  readonly #receiver: Receiver;

  constructor(computer: Computer, receiver: Receiver) {
    this.#computer = computer;
    this.#receiver = receiver;
  }

  /** Accepts a connection, or refuses it. */
  connect(process: SimulatedProcess): Promise<Duplex> {
    const { schedule, chance, faults } = this.#computer;
    const isRefused = faults.strikes("destination down", "connect to receiver");
    return new Promise((resolve, reject) => {
      schedule.after(chance.between(1, 200), () => {
        if (isRefused) {
          const error = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
          process.enter(() => reject(error));
          return;
        }
        const link = new Link(this.#computer, process, (one) => new HttpSocket(one, this.#computer, process));
        link.server = new HttpConnection(this.#computer, this.#receiver, link);
        process.enter(() => resolve(link.socket));
      });
    });
  }
}

class HttpConnection implements ServerEnd {
  readonly #computer: Computer;
  readonly #receiver: Receiver;
  readonly #link: Link;
  #input: Buffer = Buffer.alloc(0);
  #isOver = false;
  #requests = 0;

  constructor(computer: Computer, receiver: Receiver, link: Link) {
    this.#computer = computer;
    this.#receiver = receiver;
    this.#link = link;
  }

  receive(octets: Buffer): void {
    if (this.#isOver) return;
    this.#input = Buffer.concat([this.#input, octets]);
    const end = this.#input.indexOf("\r\n\r\n");
    if (end === -1) return;
    const head = this.#input.toString("latin1", 0, end);
    const length = Number(fieldOf(head, "content-length"));
    const body = this.#input.subarray(end + 4, end + 4 + length);
    if (body.length < length) return;
    this.#input = this.#input.subarray(end + 4 + length);
    this.#requests++;
    this.#link.step = "POST";
    this.#answer(fieldOf(head, "idempotency-key"), body);
    const requests = this.#requests;
    this.#computer.schedule.after(IDLE, () => {
      if (this.#requests === requests) this.#end();
    });
  }

  gone(): void {
    this.#isOver = true;
  }

  #answer(key: string, body: Buffer): void {
    const { faults, chance } = this.#computer;
    if (faults.strikes("delivery refused", "POST")) {
      this.#say(chance.pick(["422 Unprocessable Content", "400 Bad Request"]));
      return;
    }
    if (faults.strikes("delivery refused for now", "POST")) {
      this.#say(chance.pick(["500 Internal Server Error", "408 Request Timeout"]));
      return;
    }
    if (faults.strikes("destination down", "POST")) {
      this.#say(
        chance.pick([
          "503 Service Unavailable\r\nretry-after: 120",
          "429 Too Many Requests",
          "403 Forbidden",
        ]),
      );
      return;
    }
    if (faults.strikes("delivery hangs", "POST")) {
      if (chance.happens(0.5)) this.#take(key, body);
      return;
    }
    const result = this.#take(key, body);
    if (faults.strikes("delivery answer lost", "POST")) {
      if (chance.happens(0.5)) this.#link.reset();
      this.#end();
      return;
    }
    this.#say(result === "known" ? "409 Conflict" : "200 OK");
  }

  #take(key: string, body: Buffer): "new" | "known" {
    const result = this.#receiver.take(key, body);
    this.#computer.tell("receiver", `takes ${key.slice(0, 8)}, ${body.length} octets: ${result}`);
    return result;
  }

  #say(status: string): void {
    this.#computer.tell("receiver", status.replace("\r\n", ", "));
    this.#link.toClient(Buffer.from(`HTTP/1.1 ${status}\r\ncontent-length: 0\r\n\r\n`));
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#link.end();
  }
}

function fieldOf(head: string, name: string): string {
  const line = head.split("\r\n").find((each) => each.toLowerCase().startsWith(`${name}:`)) ?? "";
  return line.slice(name.length + 1).trim();
}
