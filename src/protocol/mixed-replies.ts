// Finds the reply to another command inside a message. A server that answers out of order writes that reply
// into the octets of the previous message. Without this check, the damaged message would count as complete.
//
// A correct message may contain such a line. So the line counts only if the size of the message differs from
// the size in LIST and from the size in the first line of the reply. A line that looks like another reply to the same
// command counts anywhere, and each status line at the end. Any other one, such as a refusal in the middle, counts if
// the message without it has one of these sizes. The caller ensures that another reply is expected.

/** The longest status line to search for, in octets. */
const LONGEST = 512;
const NOTHING: Buffer = Buffer.alloc(0);
const OK: Buffer = Buffer.from("+OK");
const ERR: Buffer = Buffer.from("-ERR");
const CRLF: Buffer = Buffer.from("\r\n");
const STATUS_LINE = /^(?:\+OK|-ERR)(?: |$)/;
const STATUS_AT_THE_END = /(?:^|\n)(?:\+OK|-ERR)(?: [^\r\n]*)?\r\n(?:\r\n)?$/;

export class MixedReplies {
  readonly #listed: number | undefined;
  readonly #status: string;
  /** The shape of the status line; `undefined` if it has no number. */
  readonly #shape: string | undefined;
  #octets = 0;
  #tail: Buffer = NOTHING;
  #found = false;
  /** The lengths of all status lines in the message, CRLF included. */
  readonly #lengths: Set<number> = new Set();

  /** `line`: the first line of the reply, without its CRLF. `listed`: the size in LIST. */
  constructor(line: Buffer, listed: number | undefined) {
    this.#status = line.toString("latin1", 0, LONGEST);
    this.#listed = listed;
    const shape = shapeOf(this.#status);
    if (shape !== this.#status) this.#shape = shape;
  }

  /** Searches the next octets of the message. */
  look(octets: Buffer): void {
    // A line may start in one piece and end in the next.
    const seam = Buffer.concat([this.#tail, octets.subarray(0, LONGEST)]);
    this.#found ||= this.#search(octets, OK) || this.#search(seam, OK);
    if (!this.#found) {
      this.#search(octets, ERR);
      this.#search(seam, ERR);
    }
    this.#octets += octets.length;
    const end = octets.length < LONGEST ? seam : octets;
    this.#tail = Buffer.from(end.subarray(-LONGEST));
  }

  /** Whether the message contains the reply to another command. Valid after all octets were searched. */
  get found(): boolean {
    if (this.isExpected(this.#octets)) return false;
    if (this.#found || STATUS_AT_THE_END.test(this.#tail.toString("latin1"))) return true;
    // Without that line the message has just the size that the server announced.
    return [...this.#lengths].some((length) => this.isExpected(this.#octets - length));
  }

  /** Tests whether the size is one that the server announced. Returns `true` if the server announced none. */
  isExpected(octets: number): boolean {
    if (octets === this.#listed) return true;
    const said = /^\+OK (\d{1,15})\b/.exec(this.#status)?.[1];
    if (said === undefined && this.#listed === undefined) return true;
    return octets === Number(said);
  }

  /**
   * Searches for status lines, which may start anywhere, and notes their lengths. Returns whether one of them differs
   * from the first line of this reply only in its numbers. If the first line has no number, that proves nothing: mail
   * may quote `+OK`.
   */
  #search(octets: Buffer, start: Buffer): boolean {
    for (let at = octets.indexOf(start); at !== -1; at = octets.indexOf(start, at + 1)) {
      const end = octets.indexOf(CRLF, at);
      if (end === -1) return false;
      if (end - at > LONGEST) continue;
      const line = octets.toString("latin1", at, end);
      if (shapeOf(line) === this.#shape) return true;
      if (STATUS_LINE.test(line)) this.#lengths.add(line.length + CRLF.length);
    }
    return false;
  }
}

function shapeOf(line: string): string {
  return line.replace(/\d+/g, "<number>");
}
