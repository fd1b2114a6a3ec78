// Exchanges on one stream: each reply goes to the command that asked for it, every wait has its clocks, and
// whatever goes wrong ends the connection, with one cause for everyone who waits.
import type { Duplex } from "node:stream";
import { Pop3ConnectionError, Pop3Error } from "../errors.ts";
import { ReaderThrew } from "../protocol/block.ts";
import { greeting, type Command } from "../protocol/commands.ts";
import { ReplyReader } from "../protocol/reply-reader.ts";
import { parseReply, printableLine, replyStatus, type Reply } from "../protocol/reply.ts";
import { onAbort } from "./abort.ts";
import { Exchange, meantAsRefusal, refusal, type ExchangeOptions, type Waiter } from "./exchange.ts";
import {
  aborted,
  breaksPipeline,
  givenUp,
  injected,
  isContentError,
  mixedReplies,
  notAReply,
  serverClosed,
  sessionOver,
  streamFailed,
  truncated,
  unsolicited,
} from "./failures.ts";
import { Pipeline, type Window } from "./pipeline.ts";
import type { Inlet } from "./inlet.ts";
import { traceCommand } from "./trace.ts";
import { NO_TOTAL, deadlinesOf, type ConnectionTimeouts, type Deadlines } from "./deadlines.ts";
import { DeadlineTimer, type Total } from "./deadline-timer.ts";
import { isRecorded, record, wireLog } from "./wire-log.ts";

/** Who is at the other end, for traces. */
export interface Peer {
  readonly host: string;
  readonly port: number;
}

export interface ConnectionLimits {
  /** Octets of a status line, CRLF included. */
  readonly line: number;
  /** Octets of a SASL challenge, decoded: its line may be as long as that needs. */
  readonly challenge: number;
  /** Octets of given-up responses that are read and dropped, before the connection is closed instead. */
  readonly drain: number;
  /** Octets a second that the block of a response has to bring on average; 0: any. */
  readonly minRate: number;
}

export interface SendOptions<T> extends ExchangeOptions<T> {
  /** Gives the exchange up, see {@link Connection.abandon}. */
  readonly signal?: AbortSignal | undefined;
}

/** The most secrets that are kept in mind: those of several logins. */
const SECRETS = 128;

const CRLF: Buffer = Buffer.from("\r\n", "latin1");

interface Unconfirmed {
  readonly exchange: Exchange<unknown>;
  readonly end: () => unknown;
}

export class Connection {
  /** Called once, when the connection has ended: with the failure, or with nothing behind a QUIT. */
  onClose: ((failure: Pop3Error | undefined) => void) | undefined;

  readonly #stream: Duplex;
  readonly #inlet: Inlet | undefined;
  readonly #peer: Peer;
  readonly #waits: Deadlines;
  /** Octets of a line with a challenge: in base64, and so much more that it is the challenge that is too large. */
  readonly #challengeLine: number;
  readonly #limits: ConnectionLimits;
  readonly #watch: DeadlineTimer;
  readonly #reader: ReplyReader;
  readonly #flight = new Pipeline();
  #flushing: NodeJS.Immediate | undefined;
  /** Exchanges that somebody waits for: neither over, nor given up, nor sent ahead of need. */
  #wanted = 0;
  /** The block at hand takes no more for now: the stream is paused. */
  #held = false;
  /** Octets read and dropped since the last reply that somebody wanted. */
  #drained = 0;
  /** What was sent and must not be printed, whenever the server repeats it: the latest come last. */
  readonly #secrets: string[] = [];
  /** The command whose reply came last. */
  #last: Command<unknown> | undefined;
  #failure: Pop3Error | undefined;
  #ended = false;
  #closedByPeer = false;
  /**
   * A message of which all has come, while other replies are still to come. It counts when the next reply has begun
   * as one: a server that answers out of order has put that reply into the message.
   */
  #unconfirmed: Unconfirmed | undefined;
  /** The most replies that were to come at a time, since the last command that was sent alone. */
  #together = 0;
  #brokePipeline = false;

