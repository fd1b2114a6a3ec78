// What can go wrong on purpose: each fault says which response it strikes, and what the octets of it suffer.
import { Pop3Error } from "../errors.ts";

/**
 * A fault, as data. What it names is done in this order: `reply` takes the place of the response, `before` and
 * `after` go around it, `close`, `cut`, `reset` or `stall` end it after so many octets, `split` cuts it into packets.
 * Where several faults strike the same response, they are taken together, and later ones win.
 *
 * @example
 * { on: "RETR", nth: 2, reset: 100 }              // RST behind 100 octets of the second RETR's response
 * { on: "greeting", reply: "-ERR go away\r\n" }
 * { on: "STLS", after: "+OK injected\r\n" }
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
  /** Octets that are sent instead of the response. They are sent as they are: give their CRLF too. */
  readonly reply?: Buffer | string;
  /**
   * Whether the command is carried out. Where it is not, nothing is said to it but `reply`, `before` and `after`.
   * @default true, unless `reply` begins with `-ERR`
   */
  readonly carriedOut?: boolean;
  /** Octets that go out ahead of the response, in the same packet where that is possible. */
  readonly before?: Buffer | string;
  /** Octets that go out behind the response, in the same packet where that is possible. */
  readonly after?: Buffer | string;
  /** Octets that go out behind the response in a packet of their own, without being asked for. */
  readonly later?: Buffer | string;
  /** The connection is closed (FIN, close_notify before it) after so many octets: 0 for none, Infinity for all. */
  readonly close?: number;
  /** As `close`, but under TLS without close_notify: as if somebody had cut the connection. */
  readonly cut?: number;
  /** The connection is reset (RST) after so many octets. */
  readonly reset?: number;
  /** Nothing more is ever sent after so many octets, and the connection stays open. */
  readonly stall?: number;
  /** The most octets in a packet; 1: each octet alone. */
  readonly split?: number;
}

/** How a response ends before its time, or right behind it. */
export interface FaultEnd {
  readonly kind: "close" | "cut" | "reset" | "stall";
  /** Octets that are sent first. */
  readonly after: number;
}

const ENDS = ["close", "cut", "reset", "stall"] as const;

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

/** The octets that go out for a response that a fault strikes; `pieces` is the response as it should be. */
export function* distorted(pieces: Iterable<Buffer>, fault: Fault): Generator<Buffer, void> {
  let left = endOf(fault)?.after ?? Infinity;
  for (const piece of around(pieces, fault)) {
    if (left <= 0) return;
    yield piece.length <= left ? piece : piece.subarray(0, left);
    left -= piece.length;
  }
}

function* around(pieces: Iterable<Buffer>, fault: Fault): Generator<Buffer, void> {
  const [before, reply, after] = [fault.before, fault.reply, fault.after].map(octetsOf);
  if (before !== undefined) yield before;
  if (reply !== undefined) yield reply;
  else yield* pieces;
  if (after !== undefined) yield after;
}

function config(message: string): Pop3Error {
  return new Pop3Error("POP3_CONFIG", message);
}

/** A string stands for its UTF-8. */
export function octetsOf(octets: Buffer | string | undefined): Buffer | undefined {
  return typeof octets === "string" ? Buffer.from(octets, "utf8") : octets;
}
