// One connection: reads lines, sends answers no faster than they are taken, and lets faults have their way.
import type { Socket } from "node:net";
import { TLSSocket, type TLSSocketOptions } from "node:tls";
import { blockPieces, blockSize } from "../protocol/block-pieces.ts";
import type { Answer } from "./answer.ts";
import type { ClientLine } from "./client-line.ts";
import { distorted, endOf, isCarriedOut, octetsOf, type Fault, type Faults } from "./faults.ts";
import type { Session } from "./session.ts";
import { tlsFacts } from "./tls-facts.ts";
import type { SessionTranscript } from "./transcript.ts";

/** What a connection needs of its server. */
export interface ConnectionSetup {
  readonly session: Session;
  readonly transcript: SessionTranscript;
  readonly faults: Faults;
  /** For TLS from the first octet, and for STLS. */
  readonly tls: TLSSocketOptions;
  readonly implicitTls: boolean;
  /** The most octets in a packet. */
  readonly chunk: number;
  /** The session is over: the maildrop is free, nothing more is carried out. The connection may linger. */
  readonly over: () => void;
}

/** Answers to commands that came together go out together, up to so many octets. */
const TOGETHER = 64 * 1024;

export class Connection {
  readonly #socket: Socket;
  /** `#socket`, or TLS over it. */
  #stream: Socket;
  readonly #setup: ConnectionSetup;
  #wake: () => void = () => undefined;
  #pending: Buffer[] = [];
  #pendingOctets = 0;

  constructor(socket: Socket, setup: ConnectionSetup) {
    this.#socket = socket;
    this.#setup = setup;
    socket.setNoDelay(true);
    this.#stream = this.#watched(socket);
  }

  /** Runs the session to its end, whatever ends it. Never rejects. */
  async run(): Promise<void> {
    try {
      if (this.#setup.implicitTls) await this.#startTls();
      await this.#converse();
    } catch {
      // The connection is gone, by the client's doing or by close().
    } finally {
      this.#end();
      this.destroy();
    }
  }

  destroy(): void {
    this.#stream.destroy();
    this.#socket.destroy();
  }

  async #converse(): Promise<void> {
    const { session, transcript } = this.#setup;
    let goesOn = await this.#respond("greeting", () => session.greeting());
    while (goesOn) {
      const line = session.next();
      if (line !== undefined) {
        transcript.client(line.printable);
        goesOn = await this.#respond(line.verb, () => this.#answer(line));
        continue;
      }
      await this.#flush();
      const octets = await this.#read();
      if (octets === undefined) return;
      session.receive(octets);
    }
  }

