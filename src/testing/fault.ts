// One fault that a test orders: the response that it changes, what happens to the bytes of it, and the check that it
// makes sense.
import {
  checkBoolean,
  checkDuration,
  checkNames,
  checkObject,
  configError,
  nearest,
  shown,
} from "../options/checks.ts";
import type { Duration } from "../options/checks.ts";
import { printable } from "../protocol/printable.ts";
import { VERBS } from "./client-line.ts";
import type { WireEnd } from "./wire.ts";

/**
 * A fault of the server. Its members apply in this order: `delay` delays the response, `reply` replaces it,
 * `twice` sends it twice, `before` and `after` surround it, `flood` follows without end; `close`, `cut`,
 * `reset` or `stall` end the response after a number of bytes; `split` and `interval` send it in small
 * packets. If several faults match the same response, their members are merged and later faults win.
 *
 * @example
 * ```ts
 * const faults: Fault[] = [
 *   { on: "RETR", nth: 2, reset: 100 }, // RST after 100 bytes of the response to the second RETR
 *   { on: "greeting", reply: "-ERR go away\r\n" },
 *   { on: "STLS", after: "+OK injected\r\n" },
 *   { on: "LIST", reply: "+OK\r\n", flood: "1 100\r\n" }, // a listing without end
 * ];
 * ```
 */
export interface Fault {
  /**
   * The response to change: `"greeting"`, a verb such as `"RETR"`, or `"*"` for the answer to any line of the
   * client. Within AUTH, `"AUTH-RESPONSE"` is the answer to a response of the client, and `"AUTH-CANCEL"` the
   * answer to the `*` that cancels AUTH.
   */
  readonly on: string;
  /**
   * Which of these responses to change. The count starts at 1 when the fault is added, and spans all
   * sessions.
   * @default 1
   */
  readonly nth?: number | "every";
  /** How long to delay the response. A number is in milliseconds. The command itself is executed at once. @default 0 */
  readonly delay?: Duration;
  /** Bytes to send instead of the response. They are sent unchanged, so include the CRLF. */
  readonly reply?: Buffer | string;
  /**
   * Whether the command is executed. If not, only `reply`, `before` and `after` are sent.
   * @default true, unless `reply` begins with `-ERR`
   */
  readonly carriedOut?: boolean;
  /** Whether to send the response twice, if possible in one packet. @default false */
  readonly twice?: boolean;
  /** Bytes to send before the response, if possible in the same packet. */
  readonly before?: Buffer | string;
  /** Bytes to send after the response, if possible in the same packet. */
  readonly after?: Buffer | string;
  /**
   * Bytes to send after the response in a packet of their own, although the client has not asked for them.
   */
  readonly later?: Buffer | string;
  /**
   * Bytes to send after all others, again and again, as fast as the client reads them, until it closes.
   * `close`, `cut`, `reset` or `stall` ends them too.
   */
  readonly flood?: Buffer | string;
  /**
   * Closes the connection (close_notify, then FIN) after this number of bytes: 0 sends no byte of the
   * response, Infinity sends all of it.
   */
  readonly close?: number;
  /** As `close`, but without close_notify under TLS: as if an attacker had cut the connection. */
  readonly cut?: number;
  /** Resets the connection (RST) after this number of bytes. */
  readonly reset?: number;
  /** Sends nothing more after this number of bytes, and leaves the connection open. */
  readonly stall?: number;
  /** The maximum bytes in a packet. 1 sends each byte alone. @default Infinity, or 1 with `interval` */
  readonly split?: number;
  /** How long to wait after each packet, for a slow trickle. A number is in milliseconds. @default 0 */
  readonly interval?: Duration;
}

/** A fault whose times are in milliseconds. */
export interface TimedFault extends Fault {
  readonly delay?: number;
  readonly interval?: number;
}

/** How the connection ends within a response, or directly after it. */
export interface FaultEnd {
  readonly kind: WireEnd;
  /** The number of bytes to send first. */
  readonly after: number;
}

export const ENDS = ["close", "cut", "reset", "stall"] as const;

/** A number that an option may have: a whole one, and whether it may be `Infinity`. */
interface Bounds {
  readonly least: number;
  readonly whole: boolean;
  readonly endless: boolean;
}

const OCTETS: Bounds = { least: 0, whole: true, endless: true };

/** What the server sends: a fault can change each of them. */
const ON: readonly string[] = ["GREETING", "*", ...VERBS, "AUTH-RESPONSE", "AUTH-CANCEL"];

