// One command and the reply it waits for; whatever happens, it settles once.
import { Pop3ReplyError, type Pop3Error } from "../errors.ts";
import type { BlockReader } from "../protocol/block.ts";
import type { Command } from "../protocol/commands.ts";
import { printable } from "../protocol/printable.ts";
import { parseReply, type Reply } from "../protocol/reply.ts";
import { judgeRefusal, stageOfCommand } from "../retry.ts";
import type { Total, Deadline } from "./deadline-timer.ts";

/** Who waits for a reply. One of the two is called, once. */
export interface Waiter<T> {
  resolve(value: T): void;
  reject(error: Pop3Error): void;
}

export interface ExchangeOptions<T> {
  /** Octets that the response is announced to have; counted against the window. @default 0 */
  readonly octets?: number | undefined;
  /** Sent ahead of need: no caller waits for it yet. @default false */
  readonly ahead?: boolean | undefined;
  /** How long the first line of the reply may take. @default `timeouts.command` */
  readonly wait?: Deadline | undefined;
  /** How long the whole response may take. @default `timeouts.total` for one with a block, no bound for one line */
  readonly total?: Total | undefined;
  /** Called when the command is written. */
  readonly onSent?: (() => void) | undefined;
  /** What the reply means for the session; called even if the caller has given up. */
  readonly effect?: ((value: T) => void) | undefined;
}

export class Exchange<T> {
  readonly command: Command<T>;
  /** Octets announced for the response. */
  readonly octets: number;
  /** Octets of the command line, CRLF included. */
  readonly text: number;
  /** Sent ahead of need: no caller waits for it yet. */
  ahead: boolean;
  readonly wait: Deadline | undefined;
  /** How long the whole response may take; `undefined`: as long as is usual. */
  total: Total | undefined;
  /** The reply has come, or never will. */
  settled = false;
  /** Nobody wants the reply any more: it is read and dropped. */
  abandoned = false;
  block: BlockReader<T> | undefined;
  /** Called once, when the caller has been told. */
  onSettled: ((error?: Pop3Error) => void) | undefined;
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
    this.wait = options.wait;
    this.total = options.total;
    this.#onSent = options.onSent;
    this.#effect = options.effect;
    this.#waiter = waiter;
  }

  /** Whether it has been written to the stream. */
  get sent(): boolean {
    return this.#sent;
  }

  /** It has been written. */
  depart(): void {
    this.#sent = true;
    this.#onSent?.();
  }

  resolve(value: T): void {
    this.settled = true;
    this.#effect?.(value);
    if (this.#settled) return;
    this.#settled = true;
    this.onSettled?.();
    this.#waiter.resolve(value);
  }

  reject(error: Pop3Error): void {
    this.settled = true;
    this.settle(error);
  }

  /** Tells the caller, while the reply is still to come. */
  settle(error: Pop3Error): void {
    if (this.#settled) return;
    this.#settled = true;
    this.onSettled?.(error);
    this.#waiter.reject(error);
  }
}

/** The error that a `-ERR` is for the caller. The server may repeat `secrets` in it: they are not printed. */
export function refusal(command: Command<unknown>, reply: Reply, secrets: readonly string[]): Pop3ReplyError {
  const { responseCode } = reply;
  const text = printable(reply.text, secrets);
  const stage = command.refused === "POP3_AUTH_REJECTED" ? "login" : stageOfCommand(command.printable);
  const temporary = judgeRefusal({ responseCode, text }, stage).waitFor !== undefined;
  const code = command.refused ?? "POP3_REFUSED";
  const subject = command.subject ?? command.printable;
  return new Pop3ReplyError(
    // A locked maildrop or a pause between logins says nothing about the password.
    code === "POP3_AUTH_REJECTED" && temporary ? "POP3_TEMPORARY" : code,
    text === "" ? `the server refused ${subject}` : `the server refused ${subject}: ${text}`,
    { responseCode, text, temporary },
    { command: command.printable },
  );
}

const PLUS_ERR = Buffer.from("+ERR ");

/** What a line that is not a reply means all the same: some servers write `+ERR` for `-ERR` when they have trouble. */
export function meantAsRefusal(
  command: Command<unknown>,
  line: Buffer,
  secrets: readonly string[],
): Pop3ReplyError | undefined {
  if (!line.subarray(0, PLUS_ERR.length).equals(PLUS_ERR)) return undefined;
  const reply = parseReply(Buffer.concat([Buffer.from("-"), line.subarray(1)]));
  return reply === undefined ? undefined : refusal(command, reply, secrets);
}