  /** `inlet`: where the stream puts what it reads, if not into `data` events. */
  constructor(
    stream: Duplex,
    peer: Peer,
    timeouts: ConnectionTimeouts,
    limits: ConnectionLimits,
    inlet?: Inlet,
  ) {
    this.#stream = stream;
    this.#inlet = inlet;
    this.#peer = peer;
    this.#waits = deadlinesOf(timeouts, limits.minRate);
    this.#challengeLine = Math.ceil(limits.challenge / 3) * 4 + limits.line;
    this.#limits = limits;
    this.#watch = new DeadlineTimer((error) => {
      this.close(error);
    });
    const flight = this.#flight;
    this.#reader = new ReplyReader(limits.line, {
      get waiting() {
        return flight.length > 0;
      },
      line: (line) => this.#line(line),
      octets: (octets) => {
        this.#octets(octets);
      },
      end: () => {
        this.#blockEnd();
      },
    });
    stream.on("error", this.#onError);
    stream.on("end", this.#onEnd);
    stream.on("close", this.#onEnd);
    if (inlet !== undefined) inlet.onData = this.#onData;
    // With an inlet, too: there may be a runtime that knows of none.
    stream.on("data", this.#onData);
    // A stream that somebody paused before, a proxy's tunnel say, does not flow by a listener alone.
    stream.resume();
  }

  /** Why the connection has ended; `undefined` while it lives, and behind a QUIT. */
  get failure(): Pop3Error | undefined {
    return this.#failure;
  }

  /** Whether it was the server that ended it, without a word. */
  get closedByPeer(): boolean {
    return this.#closedByPeer;
  }

  /** The command whose reply came last, as it may be printed. */
  get lastCommand(): string | undefined {
    return this.#last?.printable;
  }

  /** Whether the server ended it by a fault while several commands were in flight. */
  get brokePipeline(): boolean {
    return this.#brokePipeline;
  }

  /** Whether a reply is still to come or a command to go out. */
  get busy(): boolean {
    return this.#flight.length > 0 || this.#flight.queued > 0;
  }

  /** Whether the reader of a message holds the stream back. */
  get held(): boolean {
    return this.#held;
  }

  /** How much may be in flight; `undefined`: one command at a time. */
  set window(window: Window | undefined) {
    this.#flight.window = window;
    this.#flushSoon();
  }

  /** No command follows a message before all of it has come. */
  set nothingAfterMessages(value: boolean) {
    this.#flight.nothingAfterMessages = value;
  }

  /** Waits for the greeting: the reply to a command that is never sent. Rejects with `POP3_GREETING_REJECTED` and others. */
  greet(signal?: AbortSignal): Promise<Reply> {
    const reply = this.send(greeting(), { signal, wait: this.#waits.greeting });
    for (const exchange of this.#flight.takeSendable()) {
      exchange.depart();
      this.#expect(exchange);
    }
    return reply;
  }

  /** Sends a command. Rejects with the refusal, or with the reason why no reply came. */
  send<T>(command: Command<T>, options: SendOptions<T> = {}): Promise<T> {
    return new Promise((resolve, reject) => {
      const { signal } = options;
      if (signal === undefined) {
        this.submit(new Exchange(command, { resolve, reject }, options));
        return;
      }
      if (signal.aborted) {
        reject(aborted(signal, command.printable));
        return;
      }
      const waiter: Waiter<T> = {
        resolve(value) {
          unsubscribe();
          resolve(value);
        },
        reject(error) {
          unsubscribe();
          reject(error);
        },
      };
      const exchange = new Exchange<T>(command, waiter, options);
      const unsubscribe = onAbort(signal, () => this.abandon(exchange, aborted(signal, command.printable)));
      this.submit(exchange);
    });
  }

  submit<T>(exchange: Exchange<T>): void {
    exchange.onSettled = traceCommand(this.#peer.host, this.#peer.port, exchange.command.printable);
    if (this.#failure !== undefined || this.#ended) {
      exchange.reject((this.#failure ?? sessionOver()).forCommand(exchange.command.printable));
      return;
    }
    this.#flight.push(exchange as Exchange<unknown>);
    if (!exchange.ahead) this.#addWanted();
    this.#flushSoon();
  }

  /** A caller now waits for an exchange that was sent ahead of need; its response has this bound from now on. */
  want<T>(exchange: Exchange<T>, total?: Total): void {
    if (!exchange.ahead || exchange.settled || exchange.abandoned) return;
    exchange.total = total;
    if (this.#flight.first === (exchange as Exchange<unknown>))
      this.#watch.bound(total ?? this.#waits.response);
    exchange.ahead = false;
    if (this.#unconfirmed?.exchange === (exchange as Exchange<unknown>)) return;
    this.#addWanted();
  }

  /**
   * Gives an exchange up: its caller learns `error` at once. What is unsent is never sent. What is in flight is
   * read and dropped, within bounds; where the bounds or the command do not allow that, the connection closes.
   */
  abandon<T>(exchange: Exchange<T>, error: Pop3Error): void {
    if (exchange.settled || exchange.abandoned) return;
    if (this.#unconfirmed?.exchange === (exchange as Exchange<unknown>)) {
      this.#unconfirmed = undefined;
      exchange.reject(error);
      return;
    }
    exchange.abandoned = true;
    // Half of a listing is no listing: what its block has taken in is not looked at.
    exchange.block = undefined;
    if (!exchange.ahead) this.#wanted--;
    exchange.settle(error);
    if (this.#held) this.#rest();
    if (!exchange.sent) {
      this.#flushSoon();
      return;
    }
    // Behind a command like PASS or QUIT, what the session is depends on the reply that nobody reads.
    if (exchange.command.alone === true || exchange.octets > this.#limits.drain) {
      this.close(givenUp(exchange.command, error));
    } else if (this.#flight.first === (exchange as Exchange<unknown>)) {
      this.#expect(exchange as Exchange<unknown>);
      this.#release();
    }
  }

  /** The block at hand, which had held the stream back, takes octets again; `unclaimed`: if nobody reads it yet. */
  resume(unclaimed = false): void {
    const first = this.#flight.first;
    if (!this.#held || first === undefined || (unclaimed && first.block?.elastic !== true)) return;
    this.#watch.resume();
    if (!first.abandoned) this.#beginBlock(first);
    this.#release();
  }

  /**
   * Lets go of the stream for a TLS upgrade. Throws `POP3_TLS_INJECTION`, and closes, where octets lie there
   * already: they were sent in clear, and nobody may read them behind TLS.
   */
  detach(): Duplex {
    this.#stream.pause();
    this.#stream.off("data", this.#onData);
    if (this.#inlet !== undefined) this.#inlet.onData = undefined;
    if (this.#failure === undefined && (this.#stream.readableLength > 0 || this.#stream.read() !== null)) {
      this.close(injected());
    }
    if (this.#failure !== undefined) throw this.#failure.forCommand("STLS");
    this.#ended = true;
    this.#watch.stop();
    this.#stream.off("end", this.#onEnd);
    this.#stream.off("close", this.#onEnd);
    return this.#stream;
  }

  /**
   * Closes at once. Everyone who waits is told `failure`; whoever is first, and so met it in the middle of a
   * reply, is told `first`.
   */
  close(failure: Pop3Error = sessionOver(), first: Pop3Error = failure): void {
    if (this.#failure !== undefined || this.#ended) return;
    this.#failure = failure;
    const inFlight = this.#flight.length + (this.#unconfirmed === undefined ? 0 : 1);
    // What nothing asked for comes when all replies seem to be there.
    const together = failure.code === "POP3_UNSOLICITED" ? this.#together : inFlight;
    this.#brokePipeline = together > 1 && breaksPipeline(failure, this.#closedByPeer);
    wireLog()?.("closed: %s", failure.message);
    this.#stop();
    this.#stream.destroy();
    let error = first;
    const unconfirmed = this.#unconfirmed?.exchange;
    this.#unconfirmed = undefined;
    unconfirmed?.reject(failure.forCommand(unconfirmed.command.printable));
    for (const exchange of this.#flight.clear()) {
      exchange.reject(error.forCommand(exchange.command.printable));
      error = failure;
    }
    this.onClose?.(failure);
  }

  /** Ends in peace, behind the reply to QUIT. */
  end(): void {
    if (this.#failure !== undefined || this.#ended) return;
    this.#ended = true;
    this.#stop();
    const stream = this.#stream;
    stream.end(() => {
      stream.destroy();
    });
    // A peer that takes nothing in any more must not keep the socket open.
    const late = setTimeout(() => {
      stream.destroy();
    }, 1000);
    stream.once("close", () => {
      clearTimeout(late);
    });
    this.onClose?.(undefined);
  }

  #stop(): void {
    this.#watch.stop();
    if (this.#flushing !== undefined) clearImmediate(this.#flushing);
    this.#stream.off("data", this.#onData);
    if (this.#inlet !== undefined) this.#inlet.onData = undefined;
  }

  /** At the end of this turn of the loop, so that the commands of many callers go out in one write. */
  #flushSoon(): void {
    if (this.#flight.queued > 0) this.#flushing ??= setImmediate(this.#flush);
  }

  readonly #flush = (): void => {
    this.#flushing = undefined;
    const idle = this.#flight.length === 0;
    const batch = this.#flight.takeSendable();
    if (batch.length === 0) return;
    this.#together = Math.max(idle ? 0 : this.#together, this.#flight.length);
    const log = wireLog();
    let text = "";
    for (const exchange of batch) exchange.depart();
    // Before anything is written: the other end of a stream in memory may answer at once.
    if (idle) this.#expect(batch[0] as Exchange<unknown>);
    for (const exchange of batch) {
      const { line, encoded, printable, secrets } = exchange.command;
      if (secrets !== undefined) this.#keepSecret(secrets);
      // The rare one in another charset goes out by itself.
      if (encoded !== undefined) {
        if (text !== "") this.#stream.write(text, "utf8");
        text = "";
        this.#stream.write(Buffer.concat([encoded, CRLF]));
      } else text += `${line}\r\n`;
      log?.("C: %s", printable);
      if (isRecorded()) record({ client: printable });
    }
    if (text !== "") this.#stream.write(text, "utf8");
  };

  #keepSecret(secrets: readonly string[]): void {
    for (const secret of secrets) {
      this.#secrets.push(secret);
      // As it looks where something behind it is no UTF-8.
      const octets = Buffer.from(secret, "utf8").toString("latin1");
      if (octets !== secret) this.#secrets.push(octets);
    }
    // Of who logs in by hand again and again.
    if (this.#secrets.length > SECRETS) this.#secrets.splice(0, this.#secrets.length - SECRETS);
  }

  /** An exchange has become the first: starts its clocks. `came`: with the octets that came last. */
  #expect({ abandoned, command, wait, total }: Exchange<unknown>, came = false): void {
    this.#reader.lineLimit = command.challenge === true ? this.#challengeLine : this.#limits.line;
    if (!abandoned) this.#drained = 0;
    const { drain, reply, response } = this.#waits;
    if (abandoned) this.#watch.begin(drain, command.printable, came, NO_TOTAL);
    else {
      const bound = command.block === undefined ? NO_TOTAL : (total ?? response);
      this.#watch.begin(wait ?? reply, command.printable, came, bound);
    }
  }

  #beginBlock({ command }: Exchange<unknown>, came = false): void {
    this.#watch.begin(this.#waits.block, command.printable, came);
  }

  /** The reply to the first exchange has come. */
  #land(): Exchange<unknown> {
    const exchange = this.#flight.complete() as Exchange<unknown>;
    this.#last = exchange.command;
    if (!exchange.ahead && !exchange.abandoned) this.#wanted--;
    const next = this.#flight.first;
    if (next === undefined) this.#watch.stop();
    else this.#expect(next, true);
    this.#release();
    this.#flushSoon();
    return exchange;
  }

  #line(line: Buffer): boolean {
    const status = replyStatus(line);
    if (status === "ok" || status === "err") this.#confirm();
    const exchange = this.#flight.first;
    if (exchange === undefined) return false; // closed by who was told of the message before
    const { command } = exchange;
    // With a challenge in it, and what was answered before, a password can be guessed at leisure.
    const log = wireLog();
    if (log !== undefined || isRecorded()) {
      const shown = status === "continue" ? "+ ****" : printableLine(line, this.#secrets);
      log?.("S: %s", shown);
      if (isRecorded()) record({ server: shown });
    }
    if (status === "ok" && command.block !== undefined) {
      if (!exchange.abandoned) exchange.block = command.block(line);
      if (command.small !== true && !exchange.abandoned) this.#beginBlock(exchange, true);
      return true;
    }
    const reply = parseReply(line);
    if (reply === undefined || (reply.status === "continue" && command.challenge !== true)) {
      throw notAReply(command, line, this.#secrets, meantAsRefusal(command, line, this.#secrets));
    }
    if (reply.status === "err") this.#land().reject(refusal(command, reply, this.#secrets));
    else if (command.block === undefined) this.#finish(() => command.parse(reply, this.#secrets));
    return false;
  }

  #octets(octets: Buffer): void {
    const exchange = this.#flight.first;
    if (exchange === undefined) return; // closed while this chunk was read
    if (isRecorded()) record({ block: octets });
    if (exchange.abandoned || exchange.block === undefined) {
      this.#drained += octets.length;
      if (this.#drained > this.#limits.drain) this.close(givenUp(exchange.command));
      return;
    }
    // What is read next must not change what a reader was given.
    const lasting = exchange.block.keeps === true && this.#inlet !== undefined ? Buffer.from(octets) : octets;
    if (!exchange.block.octets(lasting) && this.#flight.first?.abandoned === false) {
      // Looked at again: a listener may have given the message up, or closed, while it was told of these octets.
      this.#hold(exchange);
    }
  }

  #blockEnd(): void {
    if (isRecorded()) record({ end: "block" });
    const exchange = this.#flight.first;
    if (exchange === undefined) return; // closed while this chunk was read
    const { block, command } = exchange;
    if (block === undefined) this.#land();
    else if (command.block === undefined || command.message !== true || this.#flight.length === 1)
      this.#finish(() => block.end(this.#secrets));
    else if (block.hasMixedReplies?.() === true) throw mixedReplies(command);
    else {
      this.#land();
      this.#unconfirmed = { exchange, end: () => block.end(this.#secrets) };
    }
  }

  /** The next reply has begun: the message before is whole. */
  #confirm(): void {
    const unconfirmed = this.#unconfirmed;
    if (unconfirmed === undefined) return;
    this.#unconfirmed = undefined;
    unconfirmed.exchange.resolve(unconfirmed.end());
  }

  /** The reply is complete: what it says is the caller's, and wrong content fails the call alone. */
  #finish(read: () => unknown): void {
    let value: unknown;
    try {
      value = read();
    } catch (error) {
      if (!isContentError(error)) throw error;
      this.#land().reject(error);
      return;
    }
    this.#land().resolve(value);
  }

  /** The block wants no more for now. */
  #hold(exchange: Exchange<unknown>): void {
    // What nobody has claimed yet is collected, where somebody waits for a reply behind it.
    if (this.#waitedBehind(exchange) && exchange.block?.elastic === true) return;
    if (!this.#held) {
      this.#held = true;
      this.#stream.pause();
    }
    this.#rest();
  }

  /** While the stream is held back, a clock runs only for those who wait behind the message at hand. */
  #rest(): void {
    const first = this.#flight.first;
    if (first === undefined) return;
    if (this.#waitedBehind(first)) this.#watch.begin(this.#waits.stall, first.command.printable);
    else this.#watch.pause();
  }

  #release(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#watch.resume();
    this.#stream.resume();
  }

  #addWanted(): void {
    this.#wanted++;
    const first = this.#flight.first;
    if (!this.#held || first === undefined || !this.#waitedBehind(first)) return;
    if (first.block?.elastic === true) this.resume();
    else this.#rest();
  }

  #waitedBehind(first: Exchange<unknown>): boolean {
    return this.#wanted > (first.ahead || first.abandoned ? 0 : 1);
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#watch.touch(chunk.length);
    let extra: number;
    try {
      extra = this.#reader.push(chunk);
    } catch (error) {
      if (Pop3Error.is(error)) {
        this.close(error);
        return;
      }
      // The octets that a listener was given are lost to it, so the session is. What it threw goes on its way.
      const cause = error instanceof ReaderThrew ? error.cause : error;
      this.close(new Pop3ConnectionError("POP3_CLOSED", "the reader of a message threw", { cause }));
      throw cause;
    }
    if (extra > 0) this.close(unsolicited(this.#last, chunk.subarray(chunk.length - extra), this.#secrets));
  };

  readonly #onEnd = (): void => {
    const closed = serverClosed();
    this.#closedByPeer = this.#failure === undefined && !this.#ended;
    this.close(closed, this.#reader.inBlock ? truncated() : closed);
  };

  readonly #onError = (cause: NodeJS.ErrnoException): void => {
    this.close(streamFailed(cause));
  };
}
