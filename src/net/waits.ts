// How long each thing that a connection waits for may take, and which error its clock ends in.
import type { Pop3ErrorCode } from "../errors.ts";
import type { Wait } from "./watch.ts";

/** Milliseconds. */
export interface ConnectionTimeouts {
  readonly greeting: number;
  readonly command: number;
  readonly body: number;
  readonly quit: number;
  readonly drain: number;
}

/** The waits of one connection. */
export interface Waits {
  readonly greeting: Wait;
  /** The first line of a reply. */
  readonly reply: Wait;
  /** A block may be of any size, so its total time grows with what has come. */
  readonly block: Wait;
  /** The rest of a response that was given up. */
  readonly drain: Wait;
  /** A message that its reader leaves alone may take as long as it likes, until somebody waits behind it. */
  readonly stall: Wait;
}

/** `minRate`: what a block has to bring, octets a second; 0: any. */
export function waitsOf(timeouts: ConnectionTimeouts, minRate: number): Waits {
  return {
    greeting: fixed(timeouts.greeting, "POP3_GREETING_TIMEOUT", (command) => command),
    reply: fixed(timeouts.command, "POP3_COMMAND_TIMEOUT", (command) => `the reply to ${command}`),
    block: {
      idle: timeouts.body,
      idleCode: "POP3_IDLE_TIMEOUT",
      total: minRate > 0 ? timeouts.body : Infinity,
      totalCode: "POP3_TOTAL_TIMEOUT",
      rate: minRate,
      what: (command) => `the rest of ${command}`,
    },
    drain: fixed(timeouts.drain, "POP3_ABANDONED", (command) => `the end of ${command}, which was given up`),
    stall: fixed(
      timeouts.body,
      "POP3_IDLE_TIMEOUT",
      (command) => `the reader of ${command}, behind which other commands wait`,
    ),
  };
}

/** The server may have much to delete. */
export function quitWait({ quit }: ConnectionTimeouts): Wait {
  return fixed(quit, "POP3_COMMAND_TIMEOUT", (command) => `the reply to ${command}`);
}

/** A wait of fixed length: no octet prolongs it. */
function fixed(total: number, code: Pop3ErrorCode, what: (command: string) => string): Wait {
  return { idle: Infinity, idleCode: code, total, totalCode: code, rate: 0, what };
}
