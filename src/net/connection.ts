// Sends commands on one stream and waits for their replies. Every wait has a timeout. A failure ends
// the connection, and every waiting call rejects with the same cause.
import type { Duplex } from "node:stream";
import { inSession, Pop3ConnectionError, Pop3Error } from "../errors.ts";
import { ReaderThrew } from "../protocol/block.ts";
import { greeting, type Command } from "../protocol/commands.ts";
import type { Reply } from "../protocol/reply.ts";
import { printable } from "../protocol/printable.ts";
import { Secrets } from "../protocol/secrets.ts";
import { onAbort } from "./abort.ts";
import { authority } from "./authority.ts";
import { DeadlineTimer, type Total } from "./deadline-timer.ts";
import { deadlinesOf, type ConnectionTimeouts, type Deadlines } from "./deadlines.ts";
import { Call, type Exchange, type ExchangeOptions, type Waiter } from "./exchange.ts";
import {
  aborted,
  breaksPipeline,
  givenUp,
  injected,
  serverClosed,
  sessionOver,
  streamFailed,
  timedOut,
  truncated,
  unsolicited,
} from "./failures.ts";
import { FlowControl } from "./flow-control.ts";
import type { Inlet } from "./inlet.ts";
import { Pipeline, type Window } from "./pipeline.ts";
import { Replies, type ReplyLimits, type ReplyListener } from "./replies.ts";
import { Sender } from "./sender.ts";
import type { Log } from "./log.ts";
import { areCommandsHeard, traceCommand } from "./trace.ts";
import { Traffic } from "./traffic.ts";
import { WireLog } from "./wire-log.ts";

/** The server's address and the session, for traces, the log and errors. */
export interface Peer {
  readonly host: string;
  readonly port: number;
  /** The id of the session. */
  readonly id?: string;
  readonly log?: Log;
  /** Counts what is sent and received. */
  readonly traffic?: Traffic;
}

export interface ConnectionLimits extends ReplyLimits {
  /** The lowest average rate of a block in octets per second; 0: no limit. */
  readonly minRate: number;
}

/** How the stream is read. */
export interface Reading {
  /** Receives the chunks of the stream in place of `data` events. */
  readonly inlet?: Inlet | undefined;
  /** Whether code outside this package may have the chunks of the stream as well: then they must not change. */
  readonly foreign?: boolean;
}

export interface SendOptions<T> extends ExchangeOptions<T> {
  /** Abandons the exchange, see {@link Connection.abandon}. */
  readonly signal?: AbortSignal | undefined;
}

export class Connection {
  /** Called once, when the connection has ended: with the failure, or with `undefined` after a QUIT. */
  onClose: ((failure: Pop3Error | undefined) => void) | undefined;

  /** The host and the port of the server, for errors. */
  readonly server: string;
  readonly #stream: Duplex;
  readonly #inlet: Inlet | undefined;
  readonly #foreign: boolean;
  readonly #peer: Peer;
  readonly #limits: ConnectionLimits;
  readonly #deadlines: Deadlines;
  readonly #secrets: Secrets;
  readonly #log: WireLog;
  readonly #traffic: Traffic;
  readonly #timer: DeadlineTimer;
  readonly #pipeline = new Pipeline();
  readonly #sender: Sender;
  readonly #flow: FlowControl;
  readonly #replies: Replies;
  /** Set at the end. Without a failure: after QUIT, or when TLS takes over the stream. */
  #ended: { readonly failure: Pop3Error | undefined } | undefined;
  #closedByPeer = false;
  #brokePipeline = false;

  /** `secrets`: what the server may know before a command sends it. */
  constructor(
    stream: Duplex,
    peer: Peer,
    timeouts: ConnectionTimeouts,
    limits: ConnectionLimits,
    { inlet, foreign = false }: Reading = {},
    secrets: Secrets = new Secrets(),
  ) {
    this.#stream = stream;
    this.#inlet = inlet;
    this.#foreign = foreign;
    this.#peer = peer;
    const server = (this.server = printable(authority(peer)));
    this.#limits = limits;
    this.#secrets = secrets;
    const log = (this.#log = new WireLog(secrets, peer.log));
    const traffic = (this.#traffic = peer.traffic ?? new Traffic());
    const deadlines = (this.#deadlines = deadlinesOf(timeouts, limits.minRate));
    const timer = (this.#timer = new DeadlineTimer((expiry, what) => {
      this.close(timedOut(server, expiry, what));
    }));
    const pipeline = this.#pipeline;
    const flow = (this.#flow = new FlowControl(stream, pipeline, timer, deadlines));
    this.#sender = new Sender({ stream, pipeline, log, traffic, secrets }, (first) => {
      this.#replies.expect(first);
    });
    this.#replies = new Replies({
      pipeline,
      timer,
      deadlines,
      flow,
      limits,
      log,
      server,
      secrets,
      reused: inlet !== undefined,
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
    return this.#ended?.failure;
  }

