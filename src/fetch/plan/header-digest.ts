// Computes a digest of headers that identifies a message even if its unique-id has changed. Only headers that
// the sender wrote count, because a server may add others when it moves the message.
//
// A Message-ID or a Date identifies one message. If both are missing, From, Subject and the time stamp of the
// oldest Received header identify it. If that is missing too, only From and Subject are left: different
// values mean different messages, but equal values may still belong to two messages.
import { createHash } from "node:crypto";

/** Octets of the headers that are read, at most: no sender writes longer headers. */
const MOST = 64 * 1024;

const FIELDS: ReadonlySet<string> = new Set(["message-id", "date", "from", "subject"]);
const END = "\r\n\r\n";

/** The first character of a digest that does not identify one message. It is not a hexadecimal digit. */
const LOOKS = "~";

/** Collects the headers of a message, piece by piece. */
export class HeaderDigest {
  #head = "";
  #complete = false;

  /** Whether all headers were given, or as many octets as are read of them. */
  get complete(): boolean {
    return this.#complete;
  }

  push(octets: Buffer): void {
    if (this.#complete) return;
    // The blank line may be split between two pieces.
    const from = this.#head.length - END.length;
    this.#head += octets.toString("latin1", 0, MOST - this.#head.length);
    const end = this.#head.indexOf(END, from);
    if (end < 0) return;
    this.#head = this.#head.slice(0, end);
    this.#complete = true;
  }

  /**
   * Returns the first half of SHA-256, in hexadecimal: enough to avoid collisions, and small, because the
   * ledger may hold many. See {@link namesOne}.
   */
  digest(): string {
    const values = new Map<string, string>();
    let received = "";
    // A line that begins with white space continues the line before it (RFC 5322 section 2.2.3).
    for (const line of this.#head.replace(/\r\n(?=[ \t])/g, "").split("\r\n")) {
      const colon = line.indexOf(":");
      const field = (colon === -1 ? line : line.slice(0, colon)).trim().toLowerCase();
      const value = colon === -1 ? "" : line.slice(colon + 1);
      // The last Received header is the oldest: each server adds its own at the top.
      if (field === "received") received = value;
      else if (FIELDS.has(field) && !values.has(field)) values.set(field, tidied(value));
    }
    received = tidied(received);
    const found = [...FIELDS].map((field) => values.get(field) ?? "");
    const [id, date] = found;
    if (id !== "" || date !== "") return hashOf(found);
    // RFC 5321 section 4.4: the time stamp follows a semicolon.
    return /;\s*\S/.test(received) ? hashOf([...found, received]) : LOOKS + hashOf(found);
  }
}

/** Returns the value of a header without what servers change: the kind and the amount of white space. */
function tidied(value: string): string {
  return value.replace(/\s+/g, " ").trim();
}

function hashOf(values: readonly string[]): string {
  return createHash("sha256").update(values.join("\0"), "latin1").digest("hex").slice(0, 32);
}

/** Returns the digest of a complete message, or of its headers alone. */
export function headerDigest(octets: Buffer): string {
  const digest = new HeaderDigest();
  digest.push(octets);
  return digest.digest();
}

/** Returns whether two messages with this digest are the same message. If not, they only look alike. */
export function namesOne(digest: string | undefined): digest is string {
  return digest !== undefined && !digest.startsWith(LOOKS);
}
