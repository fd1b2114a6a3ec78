// SASLprep (RFC 4013): the form in which names and passwords are compared. It shares no code with the
// client's SASLprep, so that the tests compare two implementations.

/**
 * RFC 3454 B.1: characters mapped to nothing. U+200B is also a space in table C.1.2; here it is mapped to
 * nothing.
 */
const NOTHING =
  /\u00ad|\u034f|\u1806|\u180b|\u180c|\u180d|\u200b|\u200c|\u200d|\u2060|\ufeff|[\ufe00-\ufe0f]/gu;
/** C.1.2: spaces outside ASCII. */
const SPACES = /[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]/gu;
/** C.2 to C.9: prohibited characters, without those already removed. */
const PROHIBITED =
  /[\0-\x1f\x7f-\x9f\u06dd\u070f\u180e\u200e\u200f\u2028-\u202e\u2061-\u2063\u206a-\u206f\u2ff0-\u2ffb\ufff9-\ufffd\u{1d173}-\u{1d17a}\u{e0001}\u{e0020}-\u{e007f}\p{Co}\p{Cs}\p{Noncharacter_Code_Point}]/u;

/**
 * Returns the prepared form, or `undefined` if the text contains a prohibited character. Invalid UTF-8 was
 * decoded to U+FFFD, which is prohibited. Does not check bidirectional text (section 2.4).
 */
export function saslprep(text: string): string | undefined {
  const prepared = text.replace(NOTHING, "").replace(SPACES, " ").normalize("NFKC");
  return PROHIBITED.test(prepared) ? undefined : prepared;
}