  /** Whether the server closed the connection. */
  get closedByPeer(): boolean {
    return this.#closedByPeer;
  }

  /** The command that was answered last, in its printable form. */
  get lastCommand(): string | undefined {
    return this.#replies.last?.printable;
  }

  /** Whether a fault of the server ended the connection while several commands were in flight. */
  get brokePipeline(): boolean {
    return this.#brokePipeline;
  }

  /** Whether a reply is expected or a command waits to be sent. */
  get busy(): boolean {
    return this.#pipeline.length > 0 || this.#pipeline.queued > 0;
  }

  /** Whether the stream is paused because the reader of a message is full. */
  get paused(): boolean {
    return this.#flow.paused;
  }

  /** Whether the response that arrives now is dropped, because its caller has given it up. */
  get dropping(): boolean {
    const { first } = this.#pipeline;
    return first?.abandoned === true && !first.ahead;
  }

  /** Sets the limits of what may be in flight; `undefined`: one command at a time. */
  set window(window: Window | undefined) {
    this.#pipeline.window = window;
    this.#sender.schedule();
  }

  /** If `true`, no command is sent after RETR or TOP before the whole message has arrived. */
  set nothingAfterMessages(value: boolean) {
    this.#pipeline.nothingAfterMessages = value;
  }

  set onReply(listener: ReplyListener | undefined) {
    this.#replies.onLine = listener;
  }

