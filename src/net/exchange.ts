// Holds one command and its pending reply. An exchange settles exactly once.
import { inSession, Pop3ReplyError, type Pop3Error } from "../errors.ts";
import type { BlockReader } from "../protocol/block.ts";
import type { Command } from "../protocol/commands.ts";
import { printable } from "../protocol/printable.ts";
import { parseReply, type Reply } from "../protocol/reply.ts";
import type { Secrets } from "../protocol/secrets.ts";
import { judgeRefusal, stageOfCommand } from "../retry.ts";
import type { Total, Deadline } from "./deadline-timer.ts";
import type { CommandTrace } from "./trace.ts";

/** The callbacks of the caller that waits for a reply. Exactly one of them is called, once. */
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
}

export class Exchange<T> {
  readonly command: Command<T>;
  /** The announced size of the response in octets. */
  readonly octets: number;
  /** The size of the command line in octets, CRLF included. */
  readonly text: number;
  /** Whether no caller waits for the reply yet. */
  ahead: boolean;
  readonly prompt: boolean;
  readonly wait: Deadline | undefined;
  /** The time limit of the whole response; `undefined`: the default. */
  total: Total | undefined;
  /** Whether the reply is complete, or will never come. */
  settled = false;
  /** Whether the call was aborted: its reply is read and dropped. */
  abandoned = false;
  block: BlockReader<T> | undefined;
  /** Ends once, just before the caller's promise settles; `undefined` if it is not heard. */
  trace: CommandTrace | undefined;
  /** The id of the session, for errors. */
  session: string | undefined;
  readonly #onSent: (() => void) | undefined;
  #sent = false;
  readonly #effect: ((value: T) => void) | undefined;
  readonly #waiter: Waiter<T>;
  #settled = false;

  constructor(command: Command<T>, waiter: Waiter<T>, options: ExchangeOptions<T> = {}) {
    this.command = command;
    this.octets = options.octets ?? 0;
    this.text = Buffer.byteLength(command.line) + 2;
    this.ahead = options.ahead ?? false;
    this.prompt = options.prompt ?? false;
    this.wait = options.wait;
    this.total = options.total;
    this.#onSent = options.onSent;
    this.#effect = options.effect;
    this.#waiter = waiter;
  }

  /** Whether the command was written to the stream. */
  get sent(): boolean {
    return this.#sent;
  }

  /** Marks the command as sent. */
  depart(): void {
    this.#sent = true;
    this.#onSent?.();
  }

  resolve(value: T): void {
    this.settled = true;
    this.#effect?.(value);
    if (this.#settled) return;
    this.#settled = true;
    this.trace?.end();
    this.#waiter.resolve(value);
  }

  reject(error: Pop3Error): void {
    this.settled = true;
    this.settle(error);
  }

  /** Rejects the caller's promise, even if the reply is still expected. */
  settle(error: Pop3Error): void {
    if (this.#settled) return;
    this.#settled = true;
    inSession(error, this.session);
    if (this.trace !== undefined) {
      const { responseCode } = error as Partial<Pop3ReplyError>;
      if (responseCode !== undefined) this.trace.trace.responseCode = responseCode;
      this.trace.end(error);
    }
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