  /** A function of the test's own may throw in it: that ends the connection, and is found in the transcript. */
  #answer(line: ClientLine): Answer {
    try {
      return this.#setup.session.answer(line);
    } catch (error) {
      this.#setup.transcript.note(`failed: ${String(error)}`);
      throw error;
    }
  }

  /** Sends the answer, or what a fault makes of it. Returns whether the session goes on. */
  async #respond(on: string, answer: () => Answer): Promise<boolean> {
    const fault = this.#setup.faults.strike(on);
    if (fault !== undefined) return this.#respondWrongly(answer, fault);
    const given = answer();
    this.#record(given);
    if (given.then === "close") this.#end();
    for (const piece of piecesOf(given)) await this.#push(piece);
    return this.#proceed(given.then);
  }

  async #respondWrongly(answer: () => Answer, fault: Fault): Promise<boolean> {
    const { transcript } = this.#setup;
    const given = isCarriedOut(fault) ? answer() : undefined;
    if (given?.then === "close") this.#end();
    await this.#flush();
    if (fault.before !== undefined) transcript.raw(octetsOf(fault.before) as Buffer);
    if (fault.reply !== undefined) transcript.raw(octetsOf(fault.reply) as Buffer);
    else if (given !== undefined) this.#record(given);
    if (fault.after !== undefined) transcript.raw(octetsOf(fault.after) as Buffer);

    const packet = Math.min(fault.split ?? Infinity, this.#setup.chunk);
    for (const piece of distorted(given === undefined ? [] : piecesOf(given), fault))
      await this.#push(piece, packet);
    await this.#flush(packet);
    const end = endOf(fault);
    if (end !== undefined) {
      transcript.note(end.after === Infinity ? end.kind : `${end.kind} after ${String(end.after)} octets`);
      await this.#finish(end.kind);
      return false;
    }
    const later = octetsOf(fault.later);
    if (later !== undefined) {
      await turn();
      transcript.raw(later);
      await this.#push(later, packet);
      await this.#flush(packet);
      await turn();
    }
    return this.#proceed(given?.then);
  }

  #record(answer: Answer): void {
    this.#setup.transcript.server(answer.line);
    if (answer.block !== undefined) this.#setup.transcript.block(blockSize(answer.block));
  }

  async #proceed(then: Answer["then"]): Promise<boolean> {
    if (then === undefined) return true;
    await this.#flush();
    if (then === "starttls") {
      await this.#startTls();
      return true;
    }
    await this.#finish("close");
    return false;
  }

  async #finish(how: "close" | "cut" | "reset" | "stall"): Promise<void> {
    if (how !== "stall") this.#end();
    if (how === "reset") {
      // What was written must have been read: RST throws away what the other side has not.
      await turn();
      this.#socket.resetAndDestroy();
      return;
    }
    if (how === "close") this.#stream.end();
    if (how === "cut") this.#socket.end();
    while ((await this.#read()) !== undefined);
  }

  #end(): void {
    this.#setup.session.end();
    this.#setup.over();
  }

  /** Octets that came in the clear and were not read yet go to the handshake, which fails of them. */
  async #startTls(): Promise<void> {
    this.#setup.transcript.note("TLS");
    const stream = this.#watched(new TLSSocket(this.#socket, { ...this.#setup.tls, isServer: true }));
    this.#stream = stream;
    const secure = new Promise<"secure">((resolve) => {
      stream.once("secure", () => {
        resolve("secure");
      });
    });
    // A client that leaves within the handshake shows only to who reads: a write would wait for ever.
    do {
      stream.read(0);
      if (stream.readableEnded || stream.destroyed) throw new Error("the handshake failed");
    } while ((await Promise.race([secure, this.#woken()])) !== "secure");
    this.#setup.session.tlsStarted(tlsFacts(stream, this.#setup.tls.ca));
  }

  #watched<S extends Socket>(stream: S): S {
    const wake = (): void => {
      this.#wake();
    };
    for (const event of ["readable", "end", "close"]) stream.on(event, wake);
    // A client that resets the connection, or does not trust the certificate, is none of our failures.
    stream.on("error", wake);
    return stream;
  }

  /** What has come, or `undefined` when nothing more will. */
  async #read(): Promise<Buffer | undefined> {
    for (;;) {
      const stream = this.#stream;
      const octets = stream.read() as Buffer | null;
      if (octets !== null) return octets;
      if (stream.readableEnded || stream.destroyed) return undefined;
      await this.#woken();
    }
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  async #push(octets: Buffer, packet: number = this.#setup.chunk): Promise<void> {
    this.#pending.push(octets);
    this.#pendingOctets += octets.length;
    if (this.#pendingOctets >= TOGETHER) await this.#flush(packet);
  }

  async #flush(packet: number = this.#setup.chunk): Promise<void> {
    if (this.#pendingOctets === 0) return;
    const octets = this.#pending.length === 1 ? (this.#pending[0] as Buffer) : Buffer.concat(this.#pending);
    this.#pending = [];
    this.#pendingOctets = 0;
    if (packet >= octets.length) return this.#write(octets);
    for (let at = 0; at < octets.length; at += packet) {
      await this.#write(octets.subarray(at, at + packet));
      await turn();
    }
  }

  /** Resolves when the octets have left: that is what keeps a large message from being piled up here. */
  #write(octets: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#stream.write(octets, (error) => {
        if (error) reject(error);
        else resolve();
      });
    });
  }
}

function* piecesOf(answer: Answer): Generator<Buffer, void> {
  yield Buffer.from(`${answer.line}\r\n`, "utf8");
  if (answer.block !== undefined) yield* blockPieces(answer.block);
}

/** Lets the event loop look for I/O once, so that a client in this process reads what was sent before. */
async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
}
