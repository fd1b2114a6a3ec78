// Gives each reply to its exchange: status lines, blocks, and messages that are complete only when the next reply
// begins. Sets the timer for what is expected next.
import type { Command } from "../protocol/commands.ts";
import { ReplyReader, type ReplySink } from "../protocol/reply-reader.ts";
import { parseReply, replyStatus } from "../protocol/reply.ts";
import type { Secrets } from "../protocol/secrets.ts";
import type { DeadlineTimer } from "./deadline-timer.ts";
import { NO_TOTAL, type Deadlines } from "./deadlines.ts";
import { meantAsRefusal, refusal, type Exchange } from "./exchange.ts";
import { givenUp, isContentError, mixedReplies, notAReply } from "./failures.ts";
import type { FlowControl } from "./flow-control.ts";
import type { Pipeline } from "./pipeline.ts";
import type { WireLog } from "./wire-log.ts";

/** Is told the status line of each reply, without CRLF, and the printable form of its command. */
export type ReplyListener = (command: string, line: Buffer) => void;

export interface ReplyLimits {
  /** The longest status line in octets, CRLF included. */
  readonly line: number;
  /** The largest SASL challenge in octets, decoded. The limit of its line is derived from this. */
  readonly challenge: number;
  /** Octets of abandoned responses to read and drop. If more would come, the connection is closed. */
  readonly drain: number;
}

/** The other parts of the connection. */
export interface RepliesSetup {
  readonly pipeline: Pipeline;
  readonly timer: DeadlineTimer;
  readonly deadlines: Deadlines;
  readonly flow: FlowControl;
  readonly limits: ReplyLimits;
  readonly log: WireLog;
  /** The host and the port of the server, for errors. */
  readonly server: string;
  /** Masked if the server repeats them. */
  readonly secrets: Secrets;
  /** Whether the memory of chunks is reused: a block that keeps octets then gets copies. */
  readonly reused: boolean;
}

export class Replies implements ReplySink {
  /** The line is valid only during the call. */
  onLine: ReplyListener | undefined;
  readonly #setup: RepliesSetup;
  readonly #pipeline: Pipeline;
  readonly #secrets: Secrets;
  readonly #reader: ReplyReader;
  /** Octets read and dropped since the last reply that a caller waited for. */
  #drained = 0;
  /** The command that was answered last. */
  #last: Command<unknown> | undefined;
  /**
   * A message that has ended while other replies are still expected. It resolves when the next data begins as
   * a reply. A server that answers out of order would have written that reply into the message.
   */
  #unconfirmed: Exchange<unknown> | undefined;

  constructor(setup: RepliesSetup) {
    this.#setup = setup;
    this.#pipeline = setup.pipeline;
    this.#secrets = setup.secrets;
    this.#reader = new ReplyReader(setup.limits.line, this);
  }

  /** The command that was answered last. */
  get last(): Command<unknown> | undefined {
    return this.#last;
  }

  /** Whether the octets are inside a block. */
  get inBlock(): boolean {
    return this.#reader.inBlock;
  }

  /** The exchange of a message that has ended and waits for the next reply to begin. */
  get unconfirmed(): Exchange<unknown> | undefined {
    return this.#unconfirmed;
  }

  /** Forgets the message that waits for the next reply. */
  dropUnconfirmed(): void {
    this.#unconfirmed = undefined;
  }

  /**
   * Reads a chunk. Returns the number of octets at its end that belong to no reply. Throws the error that ends
   * the connection.
   */
  push(chunk: Buffer): number {
    return this.#reader.push(chunk);
  }

  /**
   * Starts the timer of the exchange at the head of the queue. `came`: its reply may start in this chunk.
   */
  expect({ abandoned, command, wait, total }: Exchange<unknown>, came = false): void {
    const { limits, timer, deadlines } = this.#setup;
    this.#reader.lineLimit = command.challenge === true ? challengeLine(limits) : limits.line;
    if (!abandoned) this.#drained = 0;
    const { drain, reply, response } = deadlines;
    if (abandoned) timer.begin(drain, command.printable, came, NO_TOTAL);
    else {
      const bound = command.block === undefined ? NO_TOTAL : (total ?? response);
      timer.begin(wait ?? reply, command.printable, came, bound);
    }
  }

  // ReplySink: calls from the reader.

  get waiting(): boolean {
    return this.#pipeline.length > 0;
  }

