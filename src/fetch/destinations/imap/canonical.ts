// The canonical form of a message: equal for what was sent and for what a server made of it. Servers turn LF into CRLF,
// drop a CR before a line end, and replace NUL and 8-bit octets of the header.
import { createHash } from "node:crypto";

const [CR, LF, X] = [0x0d, 0x0a, 0x58];

/** The size of the pieces in which the canonical form is made; octets. */
const PIECE = 64 * 1024;

/** The number of characters of a digest: 132 bits. */
const DIGITS = 22;

/** What is compared of a message. */
export interface Canonical {
  /** A digest of the canonical form. */
  readonly digest: string;
  /** The smallest and the largest size that a server may report for it; octets. */
  readonly least: number;
  readonly most: number;
}

/**
 * Returns what to compare of a message. In its canonical form each line ends in CRLF, without CR before that and
 * without empty lines at the end, and NUL and each octet above 127 are the letter X.
 */
export function canonicalOf(octets: Buffer): Canonical {
  const hash = createHash("sha256");
  let piece = Buffer.allocUnsafe(PIECE);
  let [length, returns, lineEnds, feeds, others] = [0, 0, 0, 0, 0];
  const put = (octet: number): void => {
    piece[length++] = octet;
    if (length < PIECE) return;
    hash.update(piece);
    piece = Buffer.allocUnsafe(PIECE);
    length = 0;
  };
  for (const octet of octets) {
    if (octet === CR) {
      returns++;
    } else if (octet === LF) {
      feeds++;
      lineEnds++;
      returns = 0;
    } else {
      others++;
      // Line ends and CR count only if something follows.
      for (; lineEnds > 0; lineEnds--) {
        put(CR);
        put(LF);
      }
      for (; returns > 0; returns--) put(CR);
      put(octet === 0 || octet > 0x7f ? X : octet);
    }
  }
  hash.update(piece.subarray(0, length));
  const digest = hash.digest("base64url").slice(0, DIGITS);
  // Some servers count a line end as one octet, some as two, and some add the last one.
  return { digest, least: others, most: octets.length + feeds + 2 };
}
