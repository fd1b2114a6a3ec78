// SASLprep (RFC 4013): one spelling for a user name or a password, however it was typed.
import type * as saslprepPackage from "@mongodb-js/saslprep";
import { Pop3Error } from "../errors.ts";

const PRINTABLE_ASCII = /^[ -~]*$/;
const ASCII = /^[\0-\x7f]*$/;

/**
 * `text`, prepared; `what` it is, in the words of an error. Printable ASCII stays what it is; what lies beyond ASCII is work for the package
 * `@mongodb-js/saslprep`, an optional peer. Rejects with `POP3_NOT_SUPPORTED` where it is missing, and with
 * `POP3_INVALID_ARGUMENT` for what RFC 4013 prohibits, or when nothing is left.
 */
export async function saslprep(text: string, what: string): Promise<string> {
  const prepared = await prepare(text);
  if (prepared === undefined) {
    throw new Pop3Error("POP3_INVALID_ARGUMENT", `the ${what} is nothing that SASLprep allows (RFC 4013)`);
  }
  if (prepared === "") throw new Pop3Error("POP3_INVALID_ARGUMENT", `the ${what} is empty`);
  return prepared;
}

/** `undefined`: prohibited. */
async function prepare(text: string): Promise<string | undefined> {
  if (PRINTABLE_ASCII.test(text)) return text;
  // Controls, which are all that is left of ASCII: prohibited (RFC 4013 section 2.3).
  if (ASCII.test(text)) return undefined;
  const loaded = await load();
  try {
    // Of code points that Unicode 3.2 did not know, most emoji among them, RFC 5802 wants none in a password, as one
    // that is to be stored; but it is stored already, and servers take it as it is.
    return loaded.saslprep(text, { allowUnassigned: true });
  } catch {
    // What the package says of it stays here, as the text may be a secret.
    return undefined;
  }
}

async function load(): Promise<typeof saslprepPackage> {
  try {
    return await import("@mongodb-js/saslprep");
  } catch (cause) {
    throw new Pop3Error(
      "POP3_NOT_SUPPORTED",
      'SCRAM with a user name or a password beyond ASCII needs the package "@mongodb-js/saslprep": npm install @mongodb-js/saslprep',
      { cause },
    );
  }
}
