// A toy parser that looks for the end of each bracket again: its work grows with the square of the length.
export const FILES: readonly string[] = ["test/fuzz/toys/square"];
export const TOKENS: readonly string[] = [];

export function parse(data: Buffer): void {
  for (let at = 0; at < data.length; at++) {
    if (data[at] !== 0x28) continue;
    for (let end = at; end < data.length && data[end] !== 0x29; end++);
  }
}

export function fuzz(data: Buffer): void {
  parse(data);
}