  line(line: Buffer): boolean {
    const status = replyStatus(line);
    if (status === "ok" || status === "err") this.#confirm();
    const exchange = this.#pipeline.first;
    if (exchange === undefined) return false; // closed when the previous message resolved
    const { command, abandoned, trace } = exchange;
    if (trace !== undefined) trace.trace.received += line.length + 2;
    this.#setup.log.received(line, status);
    this.onLine?.(command.printable, line);
    if (status === "ok" && command.block !== undefined) {
      if (!abandoned) exchange.block = command.block(line);
      const { timer, deadlines } = this.#setup;
      if (!abandoned && command.small !== true) timer.begin(deadlines.block, command.printable, true);
      return true;
    }
    const reply = parseReply(line);
    if (reply === undefined || (reply.status === "continue" && command.challenge !== true)) {
      throw notAReply(command, line, this.#secrets, meantAsRefusal(command, line, this.#secrets));
    }
    if (reply.status === "err") this.#complete().reject(refusal(command, line, this.#secrets));
    else if (command.block === undefined) this.#finish(() => command.parse(reply, this.#secrets));
    return false;
  }

  octets(octets: Buffer): void {
    const exchange = this.#pipeline.first;
    if (exchange === undefined) return; // closed while this chunk was read
    const { log, limits, reused, flow, server } = this.#setup;
    log.octets(octets, isMessage(exchange.command));
    if (exchange.trace !== undefined) exchange.trace.trace.received += octets.length;
    if (exchange.abandoned || exchange.block === undefined) {
      this.#drained += octets.length;
      if (this.#drained > limits.drain) throw givenUp(server, exchange.command);
      return;
    }
    // Copy if the read buffer is reused, and if a small part of a chunk would keep all of it in memory.
    const copies = exchange.block.keeps === true && (reused || octets.length * 2 < octets.buffer.byteLength);
    const lasting = copies ? copyOf(octets) : octets;
    if (!exchange.block.octets(lasting) && this.#pipeline.first?.abandoned === false) {
      // Read `first` again: a listener may have abandoned the message, or closed, while it received these
      // octets.
      flow.pause(exchange);
    }
  }

  end(): void {
    const exchange = this.#pipeline.first;
    if (exchange === undefined) return; // closed while this chunk was read
    const { block, command } = exchange;
    this.#setup.log.end(isMessage(command));
    if (block === undefined) this.#complete();
    else if (!isMessage(command) || this.#pipeline.length === 1) this.#finish(() => block.end(this.#secrets));
    else if (block.hasMixedReplies?.() === true) throw mixedReplies(command);
    else {
      this.#unconfirmed = this.#complete();
    }
  }

  /** Resolves the previous message: the next reply has begun, so the message is complete. */
  #confirm(): void {
    const unconfirmed = this.#unconfirmed;
    if (unconfirmed === undefined) return;
    this.#unconfirmed = undefined;
    unconfirmed.resolve(unconfirmed.block?.end(this.#secrets));
  }

  /** Settles the call with its complete reply. Wrong content fails only this call. */
  #finish(read: () => unknown): void {
    let value: unknown;
    try {
      value = read();
    } catch (error) {
      if (!isContentError(error)) throw error;
      this.#complete().reject(error);
      return;
    }
    this.#complete().resolve(value);
  }

  /** Removes the first exchange, whose reply is complete, and starts the timer of the next one. */
  #complete(): Exchange<unknown> {
    const { timer, flow } = this.#setup;
    const exchange = this.#pipeline.complete() as Exchange<unknown>;
    this.#last = exchange.command;
    if (!exchange.ahead && !exchange.abandoned) flow.removeWanted();
    const next = this.#pipeline.first;
    if (next === undefined) timer.stop();
    else this.expect(next, true);
    flow.release();
    return exchange;
  }
}

/**
 * The longest line with a challenge, in octets. It is longer than the base64 of the largest challenge, so that a
 * challenge over the limit fails as a challenge and not as a line.
 */
function challengeLine({ challenge, line }: ReplyLimits): number {
  return Math.ceil(challenge / 3) * 4 + line;
}

/** Copies octets into memory of their own: a pool would stay in memory with them. */
function copyOf(octets: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(octets.length);
  copy.set(octets);
  return copy;
}

function isMessage(command: Command<unknown>): boolean {
  return command.block !== undefined && command.message === true;
}
