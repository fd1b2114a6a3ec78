// How long each thing that a connection waits for may take, and which error its clock ends in.
import { Pop3Error, type Pop3ConnectionErrorCode } from "../errors.ts";
import type { Expiry, Total, Deadline } from "./deadline-timer.ts";

/** Milliseconds. */
export interface ConnectionTimeouts {
  readonly greeting: number;
  readonly command: number;
  readonly body: number;
  readonly total: number;
  readonly quit: number;
  readonly drain: number;
}

/** The waits of one connection. */
export interface Deadlines {
  readonly greeting: Deadline;
  /** The first line of a reply. */
  readonly reply: Deadline;
  /** A block may be of any size, so its total time grows with what has come. */
  readonly block: Deadline;
  /** The rest of a response that was given up. */
  readonly drain: Deadline;
  /** A message that its reader leaves alone may take as long as it likes, until another command waits for its turn. */
  readonly stall: Deadline;
  /** A response with a block, unless its command has another bound or none. */
  readonly response: Total;
}

/** For a response that may take as long as the other clocks allow: a stream, a reply of one line. */
export const NO_TOTAL: Total = totalOf(Infinity, "timeouts.total");

/** `minRate`: what a block has to bring, octets a second; 0: any. */
export function deadlinesOf(
  { greeting, command, body, total, drain }: ConnectionTimeouts,
  minRate: number,
): Deadlines {
  const idle = { code: "POP3_IDLE_TIMEOUT", limit: "timeouts.body" } as const;
  const rate = `it came more slowly than ${String(minRate)} bytes per second`;
  return {
    greeting: fixed("POP3_GREETING_TIMEOUT", greeting, "timeouts.greeting", (name) => name),
    reply: fixed("POP3_COMMAND_TIMEOUT", command, "timeouts.command", (name) => `the reply to ${name}`),
    block: {
      idle: body,
      idleExpiry: { ...idle, why: `no byte came for ${String(body)} ms` },
      total: minRate > 0 ? body : Infinity,
      totalExpiry: { code: "POP3_TOTAL_TIMEOUT", limit: "limits.minRate", why: rate },
      rate: minRate,
      what: (name) => `the rest of ${name}`,
    },
    drain: fixed(
      "POP3_ABANDONED",
      drain,
      "timeouts.drain",
      (name) => `the end of ${name}, which was given up`,
    ),
    stall: {
      ...fixed("POP3_IDLE_TIMEOUT", body, "timeouts.body", (name) => `the reader of ${name}`),
      totalExpiry: { ...idle, why: `it took nothing for ${String(body)} ms, and other commands wait` },
      reader: true,
    },
    response: totalOf(total, "timeouts.total"),
  };
}

/** The server may have much to delete. */
export function quitWait({ quit }: ConnectionTimeouts): Deadline {
  return fixed("POP3_COMMAND_TIMEOUT", quit, "timeouts.quit", (name) => `the reply to ${name}`);
}

/** The bound that a call sets in place of `timeouts.total`; milliseconds. Throws `POP3_INVALID_ARGUMENT`. */
export function totalOfCall(totalTimeout: number | undefined): Total | undefined {
  if (totalTimeout === undefined) return undefined;
  if (typeof totalTimeout !== "number" || !(totalTimeout > 0)) {
    throw new Pop3Error(
      "POP3_INVALID_ARGUMENT",
      `totalTimeout must be a number of milliseconds > 0 (got ${typeof totalTimeout === "number" ? String(totalTimeout) : typeof totalTimeout}); Infinity stops the clock`,
    );
  }
  return totalOf(totalTimeout, "totalTimeout");
}

function totalOf(time: number, limit: string): Total {
  return { time, expiry: { code: "POP3_TOTAL_TIMEOUT", limit, why: tookLonger(time) } };
}

/** A wait of fixed length: no octet prolongs it. */
function fixed(
  code: Pop3ConnectionErrorCode,
  total: number,
  limit: string,
  what: (command: string) => string,
): Deadline {
  const expiry: Expiry = { code, limit, why: tookLonger(total) };
  return { idle: Infinity, idleExpiry: expiry, total, totalExpiry: expiry, rate: 0, what };
}

function tookLonger(time: number): string {
  return `it took longer than ${String(time)} ms`;
}
