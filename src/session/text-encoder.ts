// Encodes user names and passwords in UTF-8 (RFC 6856) or in the charset of an old server. Never replaces a
// character: throws if the charset lacks it.
import { Pop3Error } from "../errors.ts";

export type Encoder = (text: string) => Buffer;

const utf8: Encoder = (text) => {
  // A lone surrogate has no UTF-8 encoding: Node would send U+FFFD instead.
  if (/\p{Surrogate}/u.test(text))
    throw new Pop3Error(
      "POP3_INVALID_ARGUMENT",
      "the user name and the password must be well-formed Unicode: one has a lone surrogate",
    );
  return Buffer.from(text, "utf8");
};

/**
 * Returns an encoder for `charset`, a name of `iconv-lite`; `undefined`: UTF-8. Rejects with `POP3_CONFIG` if
 * the charset is unknown or not compatible with ASCII, which commands need. The encoder throws
 * `POP3_INVALID_ARGUMENT` for characters that the charset lacks: `iconv-lite` would replace them.
 */
export async function encoderOf(charset: string | undefined): Promise<Encoder> {
  if (charset === undefined) return utf8;
  const { default: iconv } = await import("iconv-lite");
  const ascii = "USER ann";
  if (!iconv.encodingExists(charset) || iconv.encode(ascii, charset).toString("latin1") !== ascii) {
    throw new Pop3Error(
      "POP3_CONFIG",
      `auth.charset must be a charset of iconv-lite that is compatible with ASCII (got "${charset}")`,
    );
  }
  return (text) => {
    const octets = iconv.encode(text, charset);
    if (iconv.decode(octets, charset) !== text) {
      throw new Pop3Error(
        "POP3_INVALID_ARGUMENT",
        `the user name or the password has characters that ${charset} does not have`,
      );
    }
    return octets;
  };
}
