// Faults that a test orders: each names the response that it changes, and what happens to the bytes of it.
import { Pop3Error } from "../errors.ts";
import type { WireEnd } from "./wire.ts";

/**
 * A fault of the server. Its members apply in this order: `delay` delays the response, `reply` replaces it,
 * `twice` sends it twice, `before` and `after` surround it, `flood` follows without end; `close`, `cut`,
 * `reset` or `stall` end the response after a number of bytes; `split` and `interval` send it in small
 * packets. If several faults match the same response, their members are merged and later faults win.
 *
 * @example
 * { on: "RETR", nth: 2, reset: 100 }              // RST after 100 bytes of the response to the second RETR
 * { on: "greeting", reply: "-ERR go away\r\n" }
 * { on: "STLS", after: "+OK injected\r\n" }
 * { on: "LIST", reply: "+OK\r\n", flood: "1 100\r\n" } // a listing without end
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
  /** Milliseconds to delay the response. The command itself is executed at once. @default 0 */
  readonly delay?: number;
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
  /** Milliseconds to wait after each packet, for a slow trickle. @default 0 */
  readonly interval?: number;
}

/** How the connection ends within a response, or directly after it. */
export interface FaultEnd {
  readonly kind: WireEnd;
  /** The number of bytes to send first. */
  readonly after: number;
}

export const ENDS = ["close", "cut", "reset", "stall"] as const;

/** Bytes of a flood in one piece. */
const FLOOD = 16 * 1024;

/** The faults of one server, and how many matching responses each has seen. */
export class Faults {
  readonly #faults: { readonly fault: Fault; seen: number }[] = [];

  /** Adds a fault. Throws `POP3_CONFIG` if it contradicts itself or has a number out of range. */
  add(fault: Fault): void {
    const ends = ENDS.filter((kind) => fault[kind] !== undefined);
    if (ends.length > 1)
      throw config(`a fault must have only one of ${ENDS.join(", ")} (got ${ends.join(" and ")})`);
    for (const name of ["nth", "split"] as const) {
      const value = fault[name] ?? 1;
      if (value !== "every" && !(value >= 1))
        throw config(`fault.${name} must be a number >= 1 (got ${String(value)})`);
    }
    for (const name of ["delay", "interval", ...ENDS] as const)
      if (!((fault[name] ?? 0) >= 0))
        throw config(`fault.${name} must be a number >= 0 (got ${String(fault[name])})`);
    if (octetsOf(fault.flood)?.length === 0) throw config("fault.flood must not be empty");
    this.#faults.push({ fault: { ...fault, on: fault.on.toUpperCase() }, seen: 0 });
  }

  /** Counts a response. Returns the merged faults that match it, or `undefined` if none does. */
  strike(on: string): Fault | undefined {
    const name = on.toUpperCase();
    let struck: Fault | undefined;
    for (const entry of this.#faults) {
      const { fault } = entry;
      if (fault.on !== name && (fault.on !== "*" || on === "greeting")) continue;
      entry.seen++;
      if (fault.nth === "every" || entry.seen === (fault.nth ?? 1)) struck = { ...struck, ...fault };
    }
    return struck;
  }
}

/** Returns whether the command is executed, see {@link Fault.carriedOut}. */
export function isCarriedOut(fault: Fault): boolean {
  return fault.carriedOut ?? !(octetsOf(fault.reply)?.toString("latin1", 0, 4) === "-ERR");
}

export function endOf(fault: Fault): FaultEnd | undefined {
  const kind = ENDS.find((each) => fault[each] !== undefined);
  return kind === undefined ? undefined : { kind, after: fault[kind] ?? 0 };
}

/** Returns the note for the transcript. It follows the response as it would have been without the fault. */
export function noteOf({ kind, after }: FaultEnd): string {
  return after === Infinity ? kind : `${kind} after ${String(after)} octets`;
}

/** Applies a fault to a response. `pieces`: the correct response. */
export function distorted(pieces: Iterable<Buffer>, fault: Fault): Iterable<Buffer> {
  return limited(around(pieces, fault), endOf(fault)?.after ?? Infinity);
}

/** Yields at most `octets` bytes of `pieces`. */
export function* limited(pieces: Iterable<Buffer>, octets: number): Generator<Buffer, void> {
  let left = octets;
  if (left <= 0) return;
  for (const piece of pieces) {
    yield piece.length <= left ? piece : piece.subarray(0, left);
    left -= piece.length;
    if (left <= 0) return;
  }
}

function* around(pieces: Iterable<Buffer>, fault: Fault): Generator<Buffer, void> {
  const [before, reply, after, flood] = [fault.before, fault.reply, fault.after, fault.flood].map(octetsOf);
  if (before !== undefined) yield before;
  for (let times = fault.twice === true ? 2 : 1; times > 0; times--) {
    if (reply !== undefined) yield reply;
    else yield* pieces;
  }
  if (after !== undefined) yield after;
  if (flood !== undefined) yield* endless(flood);
}

/** Yields `octets` again and again. */
export function* endless(octets: Buffer): Generator<Buffer, void> {
  const piece = Buffer.alloc(octets.length * Math.ceil(FLOOD / octets.length), octets);
  for (;;) yield piece;
}

function config(message: string): Pop3Error {
  return new Pop3Error("POP3_CONFIG", message);
}

/** Encodes a string as UTF-8; returns anything else unchanged. */
export function octetsOf(octets: Buffer | string | undefined): Buffer | undefined {
  return typeof octets === "string" ? Buffer.from(octets, "utf8") : octets;
}
