// Defines the time limit of every wait of a connection, and the error when the limit is exceeded.
import type { Pop3ConnectionErrorCode } from "../errors.ts";
import type { Total, Deadline } from "./deadline-timer.ts";
import type { Expiry } from "./failures.ts";

/** The timeouts of a connection in milliseconds. */
export interface ConnectionTimeouts {
  readonly greeting: number;
  readonly command: number;
  readonly body: number;
  readonly total: number;
  readonly quit: number;
  readonly drain: number;
}

/** The time limits of one connection. */
export interface Deadlines {
  readonly greeting: Deadline;
  /** The first line of a reply. */
  readonly reply: Deadline;
  /** A block may have any size, so its total time grows with the octets received. */
  readonly block: Deadline;
  /** The rest of an abandoned response. */
  readonly drain: Deadline;
  /** A message whose reader has paused. There is a limit only while another command waits for its reply. */
  readonly stall: Deadline;
  /** A response with a block, unless its command has another limit or none. */
  readonly response: Total;
}

/**
 * For a response without its own total limit, such as a stream or a reply of one line. The other limits
 * apply.
 */
export const NO_TOTAL: Total = totalOf(Infinity, "timeouts.total");

/** The limits that were made last, and what of. */
let made: { readonly of: readonly number[]; readonly deadlines: Deadlines } | undefined;

/**
 * Returns the time limits. `minRate`: the lowest average rate of a block in octets per second; 0: no limit. Nearly all
 * connections of a process have the same timeouts, so they share these objects: they are a tenth of an idle session.
 */
export function deadlinesOf(timeouts: ConnectionTimeouts, minRate: number): Deadlines {
  const { greeting, command, body, total, drain } = timeouts;
  const of = [greeting, command, body, total, drain, minRate];
  if (made?.of.every((value, nth) => value === of[nth]) !== true)
    made = { of, deadlines: newDeadlines(timeouts, minRate) };
  return made.deadlines;
}

function newDeadlines(
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
      (name) => `the rest of ${name}, which was aborted`,
    ),
    stall: {
      ...fixed("POP3_IDLE_TIMEOUT", body, "timeouts.body", (name) => `the reader of ${name}`),
      totalExpiry: { ...idle, why: `it read nothing for ${String(body)} ms while other commands waited` },
      reader: true,
    },
    response: totalOf(total, "timeouts.total"),
  };
}

/** The time limit of QUIT. It has its own option, because the server may have many messages to delete. */
export function quitWait({ quit }: ConnectionTimeouts): Deadline {
  return fixed("POP3_COMMAND_TIMEOUT", quit, "timeouts.quit", (name) => `the reply to ${name}`);
}

/** The total limit of one response. `limit`: the option that sets it. */
export function totalOf(time: number, limit: string): Total {
  return { time, expiry: { code: "POP3_TOTAL_TIMEOUT", limit, why: tookLonger(time) } };
}

/** A wait of fixed length: received octets do not extend it. */
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
