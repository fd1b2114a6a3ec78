// What a destination answers and stores, compared with what it was given.
import { printable } from "../../../protocol/printable.ts";
import { Broken } from "../calls.ts";

/** What `commit` has answered. Throws if that is not an answer. `what`: the call in words. */
export function resultOf(
  committed: unknown,
  what: string,
): { readonly result: "new" | "known"; readonly recorded: boolean } {
  const recorded = typeof committed === "object";
  const result = recorded ? (committed as { recorded?: unknown } | null)?.recorded : committed;
  if (result !== "new" && result !== "known")
    throw new Broken(
      `${what} must resolve with "new", "known" or { recorded } (got ${JSON.stringify(committed)})`,
    );
  return { result, recorded };
}

/** Says how a message differs from the ones that are stored: from the one that begins like it. */
export function difference(expected: Buffer, stored: readonly Buffer[]): string {
  const same = stored.map((each) => {
    let at = 0;
    while (at < each.length && each[at] === expected[at]) at++;
    return at;
  });
  const best = same.indexOf(Math.max(...same));
  const other = stored[best];
  if (other === undefined) return "a message is missing";
  const at = same[best] as number;
  const around = (octets: Buffer): string =>
    at >= octets.length ? "the end" : `"${printable(octets.toString("latin1", at, at + 20))}"`;
  return (
    `a message of ${expected.length} bytes was not kept: at byte ${at} the place has ${around(other)}, ` +
    `and not ${around(expected)} (it has ${other.length} bytes)`
  );
}
