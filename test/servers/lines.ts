// A line ends with CRLF on the wire, and with what the server likes on its disk.

/** Every LF without CR as CRLF, and CRLF at the end if the last octet is not LF. All else stays as it is. */
export function crlfLines(octets: Uint8Array): Buffer {
  const lines = Buffer.from(octets).toString("latin1").replace(/\r?\n/g, "\r\n");
  return Buffer.from(lines.endsWith("\n") ? lines : `${lines}\r\n`, "latin1");
}

/** Every CRLF as LF. All else stays as it is. */
export function lfLines(octets: Uint8Array): Buffer {
  return Buffer.from(Buffer.from(octets).toString("latin1").replaceAll("\r\n", "\n"), "latin1");
}
