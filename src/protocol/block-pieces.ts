// The block of a multi-line response piece by piece: a large message is sent without a second copy of it.

const CRLF_DOT: Buffer = Buffer.from("\r\n.", "latin1");
const DOT: Buffer = Buffer.from(".", "latin1");
const END: Buffer = Buffer.from(".\r\n", "latin1");
const CRLF: Buffer = Buffer.from("\r\n", "latin1");

/** The octets of `message` in a piece, before its dots are doubled. */
const PIECE = 64 * 1024;

/** What `encodeBlock` gives, in pieces; those without a stuffed dot are slices of `message`. */
export function* blockPieces(message: Buffer, size: number = PIECE): Generator<Buffer, void> {
  for (let from = 0; from < message.length; from += size) {
    yield stuffed(message, from, Math.min(from + size, message.length));
  }
  if (!endsInCrlf(message)) yield CRLF;
  yield END;
}

/** The octets of `message` as a client gets to see them: with the CRLF that completes its last line. */
export function blockSize(message: Buffer): number {
  return message.length + (endsInCrlf(message) ? 0 : CRLF.length);
}

/** The octets from `from` to `to`, a dot put before each that starts a line. */
function stuffed(message: Buffer, from: number, to: number): Buffer {
  const pieces: Buffer[] = [];
  if (from === 0 && message[0] === DOT[0]) pieces.push(DOT);
  // Two octets back: the CRLF may stand at the end of the piece before.
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

/** Whether a line is finished at the end of `message`; that of an empty one counts as finished. */
function endsInCrlf(message: Buffer): boolean {
  const length = message.length;
  return length === 0 || (message[length - 1] === 10 && message[length - 2] === 13);
}
