// SASLprep (RFC 4013): converts a user name or a password to one normal form, so that equal texts have equal
// bytes.
import type * as saslprepPackage from "@mongodb-js/saslprep";
import { Pop3Error } from "../errors.ts";

const PRINTABLE_ASCII = /^[ -~]*$/;
const ASCII = /^[\0-\x7f]*$/;

/**
 * Prepares `text`; `what` names it in errors. Printable ASCII is not changed. Text outside ASCII needs the
 * package `@mongodb-js/saslprep`, an optional peer dependency. Rejects with `POP3_NOT_SUPPORTED` if the
 * package is missing, and with `POP3_INVALID_ARGUMENT` if RFC 4013 prohibits the text or nothing remains of
 * it.
 */
export async function saslprep(text: string, what: string): Promise<string> {
  const prepared = await prepare(text);
  if (prepared === undefined) {
    throw new Pop3Error("POP3_INVALID_ARGUMENT", `the ${what} is not allowed by SASLprep (RFC 4013)`);
  }
  if (prepared === "") throw new Pop3Error("POP3_INVALID_ARGUMENT", `the ${what} must not be empty`);
  return prepared;
}

/** Returns `undefined` if the text is prohibited. */
async function prepare(text: string): Promise<string | undefined> {
  if (PRINTABLE_ASCII.test(text)) return text;
  // The text has ASCII control characters, which are prohibited (RFC 4013 section 2.3).
  if (ASCII.test(text)) return undefined;
  const loaded = await load();
  try {
    // RFC 5802 prohibits code points that Unicode 3.2 does not have (most emoji), as for a string to be
    // stored. But the password is already stored on the server, and servers accept it.
    return loaded.saslprep(text, { allowUnassigned: true });
  } catch {
    // Drop the package's error: it may quote the text, which may be a secret.
    return undefined;
  }
}

async function load(): Promise<typeof saslprepPackage> {
  try {
    return await import("@mongodb-js/saslprep");
  } catch (cause) {
    throw new Pop3Error(
      "POP3_NOT_SUPPORTED",
      'SCRAM with a user name or a password outside ASCII needs the package "@mongodb-js/saslprep": npm install @mongodb-js/saslprep',
      { cause },
    );
  }
}
