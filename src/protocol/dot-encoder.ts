// Encodes a message into the block of a multi-line response (RFC 1939 section 3), piece by piece: no second copy of a
// large message is made. It is the inverse of the decoder.

const CRLF_DOT: Buffer = Buffer.from("\r\n.");
const DOT: Buffer = Buffer.from(".");
const END: Buffer = Buffer.from(".\r\n");
const CRLF: Buffer = Buffer.from("\r\n");

/** The size of a piece in octets, before dot-stuffing. */
const PIECE = 64 * 1024;

/**
 * Yields the octets to send after the status line. Dots at the start of lines are doubled, a missing CRLF of the last
 * line is added, and a line with a single dot ends the block. Pieces without a stuffed dot are slices of `message`.
 */
export function* blockPieces(message: Buffer, size: number = PIECE): Generator<Buffer, void> {
  for (let from = 0; from < message.length; from += size) {
    yield stuffed(message, from, Math.min(from + size, message.length));
  }
  if (!endsInCrlf(message)) yield CRLF;
  yield END;
}

/** Returns all octets of {@link blockPieces} in one Buffer. */
export function encodeBlock(message: Buffer): Buffer {
  return Buffer.concat([...blockPieces(message)]);
}

/**
 * Returns the size of `message` as a client receives it, in octets: with a CRLF at the end of its last line.
 */
export function blockSize(message: Buffer): number {
  return message.length + (endsInCrlf(message) ? 0 : CRLF.length);
}

/** Returns the octets from `from` to `to`. Each dot that starts a line is doubled. */
function stuffed(message: Buffer, from: number, to: number): Buffer {
  const pieces: Buffer[] = [];
  if (from === 0 && message[0] === DOT[0]) pieces.push(DOT);
  // Start two octets earlier: the CRLF may be at the end of the previous piece.
  const back = Math.min(from, 2);
  const seen = message.subarray(from - back, to);
  let start = back;
  for (let at = seen.indexOf(CRLF_DOT); at !== -1; at = seen.indexOf(CRLF_DOT, at + 3)) {
    pieces.push(seen.subarray(start, at + 2), DOT);
    start = at + 2;
  }
  if (pieces.length === 0) return seen.subarray(back);
  pieces.push(seen.subarray(start));
  return Buffer.concat(pieces);
}

/** Tests whether the last line of `message` is complete. An empty message counts as complete. */
function endsInCrlf(message: Buffer): boolean {
  const length = message.length;
  return length === 0 || (message[length - 1] === 10 && message[length - 2] === 13);
}