/** Every action with the value that changes nothing; `undefined`: each value changes something. */
const ACTIONS = {
  delay: 0,
  reply: undefined,
  carriedOut: true,
  twice: false,
  before: undefined,
  after: undefined,
  later: undefined,
  flood: undefined,
  close: undefined,
  cut: undefined,
  reset: undefined,
  stall: undefined,
  split: Infinity,
  interval: 0,
} as const satisfies Record<Exclude<keyof Fault, "on" | "nth">, unknown>;

const NAMES = Object.keys(ACTIONS) as readonly (keyof typeof ACTIONS)[];

/**
 * Returns the fault, with its times in milliseconds. Throws `POP3_CONFIG` if it is misspelt, contradicts itself, could
 * never strike, or would change nothing.
 */
export function checkFault(given: Fault): TimedFault {
  checkObject("fault", given);
  checkNames("fault", given, ["on", "nth", ...NAMES]);
  checkOn(given.on);
  const fault = timed(given);
  if (fault.nth !== "every")
    checkAmount("nth", fault.nth, { least: 1, whole: true, endless: false }, ', or "every"');
  for (const name of ENDS) checkAmount(name, fault[name], OCTETS);
  checkAmount("split", fault.split, { ...OCTETS, least: 1 });
  for (const name of ["carriedOut", "twice"] as const) checkBoolean(`fault.${name}`, fault[name]);
  for (const name of ["reply", "before", "after", "later", "flood"] as const) checkBytes(name, fault[name]);
  checkTogether(fault);
  if (!NAMES.some((name) => fault[name] !== undefined && fault[name] !== ACTIONS[name]))
    throw configError(`the fault on ${printable(fault.on)} changes nothing: set one of ${NAMES.join(", ")}`);
  return fault;
}

function timed({ delay, interval, ...others }: Fault): TimedFault {
  return {
    ...others,
    ...(delay === undefined ? {} : { delay: checkDuration("fault.delay", delay, "ms") }),
    ...(interval === undefined ? {} : { interval: checkDuration("fault.interval", interval, "ms") }),
  };
}

function checkOn(on: unknown): void {
  if (typeof on !== "string") throw configError(`fault.on must be a string (got ${shown(on)}): ${EXAMPLES}`);
  const name = on.toUpperCase();
  // Commands whose name begins with X are experimental ones: a client may have some that this server does not know.
  if (ON.includes(name) || /^X[A-Z0-9-]+$/.test(name)) return;
  const near = nearest(name, ON);
  const hint = near === undefined ? EXAMPLES : `did you mean "${near === "GREETING" ? "greeting" : near}"?`;
  throw configError(
    `fault.on must name a response of the server (got "${printable(on)}"): ${printable(hint)}`,
  );
}

const EXAMPLES = 'it is "greeting", a command such as "RETR", or "*" for any command';

function checkAmount(name: keyof Fault, value: unknown, { least, whole, endless }: Bounds, more = ""): void {
  if (value === undefined) return;
  const right =
    typeof value === "number" &&
    value >= least &&
    (value === Infinity ? endless : !whole || Number.isInteger(value));
  if (right) return;
  throw configError(
    `fault.${name} must be a ${whole ? "whole " : ""}number >= ${String(least)}${more} (got ${shown(value)})`,
  );
}

function checkBytes(name: keyof Fault, value: unknown): void {
  if (value === undefined || typeof value === "string" || Buffer.isBuffer(value)) return;
  throw configError(`fault.${name} must be a string or a Buffer (got ${shown(value)})`);
}

/** Throws if one action of the fault prevents another. */
function checkTogether(fault: Fault): void {
  const ends = ENDS.filter((kind) => fault[kind] !== undefined);
  if (ends.length > 1)
    throw configError(`a fault must have only one of ${ENDS.join(", ")} (got ${ends.join(" and ")})`);
  const last = ends[0] ?? (fault.flood === undefined ? undefined : "flood");
  if (fault.later !== undefined && last !== undefined)
    throw configError(`a fault cannot have both later and ${last}: nothing is sent after ${last}`);
  if (fault.flood?.length === 0) throw configError("fault.flood must not be empty");
  if (fault.twice === true && fault.carriedOut === false && fault.reply === undefined)
    throw configError("fault.twice needs a response: set reply, or leave out carriedOut: false");
}
