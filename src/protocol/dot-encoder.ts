// Encodes a message into the block of a multi-line response (RFC 1939 section 3). It is the inverse of the
// decoder.

const CRLF_DOT: Buffer = Buffer.from("\r\n.", "latin1");
const DOT: Buffer = Buffer.from(".", "latin1");
const END: Buffer = Buffer.from(".\r\n", "latin1");
const CRLF_END: Buffer = Buffer.from("\r\n.\r\n", "latin1");

/**
 * Returns the octets to send after the status line. Dots at the start of lines are doubled, a missing CRLF of
 * the last line is added, and a line with a single dot ends the block.
 */
export function encodeBlock(message: Buffer): Buffer {
  const pieces: Buffer[] = [];
  if (message[0] === DOT[0]) pieces.push(DOT);
  let start = 0;
  for (let at = message.indexOf(CRLF_DOT); at !== -1; at = message.indexOf(CRLF_DOT, start)) {
    pieces.push(message.subarray(start, at + 3), DOT);
    start = at + 3;
  }
  pieces.push(message.subarray(start), endsInCrlf(message) ? END : CRLF_END);
  return Buffer.concat(pieces);
}

/** Tests whether the last line of `message` is complete. An empty message counts as complete. */
function endsInCrlf(message: Buffer): boolean {
  const length = message.length;
  return length === 0 || (message[length - 1] === 10 && message[length - 2] === 13);
}
