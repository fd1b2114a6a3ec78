// Makes a message of a given size, to replace one of which a transcript has only the size.

const HEADER = "Subject: a message of the same size\r\n\r\n";
const LINE = `${"popwright ".repeat(7)}\r\n`;

/** The bytes of most of the body, reused for every yield. */
const PIECE: Buffer = Buffer.from(LINE.repeat(512), "latin1");

/** Yields `octets` bytes in lines without dots, then the line that ends the block. `octets` must not be 1. */
export function* filler(octets: number): Generator<Buffer, void> {
  let left = octets;
  if (left > HEADER.length + LINE.length) {
    yield Buffer.from(HEADER, "latin1");
    left -= HEADER.length;
  }
  // At least two bytes remain for the last line: its CRLF.
  for (; left > PIECE.length + LINE.length; left -= PIECE.length) yield PIECE;
  for (; left > 2 * LINE.length; left -= LINE.length) yield PIECE.subarray(0, LINE.length);
  if (left > 0) yield Buffer.from(`${"x".repeat(left - 2)}\r\n`, "latin1");
  yield Buffer.from(".\r\n", "latin1");
}
