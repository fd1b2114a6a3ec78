// The mail that was there before the first run, where that is none of ours. What has a unique-id is noted at once; what
// goes by its content has to be looked at, which more than one run may take.
import { createHash } from "node:crypto";
import type { CompletePolicy } from "./policy.ts";

/** A message as the server lists it; octets. */
interface Sized {
  readonly size: number | undefined;
}

/** Of what the first run finds: the messages that are not to be fetched, the oldest ones. */
export function oldMail<T extends Sized>(
  listing: readonly T[],
  firstRun: CompletePolicy["firstRun"],
): readonly T[] {
  if (firstRun === "all") return [];
  return firstRun === "none" ? listing : listing.slice(0, Math.max(0, listing.length - firstRun.newest));
}

/** What these messages are known by in the next session: how many they are, and their sizes in order. */
export function markOf(old: readonly Sized[]): string {
  const sizes = old.map(({ size }) => String(size)).join(" ");
  return `${String(old.length)} ${createHash("sha256").update(sizes).digest("hex")}`;
}

/** The messages of a mark; none where anything is missing among them, as then nobody knows which are new. */
export function markedMail<T extends Sized>(mark: string, listing: readonly T[]): readonly T[] {
  const old = listing.slice(0, Number.parseInt(mark, 10));
  return markOf(old) === mark ? old : [];
}
