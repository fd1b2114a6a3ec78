// Sends commands on one stream and gives each reply to its command. Every wait has a timeout. A failure ends
// the connection, and every waiting call rejects with the same cause.
import type { Duplex } from "node:stream";
import { Pop3ConnectionError, Pop3Error } from "../errors.ts";
import { ReaderThrew } from "../protocol/block.ts";
import { greeting, type Command } from "../protocol/commands.ts";
import { ReplyReader } from "../protocol/reply-reader.ts";
import { parseReply, printableLine, replyStatus, type Reply } from "../protocol/reply.ts";
import { Secrets } from "../protocol/secrets.ts";
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
import { BlockRecord, isRecorded, record, wireLog } from "./wire-log.ts";

/** The server's address, for traces. */
export interface Peer {
  readonly host: string;
  readonly port: number;
}

export interface ConnectionLimits {
  /** The longest status line in octets, CRLF included. */
  readonly line: number;
  /** The largest SASL challenge in octets, decoded. The limit of its line is derived from this. */
  readonly challenge: number;
  /** Octets of abandoned responses to read and drop. If more would come, the connection is closed. */
  readonly drain: number;
  /** The lowest average rate of a block in octets per second; 0: no limit. */
  readonly minRate: number;
}

export interface SendOptions<T> extends ExchangeOptions<T> {
  /** Abandons the exchange, see {@link Connection.abandon}. */
  readonly signal?: AbortSignal | undefined;
}

const CRLF: Buffer = Buffer.from("\r\n", "latin1");

interface Unconfirmed {
  readonly exchange: Exchange<unknown>;
  readonly end: () => unknown;
}

export class Connection {
  /** Called once, when the connection has ended: with the failure, or with `undefined` after a QUIT. */
  onClose: ((failure: Pop3Error | undefined) => void) | undefined;

  readonly #stream: Duplex;
  readonly #inlet: Inlet | undefined;
  readonly #peer: Peer;
  readonly #waits: Deadlines;
  /**
   * The longest line with a challenge, in octets. It is longer than the base64 of the largest challenge, so
   * that a challenge over the limit fails as a challenge and not as a line.
   */
  readonly #challengeLine: number;
  readonly #limits: ConnectionLimits;
  readonly #watch: DeadlineTimer;
  readonly #reader: ReplyReader;
  readonly #flight = new Pipeline();
  #flushing: NodeJS.Immediate | undefined;
  /** The number of exchanges that a caller waits for: not settled, not abandoned, and not sent ahead. */
  #wanted = 0;
  /** The stream is paused, because the reader of the current block is full. */
  #held = false;
  /** Octets read and dropped since the last reply that a caller waited for. */
  #drained = 0;
  /** Masked if the server repeats them. The secrets of each command are added when it is sent. */
  readonly #secrets: Secrets;
  readonly #record: BlockRecord;
  /** The command that was answered last. */
  #last: Command<unknown> | undefined;
  #failure: Pop3Error | undefined;
  #ended = false;
  #closedByPeer = false;
  /**
   * A message that has ended while other replies are still expected. It resolves when the next data begins as
   * a reply. A server that answers out of order would have written that reply into the message.
   */
  #unconfirmed: Unconfirmed | undefined;
  /** The largest number of replies expected at the same time, since the last command that was sent alone. */
  #together = 0;
  #brokePipeline = false;

