// The commands of the TRANSACTION state (RFC 1939 section 5). Each is a function of the snapshot and its
// arguments.
import { blockSize } from "../protocol/dot-encoder.ts";
import { err, ok, okWithLines, type Answer } from "./answer.ts";
import type { Snapshot, StoredMessage } from "./maildrop.ts";

export interface TransactionCommand {
  /** The minimum and the maximum number of arguments. */
  readonly takes: readonly [fewest: number, most: number];
  readonly run: (maildrop: Snapshot, first: string, second: string) => Answer;
}

const CRLF: Buffer = Buffer.from("\r\n", "latin1");
const END_OF_HEADERS: Buffer = Buffer.from("\r\n\r\n", "latin1");
const WRONG_ARGUMENTS: Answer = err("wrong arguments");
const NO_SUCH_MESSAGE: Answer = err("no such message");

export const TRANSACTION_COMMANDS: ReadonlyMap<string, TransactionCommand> = new Map<
  string,
  TransactionCommand
>([
  ["STAT", { takes: [0, 0], run: stat }],
  ["LIST", { takes: [0, 1], run: (maildrop, number) => listing(maildrop, number, sizeOf) }],
  ["UIDL", { takes: [0, 1], run: (maildrop, number) => listing(maildrop, number, uidOf) }],
  ["RETR", { takes: [1, 1], run: retr }],
  ["TOP", { takes: [2, 2], run: top }],
  ["DELE", { takes: [1, 1], run: dele }],
  ["RSET", { takes: [0, 0], run: rset }],
  ["NOOP", { takes: [0, 0], run: () => ok("") }],
]);

const sizeOf = (message: StoredMessage): string => String(blockSize(message.octets));
const uidOf = (message: StoredMessage): string => message.uid;

function stat(maildrop: Snapshot): Answer {
  let count = 0;
  let size = 0;
  for (const [, message] of maildrop.entries()) {
    count++;
    size += blockSize(message.octets);
  }
  return ok(`${String(count)} ${String(size)}`);
}

/** Answers LIST and UIDL: with one line for a number, otherwise with a line for each message. */
function listing(maildrop: Snapshot, number: string, told: (message: StoredMessage) => string): Answer {
  if (number !== "") {
    return withMessage(maildrop, number, (message) => ok(`${String(Number(number))} ${told(message)}`));
  }
  const lines = Array.from(maildrop.entries(), ([each, message]) => `${String(each)} ${told(message)}`);
  return okWithLines(`${String(lines.length)} messages`, lines);
}

function retr(maildrop: Snapshot, number: string): Answer {
  return withMessage(maildrop, number, (message) => ({
    ...ok(`${sizeOf(message)} octets`),
    block: message.octets,
  }));
}

function top(maildrop: Snapshot, number: string, lines: string): Answer {
  if (!/^\d{1,10}$/.test(lines)) return WRONG_ARGUMENTS;
  return withMessage(maildrop, number, (message) => ({
    ...ok("the top follows"),
    block: topOf(message.octets, Number(lines)),
  }));
}

function dele(maildrop: Snapshot, number: string): Answer {
  return withMessage(maildrop, number, (message) => {
    maildrop.mark(message);
    return ok("marked as deleted");
  });
}

function rset(maildrop: Snapshot): Answer {
  maildrop.unmarkAll();
  return ok("nothing is marked");
}

function withMessage(maildrop: Snapshot, number: string, act: (message: StoredMessage) => Answer): Answer {
  if (!/^\d{1,10}$/.test(number)) return WRONG_ARGUMENTS;
  const message = maildrop.message(Number(number));
  return message === undefined ? NO_SUCH_MESSAGE : act(message);
}

/**
 * Returns the headers, the empty line and `lines` lines of the body. Without an empty line, all of it is
 * headers.
 */
function topOf(message: Buffer, lines: number): Buffer {
  let end = endOfHeaders(message);
  for (let line = 0; line < lines && end < message.length; line++) {
    const crlf = message.indexOf(CRLF, end);
    end = crlf === -1 ? message.length : crlf + CRLF.length;
  }
  return message.subarray(0, end);
}

function endOfHeaders(message: Buffer): number {
  if (message.indexOf(CRLF) === 0) return CRLF.length;
  const end = message.indexOf(END_OF_HEADERS);
  return end === -1 ? message.length : end + END_OF_HEADERS.length;
}
