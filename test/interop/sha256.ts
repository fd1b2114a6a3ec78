// Compares messages by their digests: a difference in ten thousand messages is one line, not a dump of
// octets.
import { createHash } from "node:crypto";

/** In hexadecimal. */
export function sha256(octets: Uint8Array): string {
  return createHash("sha256").update(octets).digest("hex");
}