  /**
   * `inlet`: receives the chunks of the stream in place of `data` events. `secrets`: what the server may know
   * before a command sends it.
   */
  constructor(
    stream: Duplex,
    peer: Peer,
    timeouts: ConnectionTimeouts,
    limits: ConnectionLimits,
    inlet?: Inlet,
    secrets: Secrets = new Secrets(),
  ) {
    this.#secrets = secrets;
    this.#record = new BlockRecord(secrets);
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
    // Also with an inlet: a runtime may ignore `onread`.
    stream.on("data", this.#onData);
    // A listener alone does not start a stream that was paused before, such as the tunnel of a proxy.
    stream.resume();
  }

  /** The failure that ended the connection; `undefined` while it is open, and after a QUIT. */
  get failure(): Pop3Error | undefined {
    return this.#failure;
  }

  /** Whether the server closed the connection. */
  get closedByPeer(): boolean {
    return this.#closedByPeer;
  }

  /** The command that was answered last, in its printable form. */
  get lastCommand(): string | undefined {
    return this.#last?.printable;
  }

  /** Whether a fault of the server ended the connection while several commands were in flight. */
  get brokePipeline(): boolean {
    return this.#brokePipeline;
  }

  /** Whether a reply is expected or a command waits to be sent. */
  get busy(): boolean {
    return this.#flight.length > 0 || this.#flight.queued > 0;
  }

  /** Whether the stream is paused because the reader of a message is full. */
  get held(): boolean {
    return this.#held;
  }

  /** Sets the limits of what may be in flight; `undefined`: one command at a time. */
  set window(window: Window | undefined) {
    this.#flight.window = window;
    this.#flushSoon();
  }

  /** If `true`, no command is sent after RETR or TOP before the whole message has arrived. */
  set nothingAfterMessages(value: boolean) {
    this.#flight.nothingAfterMessages = value;
  }

  /**
   * Waits for the greeting: the reply to a command that is never sent. Rejects with `POP3_GREETING_REJECTED`
   * if the server refuses the connection.
   */
  greet(signal?: AbortSignal): Promise<Reply> {
    const reply = this.send(greeting(), { signal, wait: this.#waits.greeting });
    for (const exchange of this.#flight.takeSendable()) {
      exchange.depart();
      this.#expect(exchange);
    }
    return reply;
  }

  /**
   * Sends a command and waits for its reply. Rejects with the refusal, or with the failure of the connection.
   */
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

  /**
   * Marks an exchange that was sent ahead as waited for. From now on `total` limits the time of its response.
   */
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
   * Abandons an exchange: it rejects with `error` at once. An unsent command is never sent. The response to a
   * sent command is read and dropped, up to `limits.drain`. If the limit or the command does not allow that,
   * the connection closes.
   */
  abandon<T>(exchange: Exchange<T>, error: Pop3Error): void {
    if (exchange.settled || exchange.abandoned) return;
    if (this.#unconfirmed?.exchange === (exchange as Exchange<unknown>)) {
      this.#unconfirmed = undefined;
      exchange.reject(error);
      return;
    }
    exchange.abandoned = true;
    // An incomplete listing is useless: drop it unread.
    exchange.block = undefined;
    if (!exchange.ahead) this.#wanted--;
    exchange.settle(error);
    if (this.#held) this.#rest();
    if (!exchange.sent) {
      this.#flushSoon();
      return;
    }
    // After a command such as PASS or QUIT the state of the session depends on the reply, which is not read.
    if (exchange.command.alone === true || exchange.octets > this.#limits.drain) {
      this.close(givenUp(exchange.command, error));
    } else if (this.#flight.first === (exchange as Exchange<unknown>)) {
      this.#expect(exchange as Exchange<unknown>);
      this.#release();
    }
  }

  /**
   * Resumes the stream, because the reader of the current block takes octets again. `unclaimed`: resumes only
   * if the block is not claimed yet.
   */
  resume(unclaimed = false): void {
    const first = this.#flight.first;
    if (!this.#held || first === undefined || (unclaimed && first.block?.elastic !== true)) return;
    this.#watch.resume();
    if (!first.abandoned) this.#beginBlock(first);
    this.#release();
  }

  /**
   * Releases the stream for a TLS upgrade. Throws `POP3_TLS_INJECTION`, and closes, if unread octets remain:
   * they were sent unencrypted, and must not be read as part of the TLS session.
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
   * Closes at once. Every waiting exchange rejects with `failure`. Only the first one, whose reply may have
   * begun, rejects with `first`.
   */
  close(failure: Pop3Error = sessionOver(), first: Pop3Error = failure): void {
    if (this.#failure !== undefined || this.#ended) return;
    this.#failure = failure;
    const inFlight = this.#flight.length + (this.#unconfirmed === undefined ? 0 : 1);
    // Unsolicited octets come after the last reply, when nothing is in flight any more.
    const together = failure.code === "POP3_UNSOLICITED" ? this.#together : inFlight;
    // While our own reader holds the stream back, the server waits for us.
    this.#brokePipeline = together > 1 && !this.#held && this.#isPipelineBroken(failure);
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

  /** The caller's bound on a response proves nothing, unless a whole message waits for that response to begin. */
  #isPipelineBroken(failure: Pop3Error): boolean {
    if (breaksPipeline(failure, this.#closedByPeer)) return true;
    return failure.code === "POP3_TOTAL_TIMEOUT" && this.#unconfirmed !== undefined;
  }

  /** Closes the connection after the reply to QUIT. */
  end(): void {
    if (this.#failure !== undefined || this.#ended) return;
    this.#ended = true;
    this.#stop();
    const stream = this.#stream;
    stream.end(() => {
      stream.destroy();
    });
    // A peer that does not read any more must not keep the socket open.
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

  /**
   * Schedules a flush at the end of this turn of the event loop, to send the commands of many callers in one
   * write.
   */
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
    // Before the write: the peer of a stream in memory may answer synchronously.
    if (idle) this.#expect(batch[0] as Exchange<unknown>);
    for (const exchange of batch) {
      const { line, encoded, printable, secrets } = exchange.command;
      if (secrets !== undefined) this.#secrets.add(...secrets);
      // A command in another charset is rare: write it separately.
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

  /**
   * Starts the timers of the exchange at the head of the queue. `came`: its reply may start in this chunk.
   */
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

  /** Removes the first exchange, whose reply is complete, and starts the timers of the next one. */
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
    if (exchange === undefined) return false; // closed when the previous message resolved
    const { command } = exchange;
    // Never log a challenge: with it and the response, a password can be guessed offline.
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
    if (reply.status === "err") this.#land().reject(refusal(command, line, this.#secrets));
    else if (command.block === undefined) this.#finish(() => command.parse(reply, this.#secrets));
    return false;
  }

  #octets(octets: Buffer): void {
    const exchange = this.#flight.first;
    if (exchange === undefined) return; // closed while this chunk was read
    this.#record.octets(octets, exchange.command.block !== undefined && exchange.command.message === true);
    if (exchange.abandoned || exchange.block === undefined) {
      this.#drained += octets.length;
      if (this.#drained > this.#limits.drain) this.close(givenUp(exchange.command));
      return;
    }
    // Copy: the read buffer is reused.
    const lasting = exchange.block.keeps === true && this.#inlet !== undefined ? Buffer.from(octets) : octets;
    if (!exchange.block.octets(lasting) && this.#flight.first?.abandoned === false) {
      // Read `first` again: a listener may have abandoned the message, or closed, while it received these
      // octets.
      this.#hold(exchange);
    }
  }

  #blockEnd(): void {
    const exchange = this.#flight.first;
    if (exchange === undefined) return; // closed while this chunk was read
    const { block, command } = exchange;
    this.#record.end(command.block !== undefined && command.message === true);
    if (block === undefined) this.#land();
    else if (command.block === undefined || command.message !== true || this.#flight.length === 1)
      this.#finish(() => block.end(this.#secrets));
    else if (block.hasMixedReplies?.() === true) throw mixedReplies(command);
    else {
      this.#land();
      this.#unconfirmed = { exchange, end: () => block.end(this.#secrets) };
    }
  }

  /** Resolves the previous message: the next reply has begun, so the message is complete. */
  #confirm(): void {
    const unconfirmed = this.#unconfirmed;
    if (unconfirmed === undefined) return;
    this.#unconfirmed = undefined;
    unconfirmed.exchange.resolve(unconfirmed.end());
  }

  /** Settles the call with its complete reply. Wrong content fails only this call. */
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

  /** Pauses the socket, because the reader of the block is full. */
  #hold(exchange: Exchange<unknown>): void {
    // A message that is not claimed yet is buffered, if another command waits for its reply.
    if (this.#waitedAfter(exchange) && exchange.block?.elastic === true) return;
    if (!this.#held) {
      this.#held = true;
      this.#stream.pause();
    }
    this.#rest();
  }

  /** Sets the timer of a paused stream: it runs only if another command waits for the end of this message. */
  #rest(): void {
    const first = this.#flight.first;
    if (first === undefined) return;
    if (this.#waitedAfter(first)) this.#watch.begin(this.#waits.stall, first.command.printable);
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
    if (!this.#held || first === undefined || !this.#waitedAfter(first)) return;
    if (first.block?.elastic === true) this.resume();
    else this.#rest();
  }

  #waitedAfter(first: Exchange<unknown>): boolean {
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
      // The listener has lost octets, so the session cannot continue. The exception is thrown again.
      const cause = error instanceof ReaderThrew ? error.cause : error;
      this.close(
        new Pop3ConnectionError("POP3_CLOSED", "a listener of the message threw an error", { cause }),
      );
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
    this.close(streamFailed(cause, this.#secrets));
  };
}
