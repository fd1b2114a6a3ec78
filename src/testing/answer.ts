// The server's answer to one line of the client (RFC 1939 section 3).

export interface Answer {
  /** The status line, without its CRLF. */
  readonly line: string;
  /** The multi-line block that follows the line, before byte-stuffing. */
  readonly block?: Buffer;
  /** The block is a listing, not a message. */
  readonly listing?: true;
  /** What happens to the connection after the answer was sent. */
  readonly then?: "close" | "starttls";
}

export function ok(text: string): Answer {
  return { line: `+OK ${text}`.trimEnd() };
}

/** `lines`: the lines of the block, without CRLF. */
export function okWithLines(text: string, lines: readonly string[]): Answer {
  const block = Buffer.from(lines.map((line) => `${line}\r\n`).join(""), "utf8");
  return { ...ok(text), block, listing: true };
}

export function err(text: string): Answer {
  return { line: `-ERR ${text}` };
}

/** RFC 5034 section 4: even an empty challenge has the space after `+`. */
export function challenge(octets: Buffer): Answer {
  return { line: `+ ${octets.toString("base64")}` };
}
