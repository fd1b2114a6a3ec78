// The faults of a server: counts the responses, finds the fault that matches one, and applies it.
import { configError } from "../options/checks.ts";
import { printable } from "../protocol/printable.ts";
import { checkFault, ENDS, type Fault, type FaultEnd, type TimedFault } from "./fault.ts";

/** Bytes of a flood in one piece. */
const FLOOD = 16 * 1024;

/** The faults of one server, and how many matching responses each has seen. */
export class Faults {
  readonly #faults: {
    readonly given: Fault;
    readonly fault: TimedFault;
    readonly on: string;
    seen: number;
    struck: boolean;
  }[] = [];

  /** Adds a fault. Throws `POP3_CONFIG` for an invalid one, see {@link checkFault}. */
  add(fault: Fault): void {
    const checked = checkFault(fault);
    this.#faults.push({
      given: { ...fault },
      fault: checked,
      on: fault.on.toUpperCase(),
      seen: 0,
      struck: false,
    });
  }

  /** The faults that have not changed a response yet, as they were given. */
  get unused(): readonly Fault[] {
    return this.#faults.filter(({ struck }) => !struck).map(({ given }) => given);
  }

  /** Throws `POP3_CONFIG` if a fault has not changed a response. */
  checkUsed(): void {
    const unused = this.#faults.filter(({ struck }) => !struck);
    if (unused.length === 0) return;
    const list = unused.map(
      ({ fault: { on, nth = 1 }, seen }) =>
        `{ on: "${printable(on)}", nth: ${shownNth(nth)} } (${times(seen)})`,
    );
    throw configError(
      `the server was closed before it used ${list.join(" and ")}: correct on and nth, or set allowUnusedFaults`,
    );
  }

  /** Counts a response. Returns the merged faults that match it, or `undefined` if none does. */
  strike(on: string): TimedFault | undefined {
    const name = on.toUpperCase();
    let struck: TimedFault | undefined;
    for (const entry of this.#faults) {
      const { fault, on: each } = entry;
      if (each !== name && (each !== "*" || on === "greeting")) continue;
      entry.seen++;
      if (fault.nth !== "every" && entry.seen !== (fault.nth ?? 1)) continue;
      entry.struck = true;
      struck = { ...struck, ...fault };
    }
    return struck;
  }
}

const shownNth = (nth: number | "every"): string => (nth === "every" ? `"every"` : String(nth));
const times = (seen: number): string => `${String(seen)} such response${seen === 1 ? "" : "s"}`;

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

/** Encodes a string as UTF-8; returns anything else unchanged. */
export function octetsOf(octets: Buffer | string | undefined): Buffer | undefined {
  return typeof octets === "string" ? Buffer.from(octets, "utf8") : octets;
}
