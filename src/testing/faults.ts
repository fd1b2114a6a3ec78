// What can go wrong on purpose: each fault says which response it strikes, and what the octets of it suffer.
import { Pop3Error } from "../errors.ts";
import type { WireEnd } from "./wire.ts";

/**
 * A fault, as data. What it names is done in this order: `delay` holds the response back, `reply` takes the place of
 * it, `twice` doubles it, `before` and `after` go around it, `flood` follows without end, `close`, `cut`, `reset` or
 * `stall` end it all after so many octets, `split` and `interval` cut it into packets. Where several faults strike
 * the same response, they are taken together, and later ones win.
 *
 * @example
 * { on: "RETR", nth: 2, reset: 100 }              // RST behind 100 octets of the second RETR's response
 * { on: "greeting", reply: "-ERR go away\r\n" }
 * { on: "STLS", after: "+OK injected\r\n" }
 * { on: "LIST", reply: "+OK\r\n", flood: "1 100\r\n" } // a listing without end
 */
export interface Fault {
  /**
   * The response that it strikes: `"greeting"`, a verb as `"RETR"`, or `"*"` for whatever answers a line of the
   * client. Within AUTH `"AUTH-RESPONSE"` is what answers a response of the client, `"AUTH-CANCEL"` what answers
   * the `*` by which it gives up.
   */
  readonly on: string;
  /** Which of these responses, counted from 1 on over all sessions since the fault was given. @default 1 */
  readonly nth?: number | "every";
  /** Milliseconds by which the response is late. The command is carried out at once. @default 0 */
  readonly delay?: number;
  /** Octets that are sent instead of the response. They are sent as they are: give their CRLF too. */
  readonly reply?: Buffer | string;
  /**
   * Whether the command is carried out. Where it is not, nothing is said to it but `reply`, `before` and `after`.
   * @default true, unless `reply` begins with `-ERR`
   */
  readonly carriedOut?: boolean;
  /** Whether the response goes out two times, in the same packet where that is possible. @default false */
  readonly twice?: boolean;
  /** Octets that go out ahead of the response, in the same packet where that is possible. */
  readonly before?: Buffer | string;
  /** Octets that go out behind the response, in the same packet where that is possible. */
  readonly after?: Buffer | string;
  /** Octets that go out behind the response in a packet of their own, without being asked for. */
  readonly later?: Buffer | string;
  /**
   * Octets that go out behind all others again and again, as fast as the client takes them, until it closes. With
   * `close`, `cut`, `reset` or `stall` they end, too.
   */
  readonly flood?: Buffer | string;
  /** The connection is closed (FIN, close_notify before it) after so many octets: 0 for none, Infinity for all. */
  readonly close?: number;
  /** As `close`, but under TLS without close_notify: as if somebody had cut the connection. */
  readonly cut?: number;
  /** The connection is reset (RST) after so many octets. */
  readonly reset?: number;
  /** Nothing more is ever sent after so many octets, and the connection stays open. */
  readonly stall?: number;
  /** The most octets in a packet; 1: each octet alone. @default Infinity, or 1 with `interval` */
  readonly split?: number;
  /** Milliseconds to wait behind each packet: a trickle. @default 0 */
  readonly interval?: number;
}

/** How a response ends before its time, or right behind it. */
export interface FaultEnd {
  readonly kind: WireEnd;
  /** Octets that are sent first. */
  readonly after: number;
}

export const ENDS = ["close", "cut", "reset", "stall"] as const;

/** Octets of a flood that go out together. */
const FLOOD = 16 * 1024;

/** The faults of one server, and how often each was passed by. */
export class Faults {
  readonly #faults: { readonly fault: Fault; seen: number }[] = [];

  /** Throws `POP3_CONFIG` for what makes no sense. */
  add(fault: Fault): void {
    const ends = ENDS.filter((kind) => fault[kind] !== undefined);
    if (ends.length > 1) throw config(`a fault has one end, not ${ends.join(" and ")}`);
    for (const name of ["nth", "split"] as const) {
      const value = fault[name] ?? 1;
      if (value !== "every" && !(value >= 1)) throw config(`${name} is a number from 1 on`);
    }
    for (const name of ["delay", "interval", ...ENDS] as const)
      if (!((fault[name] ?? 0) >= 0)) throw config(`${name} is a number from 0 on`);
    if (octetsOf(fault.flood)?.length === 0) throw config("a flood has at least one octet");
    this.#faults.push({ fault: { ...fault, on: fault.on.toUpperCase() }, seen: 0 });
  }

  /** Counts a response, and gives what strikes it, taken together; `undefined` for nothing. */
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

/** Whether the command is carried out, see {@link Fault.carriedOut}. */
export function isCarriedOut(fault: Fault): boolean {
  return fault.carriedOut ?? !(octetsOf(fault.reply)?.toString("latin1", 0, 4) === "-ERR");
}

export function endOf(fault: Fault): FaultEnd | undefined {
  const kind = ENDS.find((each) => fault[each] !== undefined);
  return kind === undefined ? undefined : { kind, after: fault[kind] ?? 0 };
}

/** How it stands in a transcript, behind the response as it would have been. */
export function noteOf({ kind, after }: FaultEnd): string {
  return after === Infinity ? kind : `${kind} after ${String(after)} octets`;
}

/** The octets that go out for a response that a fault strikes; `pieces` is the response as it should be. */
export function distorted(pieces: Iterable<Buffer>, fault: Fault): Iterable<Buffer> {
  return limited(around(pieces, fault), endOf(fault)?.after ?? Infinity);
}

/** So many octets of it, at most. */
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

/** `octets`, again and again. */
export function* endless(octets: Buffer): Generator<Buffer, void> {
  const piece = Buffer.alloc(octets.length * Math.ceil(FLOOD / octets.length), octets);
  for (;;) yield piece;
}

function config(message: string): Pop3Error {
  return new Pop3Error("POP3_CONFIG", message);
}

/** A string stands for its UTF-8. */
export function octetsOf(octets: Buffer | string | undefined): Buffer | undefined {
  return typeof octets === "string" ? Buffer.from(octets, "utf8") : octets;
}
