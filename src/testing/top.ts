// The part of a message that TOP shows: its headers, the empty line, and so many lines of its body (RFC 1939 section 7).

const CRLF: Buffer = Buffer.from("\r\n", "latin1");
const END_OF_HEADERS: Buffer = Buffer.from("\r\n\r\n", "latin1");

/** A slice of `message`. One without an empty line is all headers. */
export function topOf(message: Buffer, lines: number): Buffer {
  let end = endOfHeaders(message);
  for (let line = 0; line < lines && end < message.length; line++) {
    const crlf = message.indexOf(CRLF, end);
    end = crlf === -1 ? message.length : crlf + CRLF.length;
  }
  return message.subarray(0, end);
}

function endOfHeaders(message: Buffer): number {
  if (message.indexOf(CRLF) === 0) return CRLF.length;
  const end = message.indexOf(END_OF_HEADERS);
  return end === -1 ? message.length : end + END_OF_HEADERS.length;
}
