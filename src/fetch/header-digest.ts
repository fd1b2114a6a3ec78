// The digest of the headers by which a message is known again where its unique-id has changed: those that its
// sender wrote, as a server may add others when it is moved.
import { createHash } from "node:crypto";

/** What is looked at, at most: longer headers are no sender's. Octets. */
const MOST = 64 * 1024;

const FIELDS = ["message-id", "date", "from", "subject"] as const;
const END = "\r\n\r\n";

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

  /** Half of SHA-256, in hexadecimal, which is enough, and there may be many; `undefined` where nothing of them tells it from others of its kind. */
  digest(): string | undefined {
    const values = new Map<string, string>();
    // A line that begins with white space goes on with the one before (RFC 5322 section 2.2.3).
    for (const line of this.#head.replace(/\r\n(?=[ \t])/g, "").split("\r\n")) {
      const [name = "", ...rest] = line.split(":");
      const field = name.trim().toLowerCase();
      if (!values.has(field)) values.set(field, rest.join(":").replace(/\s+/g, " ").trim());
    }
    const found = FIELDS.map((field) => values.get(field) ?? "");
    const [id, date] = found;
    if (id === "" && date === "") return undefined;
    return createHash("sha256").update(found.join("\0"), "latin1").digest("hex").slice(0, 32);
  }
}

/** The digest of a message that is there as a whole, or its headers alone. */
export function headerDigest(octets: Buffer): string | undefined {
  const digest = new HeaderDigest();
  digest.push(octets);
  return digest.digest();
}
