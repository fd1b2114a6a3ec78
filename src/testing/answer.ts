// What the server says to one line of the client (RFC 1939 section 3).

export interface Answer {
  /** The status line, without its CRLF. */
  readonly line: string;
  /** The octets of the block behind it, as they were before dots are doubled. */
  readonly block?: Buffer;
  /** Whether the block is a listing, and no message. */
  readonly listing?: true;
  /** What happens to the connection once this was sent. */
  readonly then?: "close" | "starttls";
}

export function ok(text: string): Answer {
  return { line: `+OK ${text}`.trimEnd() };
}

/** `lines`: the block, as text without CRLF. */
export function okWithLines(text: string, lines: readonly string[]): Answer {
  const block = Buffer.from(lines.map((line) => `${line}\r\n`).join(""), "utf8");
  return { ...ok(text), block, listing: true };
}

export function err(text: string): Answer {
  return { line: `-ERR ${text}` };
}

/** RFC 5034 section 4: an empty challenge keeps its space. */
export function challenge(octets: Buffer): Answer {
  return { line: `+ ${octets.toString("base64")}` };
}
