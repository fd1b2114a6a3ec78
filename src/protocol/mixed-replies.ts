// Finds the reply to another command inside a message. A server that answers out of order writes that reply
// into the octets of the previous message. Without this check, the damaged message would count as complete.
//
// A correct message may contain such a line. So the line counts only if the size of the message differs from
// the size in LIST and from the size in the first line of the reply. The caller ensures that another reply is
// expected.

/** The longest status line to search for, in octets. */
const LONGEST = 512;
const NOTHING: Buffer = Buffer.alloc(0);
const OK: Buffer = Buffer.from("+OK");
const CRLF: Buffer = Buffer.from("\r\n");
const STATUS_AT_THE_END = /(?:^|\n)(?:\+OK|-ERR)(?: [^\r\n]*)?\r\n(?:\r\n)?$/;

export class MixedReplies {
  readonly #listed: number | undefined;
  readonly #status: string;
  #octets = 0;
  #tail: Buffer = NOTHING;
  #found = false;

  /** `line`: the first line of the reply, without its CRLF. `listed`: the size in LIST. */
  constructor(line: Buffer, listed: number | undefined) {
    this.#status = line.toString("latin1", 0, LONGEST);
    this.#listed = listed;
  }

  /** Searches the next octets of the message. */
  look(octets: Buffer): void {
    // A line may start in one piece and end in the next.
    const seam = Buffer.concat([this.#tail, octets.subarray(0, LONGEST)]);
    this.#found ||= this.#search(octets) || this.#search(seam);
    this.#octets += octets.length;
    const end = octets.length < LONGEST ? seam : octets;
    this.#tail = Buffer.from(end.subarray(-LONGEST));
  }

  /** Whether the message contains the reply to another command. Valid after all octets were searched. */
  get found(): boolean {
    if (this.isExpected(this.#octets)) return false;
    return this.#found || STATUS_AT_THE_END.test(this.#tail.toString("latin1"));
  }

  /** Tests whether the size is one that the server announced. Returns `true` if the server announced none. */
  isExpected(octets: number): boolean {
    if (octets === this.#listed) return true;
    const said = /^\+OK (\d{1,15})\b/.exec(this.#status)?.[1];
    if (said === undefined && this.#listed === undefined) return true;
    return octets === Number(said);
  }

  /**
   * Searches for a line that differs from the first line of this reply only in its numbers. It may start
   * anywhere. If the first line has no number, there is no evidence: mail may quote `+OK`.
   */
  #search(octets: Buffer): boolean {
    const shape = shapeOf(this.#status);
    if (shape === this.#status) return false;
    for (let at = octets.indexOf(OK); at !== -1; at = octets.indexOf(OK, at + 1)) {
      const end = octets.indexOf(CRLF, at);
      if (end === -1) return false;
      if (end - at <= LONGEST && shapeOf(octets.toString("latin1", at, end)) === shape) return true;
    }
    return false;
  }
}

function shapeOf(line: string): string {
  return line.replace(/\d+/g, "<number>");
}
