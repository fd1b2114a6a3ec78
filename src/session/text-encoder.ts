// User names and passwords as octets: in UTF-8 (RFC 6856), or in the charset that an old server keeps them in.
import { Pop3Error } from "../errors.ts";

export type Encoder = (text: string) => Buffer;

const utf8: Encoder = (text) => {
  // Half of a surrogate pair has no UTF-8: something else would go out in its place.
  if (/\p{Surrogate}/u.test(text))
    throw new Pop3Error("POP3_INVALID_ARGUMENT", "the user name or the password is no text");
  return Buffer.from(text, "utf8");
};

/**
 * `charset`: as `iconv-lite` names it; `undefined`: UTF-8. Rejects with `POP3_CONFIG` for one that is unknown, or
 * in which a command line could not be written. The encoder throws `POP3_INVALID_ARGUMENT` for characters that
 * the charset lacks: something else would go out in their place.
 */
export async function encoderOf(charset: string | undefined): Promise<Encoder> {
  if (charset === undefined) return utf8;
  const { default: iconv } = await import("iconv-lite");
  const ascii = "USER ann";
  if (!iconv.encodingExists(charset) || iconv.encode(ascii, charset).toString("latin1") !== ascii) {
    throw new Pop3Error("POP3_CONFIG", "auth.charset is no charset that goes with ASCII");
  }
  return (text) => {
    const octets = iconv.encode(text, charset);
    if (iconv.decode(octets, charset) !== text) {
      throw new Pop3Error(
        "POP3_INVALID_ARGUMENT",
        `the user name or the password has characters that ${charset} lacks`,
      );
    }
    return octets;
  };
}
