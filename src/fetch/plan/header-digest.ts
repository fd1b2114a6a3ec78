// The digest of the headers by which a message is known again if its unique-id has changed: those that its sender wrote,
// as a server may add others when the message is moved.
//
// Message-ID or Date name one message; without both of them, From, Subject and the time stamp of the oldest Received do.
// What has none of the three goes by From and Subject: they tell messages apart, but two that agree may be two messages.
import { createHash } from "node:crypto";

/** What is looked at, at most: longer headers are not from a sender. Octets. */
const MOST = 64 * 1024;

const FIELDS = ["message-id", "date", "from", "subject"] as const;
const END = "\r\n\r\n";

/** The first character of a digest that does not name one message. No hexadecimal digit. */
const LOOKS = "~";

/** Takes in a message as it comes. */
export class HeaderDigest {
  #head = "";
  #over = false;

  push(octets: Buffer): void {
    if (this.#over) return;
    // The end may lie across two pieces.
    const from = Math.max(0, this.#head.length - END.length);
    this.#head += octets.toString("latin1", 0, Math.min(octets.length, MOST));
    const end = this.#head.indexOf(END, from);
    if (end >= 0) this.#head = this.#head.slice(0, end);
    this.#over = end >= 0 || this.#head.length >= MOST;
  }

  /** Half of SHA-256, in hexadecimal, which is enough, and there may be many. See {@link namesOne}. */
  digest(): string {
    const values = new Map<string, string>();
    let received = "";
    // A line that begins with white space goes on with the one before (RFC 5322 section 2.2.3).
    for (const line of this.#head.replace(/\r\n(?=[ \t])/g, "").split("\r\n")) {
      const [name = "", ...rest] = line.split(":");
      const field = name.trim().toLowerCase();
      const value = rest.join(":").replace(/\s+/g, " ").trim();
      // The last one is the oldest: a server adds its own at the top.
      if (field === "received") received = value;
      else if (!values.has(field)) values.set(field, value);
    }
    const found = FIELDS.map((field) => values.get(field) ?? "");
    const [id, date] = found;
    if (id !== "" || date !== "") return hashOf(found);
    // RFC 5321 section 4.4: the time stamp follows a semicolon.
    return /;\s*\S/.test(received) ? hashOf([...found, received]) : LOOKS + hashOf(found);
  }
}

function hashOf(values: readonly string[]): string {
  return createHash("sha256").update(values.join("\0"), "latin1").digest("hex").slice(0, 32);
}

/** The digest of a message that is there as a whole, or of its headers alone. */
export function headerDigest(octets: Buffer): string {
  const digest = new HeaderDigest();
  digest.push(octets);
  return digest.digest();
}

/** Whether two messages with this digest are the same message. Without it, they only look alike. */
export function namesOne(digest: string | undefined): digest is string {
  return digest !== undefined && !digest.startsWith(LOOKS);
}
