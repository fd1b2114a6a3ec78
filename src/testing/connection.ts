// One connection of a client: reads its lines, sends the answers, and applies the faults.
import type { Socket } from "node:net";
import { blockPieces, blockSize } from "../protocol/dot-encoder.ts";
import type { Answer } from "./answer.ts";
import type { ClientLine } from "./client-line.ts";
import { escaped } from "./escapes.ts";
import type { TimedFault } from "./fault.ts";
import { distorted, endOf, isCarriedOut, noteOf, octetsOf, type Faults } from "./faults.ts";
import type { Session } from "./session.ts";
import { tlsFacts } from "./tls-facts.ts";
import type { SessionTranscript } from "./transcript.ts";
import { turn, Wire, type Packets, type WireEnd, type WireSetup } from "./wire.ts";

/** What a connection needs from its server. */
export interface ConnectionSetup extends WireSetup {
  readonly session: Session;
  readonly transcript: SessionTranscript;
  readonly faults: Faults;
  readonly implicitTls: boolean;
  /**
   * Called when the session is over: the maildrop is free and no command is executed. The socket may stay
   * open.
   */
  readonly over: () => void;
}

export class Connection {
  readonly #wire: Wire;
  readonly #setup: ConnectionSetup;

  constructor(socket: Socket, setup: ConnectionSetup) {
    this.#wire = new Wire(socket, setup);
    this.#setup = setup;
  }

  /** Runs the session until it ends for any reason. Never rejects. */
  async run(): Promise<void> {
    try {
      if (this.#setup.implicitTls) await this.#startTls();
      await this.#converse();
    } catch {
      // The connection is gone: the client has closed it, or the test has called close().
    } finally {
      this.#end();
      this.destroy();
    }
  }

  destroy(): void {
    this.#wire.destroy();
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
      const octets = await this.#wire.read();
      if (octets === undefined) return;
      session.receive(octets);
    }
  }

  /** If a function of the test throws here, the connection ends and the transcript has the error. */
  #answer(line: ClientLine): Answer {
    try {
      return this.#setup.session.answer(line);
    } catch (error) {
      this.#setup.transcript.note(`failed: ${escaped(Buffer.from(String(error)))}`);
      throw error;
    }
  }

  /** Sends the answer, changed by a fault if one matches. Returns whether the session continues. */
  async #respond(on: string, answer: () => Answer): Promise<boolean> {
    const fault = this.#setup.faults.strike(on);
    if (fault !== undefined) return this.#respondWrongly(on, answer, fault);
    const given = answer();
    this.#record(given);
    if (given.then === "close") this.#end();
    for (const piece of piecesOf(given)) await this.#wire.push(piece);
    return this.#proceed(on, given.then);
  }

  async #respondWrongly(on: string, answer: () => Answer, fault: TimedFault): Promise<boolean> {
    const { transcript } = this.#setup;
    const wire = this.#wire;
    const given = isCarriedOut(fault) ? answer() : undefined;
    if (given?.then === "close") this.#end();
    await wire.flush();
    if (fault.delay !== undefined) {
      transcript.note(`wait ${String(fault.delay)} ms`);
      await wire.pass(fault.delay);
    }
    this.#recordFault(fault, given);

    const packets = this.#packets(fault);
    const pieces = { [Symbol.iterator]: () => piecesOf(given) };
    for (const piece of distorted(pieces, fault)) await wire.push(piece, packets);
    await wire.flush(packets);
    const end = endOf(fault);
    if (end !== undefined) {
      await this.#finish(end.kind);
      return false;
    }
    const later = octetsOf(fault.later);
    if (later !== undefined) {
      await turn();
      transcript.raw(later);
      await wire.push(later, packets);
      await wire.flush(packets);
      await turn();
    }
    return this.#proceed(on, given?.then);
  }

  #packets({ split, interval = 0 }: TimedFault): Packets {
    const size = split ?? (interval > 0 ? 1 : Infinity);
    return { size: Math.min(size, this.#setup.chunk), interval };
  }

  #record(answer: Answer): void {
    const { transcript } = this.#setup;
    transcript.server(answer.line);
    if (answer.block === undefined) return;
    if (answer.listing === true) transcript.listing(answer.block);
    else transcript.block(blockSize(answer.block));
  }

  #recordFault(fault: TimedFault, given: Answer | undefined): void {
    const { transcript } = this.#setup;
    const [before, reply, after, flood] = [fault.before, fault.reply, fault.after, fault.flood].map(octetsOf);
    if (before !== undefined) transcript.raw(before);
    for (let times = fault.twice === true ? 2 : 1; times > 0; times--) {
      if (reply !== undefined) transcript.raw(reply);
      else if (given !== undefined) this.#record(given);
    }
    if (after !== undefined) transcript.raw(after);
    if (flood !== undefined) transcript.note(`flood ${escaped(flood)}`);
    const end = endOf(fault);
    if (end !== undefined) transcript.note(noteOf(end));
  }

  async #proceed(on: string, then: Answer["then"]): Promise<boolean> {
    if (then === undefined) return true;
    if (then === "starttls") {
      await this.#startTls();
      return true;
    }
    // After QUIT the close is expected: no note.
    if (on !== "QUIT") this.#setup.transcript.note("close");
    await this.#finish("close");
    return false;
  }

  async #finish(how: WireEnd): Promise<void> {
    if (how !== "stall") this.#end();
    await this.#wire.end(how);
  }

  #end(): void {
    this.#setup.session.end();
    this.#setup.over();
  }

  async #startTls(): Promise<void> {
    this.#setup.transcript.note("TLS");
    const stream = await this.#wire.startTls();
    this.#setup.session.tlsStarted(tlsFacts(stream, this.#setup.tls.ca));
  }
}

function* piecesOf(answer: Answer | undefined): Generator<Buffer, void> {
  if (answer === undefined) return;
  yield Buffer.from(`${answer.line}\r\n`, "utf8");
  if (answer.block !== undefined) yield* blockPieces(answer.block);
}
