// One command and its pending reply. An exchange settles exactly once.
import { inSession, Pop3ReplyError, type Pop3Error } from "../errors.ts";
import type { BlockReader } from "../protocol/block.ts";
import type { Command } from "../protocol/commands.ts";
import { printable } from "../protocol/printable.ts";
import { parseReply, type Reply } from "../protocol/reply.ts";
import type { Secrets } from "../protocol/secrets.ts";
import { judgeRefusal, stageOfCommand } from "../retry.ts";
import type { Total, Deadline } from "./deadline-timer.ts";
import type { CommandTrace } from "./trace.ts";

/** The callbacks of a call. */
export interface Waiter<T> {
  resolve(value: T): void;
  reject(error: Pop3Error): void;
}

export interface ExchangeOptions<T> {
  /** The announced size of the response in octets; it counts against the window. @default 0 */
  readonly octets?: number | undefined;
  /** Whether the command is sent before a caller waits for it. @default false */
  readonly ahead?: boolean | undefined;
  /**
   * Whether the command is written before the event loop continues. What its caller has just confirmed, such as a
   * lease, still holds then. @default false
   */
  readonly prompt?: boolean | undefined;
  /** The time limit of the first line of the reply. @default `timeouts.command` */
  readonly wait?: Deadline | undefined;
  /** The time limit of the whole response. @default `timeouts.total` if it has a block, otherwise none */
  readonly total?: Total | undefined;
  /** Called when the command is written. */
  readonly onSent?: (() => void) | undefined;
  /** Applies the reply to the session; called even if the call was aborted. */
  readonly effect?: ((value: T) => void) | undefined;
  /** Called when the reply to a command that was sent is complete, or will never come; even if the call was aborted. */
  readonly onReplied?: (() => void) | undefined;
}

/** What the pipeline and the replies know of a command in progress. Its subclasses know the caller. */
export abstract class Exchange<T> {
  abstract readonly command: Command<T>;
  /** The size of the command line in octets, CRLF included. */
  abstract readonly text: number;
  /** The announced size of the response in octets. */
  abstract readonly announced: number;
  /** Whether no caller waits for the reply yet. */
  ahead: boolean;
  /** The time limit of the whole response; `undefined`: the default. */
  total: Total | undefined;
  /** See {@link ExchangeOptions}. */
  readonly prompt: boolean;
  readonly wait: Deadline | undefined;
  /** Whether the command was written to the stream. */
  sent = false;
  /** Whether the reply is complete, or will never come. */
  settled = false;
  /** Whether the call was aborted: its reply is read and dropped. */
  abandoned = false;
  /** Reads the block of the reply, from its status line on. */
  block: BlockReader<T> | undefined;
  /** Ends once, just before the caller's promise settles; `undefined` if it is not heard. */
  trace: CommandTrace | undefined;
  /** The id of the session, for errors. */
  session: string | undefined;
  #answered = false;

  constructor(ahead = false, total?: Total, prompt = false, wait?: Deadline) {
    this.ahead = ahead;
    this.total = total;
    this.prompt = prompt;
    this.wait = wait;
  }

  /** Marks the command as sent. */
  depart(): void {
    this.sent = true;
  }

  resolve(value: T): void {
    this.settled = true;
    if (this.#answered) return;
    this.#answered = true;
    this.trace?.end();
    this.resolved(value);
  }

  reject(error: Pop3Error): void {
    this.settled = true;
    this.settle(error);
  }

  /** Rejects the caller's promise, even if the reply is still expected. */
  settle(error: Pop3Error): void {
    if (this.#answered) return;
    this.#answered = true;
    inSession(error, this.session);
    if (this.trace !== undefined) {
      const { responseCode } = error as Partial<Pop3ReplyError>;
      if (responseCode !== undefined) this.trace.trace.responseCode = responseCode;
      this.trace.end(error);
    }
    this.rejected(error);
  }

  /** Tells the caller the result. Exactly one of these two is called, once. */
  protected abstract resolved(value: T): void;
  protected abstract rejected(error: Pop3Error): void;
}

/** The exchange of a call that waits for one value. */
export class Call<T> extends Exchange<T> {
  readonly command: Command<T>;
  readonly text: number;
  readonly announced: number;
  readonly #waiter: Waiter<T>;
  readonly #onSent: (() => void) | undefined;
  readonly #effect: ((value: T) => void) | undefined;
  readonly #onReplied: (() => void) | undefined;

  constructor(command: Command<T>, waiter: Waiter<T>, options: ExchangeOptions<T> = {}) {
    super(options.ahead, options.total, options.prompt, options.wait);
    this.command = command;
    this.text = Buffer.byteLength(command.line) + 2;
    this.announced = options.octets ?? 0;
    this.#waiter = waiter;
    this.#onSent = options.onSent;
    this.#effect = options.effect;
    this.#onReplied = options.onReplied;
  }

  override depart(): void {
    super.depart();
    this.#onSent?.();
  }

  override resolve(value: T): void {
    this.#effect?.(value);
    super.resolve(value);
    this.#onReplied?.();
  }

  override reject(error: Pop3Error): void {
    super.reject(error);
    this.#onReplied?.();
  }

  protected override resolved(value: T): void {
    this.#waiter.resolve(value);
  }

  protected override rejected(error: Pop3Error): void {
    this.#waiter.reject(error);
  }
}

/**
 * Creates the caller's error for the line of a `-ERR`. The server may repeat `secrets` in it, so they are masked
 * before the response code is read.
 */
export function refusal(command: Command<unknown>, line: Buffer, secrets: Secrets): Pop3ReplyError {
  // The connection has checked that the line is a reply.
  const shown = parseReply(line, secrets) as Reply;
  const text = printable(shown.text);
  const responseCode = shown.responseCode === undefined ? undefined : printable(shown.responseCode);
  const stage = command.refused === "POP3_AUTH_REJECTED" ? "login" : stageOfCommand(command.printable);
  // Judged as it was sent: a password may be a part of the words that say what a refusal means.
  const temporary = judgeRefusal(parseReply(line) as Reply, stage).waitFor !== undefined;
  const code = command.refused ?? "POP3_REFUSED";
  const subject = command.subject ?? command.printable;
  const advice = command.advice === undefined || temporary ? "" : ` (${command.advice})`;
  return new Pop3ReplyError(
    // A locked maildrop or a pause between logins says nothing about the password.
    code === "POP3_AUTH_REJECTED" && temporary ? "POP3_TEMPORARY" : code,
    `the server refused ${subject}${text === "" ? "" : `: ${text}`}${advice}`,
    { responseCode, text, temporary },
    { command: command.printable },
  );
}

const PLUS_ERR = Buffer.from("+ERR ");

/**
 * Reads a line that is not a reply as a refusal, if possible: some servers write `+ERR` in place of `-ERR`.
 */
export function meantAsRefusal(
  command: Command<unknown>,
  line: Buffer,
  secrets: Secrets,
): Pop3ReplyError | undefined {
  if (!line.subarray(0, PLUS_ERR.length).equals(PLUS_ERR)) return undefined;
  return refusal(command, Buffer.concat([Buffer.from("-"), line.subarray(1)]), secrets);
}