  /**
   * Waits for the greeting: the reply to a command that is never sent. Rejects with `POP3_GREETING_REJECTED`
   * if the server refuses the connection. `late`: what else the error says if no greeting comes in time.
   */
  greet(signal?: AbortSignal, late = ""): Promise<Reply> {
    const wait = this.#deadlines.greeting;
    const what = (name: string): string => `${wait.what(name)}${late}`;
    const reply = this.send(greeting(), { signal, wait: { ...wait, what } });
    for (const exchange of this.#pipeline.takeSendable()) {
      exchange.depart();
      this.#replies.expect(exchange);
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
        this.submit(new Call(command, { resolve, reject }, options));
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
      const exchange = new Call<T>(command, waiter, options);
      const unsubscribe = onAbort(signal, () => this.abandon(exchange, aborted(signal, command.printable)));
      this.submit(exchange);
    });
  }

  submit<T>(exchange: Exchange<T>): void {
    exchange.session = this.#peer.id;
    if (!areCommandsHeard()) {
      this.#submit(exchange);
      return;
    }
    traceCommand(this.#peer, this.#peer.id ?? "", exchange.command.printable, (trace) => {
      exchange.trace = trace;
      this.#submit(exchange);
    });
  }

  #submit<T>(exchange: Exchange<T>): void {
    if (this.#ended !== undefined) {
      exchange.reject((this.#ended.failure ?? sessionOver()).forCommand(exchange.command.printable));
      return;
    }
    this.#pipeline.push(exchange);
    if (!exchange.ahead) this.#flow.addWanted();
    this.#sender.schedule(exchange.prompt);
  }

  /**
   * Marks an exchange that was sent ahead as waited for. From now on `total` limits the time of its response.
   */
  want<T>(exchange: Exchange<T>, total?: Total): void {
    if (!exchange.ahead || exchange.settled || exchange.abandoned) return;
    exchange.total = total;
    if (this.#pipeline.first === (exchange as Exchange<unknown>))
      this.#timer.bound(total ?? this.#deadlines.response);
    exchange.ahead = false;
    if (this.#replies.unconfirmed === (exchange as Exchange<unknown>)) return;
    this.#flow.addWanted();
  }

  /**
   * Abandons an exchange: it rejects with `error` at once. An unsent command is never sent. The response to a
   * sent command is read and dropped, up to `limits.drain`. If the limit or the command does not allow that,
   * the connection closes.
   */
  abandon<T>(exchange: Exchange<T>, error: Pop3Error): void {
    if (exchange.settled || exchange.abandoned) return;
    if (this.#replies.unconfirmed === (exchange as Exchange<unknown>)) {
      this.#replies.dropUnconfirmed();
      exchange.reject(error);
      return;
    }
    exchange.abandoned = true;
    // An incomplete listing is useless: drop it unread.
    exchange.block = undefined;
    if (!exchange.ahead) this.#flow.removeWanted();
    exchange.settle(error);
    this.#flow.setTimer();
    if (!exchange.sent) {
      this.#sender.schedule();
      return;
    }
    // After a command such as PASS or QUIT the state of the session depends on the reply, which is not read.
    if (exchange.command.alone === true || exchange.announced > this.#limits.drain) {
      this.close(givenUp(this.server, exchange.command, error));
    } else if (this.#pipeline.first === (exchange as Exchange<unknown>)) {
      this.#replies.expect(exchange);
      this.#flow.release();
    }
  }

  /**
   * Resumes the stream, because the reader of the current block takes octets again. `unclaimed`: resumes only
   * if the block is not claimed yet.
   */
  resume(unclaimed = false): void {
    this.#flow.resume(unclaimed);
  }

  /**
   * Releases the stream for a TLS upgrade. Throws `POP3_TLS_INJECTION`, and closes, if unread octets remain:
   * they were sent unencrypted, and must not be read as part of the TLS session.
   */
  detach(): Duplex {
    this.#stream.pause();
    this.#stream.off("data", this.#onData);
    if (this.#inlet !== undefined) this.#inlet.onData = undefined;
    if (this.#ended === undefined && (this.#stream.readableLength > 0 || this.#stream.read() !== null)) {
      this.close(injected(this.server));
    }
    const { failure } = this;
    if (failure !== undefined) throw failure.forCommand("STLS");
    this.#ended = { failure: undefined };
    this.#timer.stop();
    this.#stream.off("end", this.#onEnd);
    this.#stream.off("close", this.#onEnd);
    return this.#stream;
  }

  /**
   * Closes at once. Every waiting exchange rejects with `failure`. Only the first one, whose reply may have
   * begun, rejects with `first`.
   */
  close(failure: Pop3Error = sessionOver(), first: Pop3Error = failure): void {
    if (this.#ended !== undefined) return;
    inSession(failure, this.#peer.id);
    this.#ended = { failure };
    const { unconfirmed } = this.#replies;
    this.#brokePipeline = this.#isPipelineBroken(failure, unconfirmed !== undefined);
    this.#log.closed(failure);
    this.#stop();
    this.#stream.destroy();
    this.#replies.dropUnconfirmed();
    let error = first;
    unconfirmed?.reject(failure.forCommand(unconfirmed.command.printable));
    for (const exchange of this.#pipeline.clear()) {
      exchange.reject(error.forCommand(exchange.command.printable));
      error = failure;
    }
    this.onClose?.(failure);
  }

  #isPipelineBroken(failure: Pop3Error, hasUnconfirmed: boolean): boolean {
    // Unsolicited octets come after the last reply, when nothing is in flight any more.
    const together =
      failure.code === "POP3_UNSOLICITED"
        ? this.#sender.together
        : this.#pipeline.length + (hasUnconfirmed ? 1 : 0);
    // While our own reader holds the stream back, the server waits for us.
    if (together <= 1 || this.#flow.paused) return false;
    if (breaksPipeline(failure, this.#closedByPeer)) return true;
    // The caller's bound on a response proves nothing, unless a whole message waits for that response to begin.
    return failure.code === "POP3_TOTAL_TIMEOUT" && hasUnconfirmed;
  }

  /** Closes the connection after the reply to QUIT. */
  end(): void {
    if (this.#ended !== undefined) return;
    this.#ended = { failure: undefined };
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
    this.#timer.stop();
    this.#sender.stop();
    this.#stream.off("data", this.#onData);
    if (this.#inlet !== undefined) this.#inlet.onData = undefined;
  }

  readonly #onData = (given: Buffer): void => {
    // Blocks are decoded in place.
    const chunk = this.#foreign ? Buffer.from(given) : given;
    this.#timer.touch(chunk.length);
    this.#traffic.received += chunk.length;
    const expected = this.#pipeline.length;
    let extra: number;
    try {
      extra = this.#replies.push(chunk);
    } catch (error) {
      if (Pop3Error.is(error)) {
        this.close(error);
        return;
      }
      // The listener has lost octets, so the session cannot continue. The exception is thrown again.
      const cause = error instanceof ReaderThrew ? error.cause : error;
      this.close(
        new Pop3ConnectionError("POP3_CLOSED", "the code that reads the message threw an error (see cause)", {
          cause,
        }),
      );
      throw cause;
    }
    if (this.#ended !== undefined) return;
    if (extra > 0) {
      const octets = chunk.subarray(chunk.length - extra);
      this.close(unsolicited(this.server, this.#replies.last, octets, this.#secrets));
      return;
    }
    // Once for all replies of the chunk: the timer is set for what is expected now, and other commands may follow.
    this.#timer.chunkRead();
    if (this.#pipeline.length < expected) this.#sender.schedule();
  };

  readonly #onEnd = (): void => {
    const { server } = this;
    const closed = serverClosed(server);
    this.#closedByPeer = this.#ended === undefined;
    this.close(closed, this.#replies.inBlock ? truncated(server) : closed);
  };

  readonly #onError = (cause: NodeJS.ErrnoException): void => {
    this.close(streamFailed(this.server, cause, this.#secrets));
  };
}
