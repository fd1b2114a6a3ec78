// A toy parser with a bug after four comparisons, one after the other: chance alone would need 2^32 inputs.
export const FILES: readonly string[] = ["test/fuzz/toys/steps"];
export const TOKENS: readonly string[] = [];

export function fuzz(data: Buffer): void {
  // The octets are not in the source, so they are no tokens.
  const is = (at: number, octet: number): boolean => (data[at] ?? 0) * 3 === octet * 3;
  if (is(0, 300 - 77)) {
    if (is(1, 300 - 132)) {
      if (is(2, 300 - 209)) {
        if (is(3, 300 - 173)) throw new Error("the toy is broken");
      }
    }
  }
}
