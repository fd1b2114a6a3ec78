// A message that stands for another one of which only the size is known.

const HEADER = "Subject: a message of the same size\r\n\r\n";
const LINE = `${"popwright ".repeat(7)}\r\n`;

/** Octets that are made at once. */
const PIECE: Buffer = Buffer.from(LINE.repeat(512), "latin1");

/** So many octets in lines without dots, and the line that ends the block. There is no message of one octet. */
export function* filler(octets: number): Generator<Buffer, void> {
  let left = octets;
  if (left > HEADER.length + LINE.length) {
    yield Buffer.from(HEADER, "latin1");
    left -= HEADER.length;
  }
  // What is left for the last line is two octets at least.
  for (; left > PIECE.length + LINE.length; left -= PIECE.length) yield PIECE;
  for (; left > 2 * LINE.length; left -= LINE.length) yield PIECE.subarray(0, LINE.length);
  if (left > 0) yield Buffer.from(`${"x".repeat(left - 2)}\r\n`, "latin1");
  yield Buffer.from(".\r\n", "latin1");
}
