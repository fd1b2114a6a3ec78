// Writes and parses the messages of SCRAM (RFC 5802 section 7): attributes with one-letter names, in a fixed
// order.
import { Pop3Error } from "../errors.ts";
import type { SaslContext, ScramOptions } from "./mechanism.ts";

/** `attr-val` of the grammar, after the split at commas. */
const ATTRIBUTE = /^[A-Za-z]=[^\0]+$/;
/** `printable` of the grammar: ASCII without space and comma. */
const NONCE = /^[!-+\--~]+$/;
/** `posit-number` of the grammar, with at most ten digits. */
const ITERATIONS = /^[1-9]\d{0,9}$/;
/** NUL is not a `value-safe-char`, and a lone surrogate cannot be encoded as UTF-8. */
const UNSAFE = /[\0\p{Surrogate}]/u;

/**
 * Writes the GS2 header. `flag`: `n`, `y`, or `p=` and the type of the channel binding. Omits an empty
 * `authzid`.
 */
export function gs2Header(flag: string, authzid: string): string {
  return `${flag},${authzid === "" ? "" : `a=${saslname(authzid)}`},`;
}

export function clientFirstBare(user: string, nonce: string): string {
  return `n=${saslname(user)},r=${nonce}`;
}

/**
 * `binding`: the data of the channel binding; empty without one. `nonce`: the client's nonce, then the
 * server's.
 */
export function clientFinalWithoutProof(header: string, binding: Buffer, nonce: string): string {
  return `c=${Buffer.concat([Buffer.from(header, "utf8"), binding]).toString("base64")},r=${nonce}`;
}

type Printable = SaslContext["printable"];

/** The content of `server-first-message`. */
export interface ServerFirst {
  /** The client's nonce, followed by the server's. */
  readonly nonce: string;
  readonly salt: Buffer;
  readonly iterations: number;
}

/**
 * Parses `server-first-message` and checks all of it, because the client computes with these values next.
 * Throws `POP3_AUTH_PROTOCOL`, `POP3_SCRAM_ITERATIONS_LOW` or `POP3_SCRAM_ITERATIONS_HIGH`. `printable`: makes
 * an error of the server safe to show.
 */
export function parseServerFirst(
  challenge: Buffer,
  clientNonce: string,
  limits: ScramOptions,
  printable: Printable,
): ServerFirst {
  const take = attributesOf(challenge, printable);
  const nonce = take("r");
  if (!NONCE.test(nonce)) throw malformed("has a nonce that is not printable ASCII");
  if (!nonce.startsWith(clientNonce)) throw malformed("has a nonce that does not begin with ours");
  if (nonce.length === clientNonce.length) throw malformed("adds nothing to our nonce");
  const base64 = take("s");
  const salt = Buffer.from(base64, "base64");
  // Node ignores invalid base64, so encode the salt again: the result must be the same text.
  if (salt.toString("base64") !== base64) throw malformed("has a salt that is not base64");
  const count = take("i");
  if (!ITERATIONS.test(count)) throw malformed("has an invalid number of iterations");
  const iterations = Number(count);
  const { minIterations, maxIterations } = limits;
  if (iterations < minIterations) {
    throw new Pop3Error(
      "POP3_SCRAM_ITERATIONS_LOW",
      `the server demands ${printable(count)} iterations, but auth.scram.minIterations is ${minIterations}: lower it only if you know that the server uses this number`,
    );
  }
  if (iterations > maxIterations) {
    throw new Pop3Error(
      "POP3_SCRAM_ITERATIONS_HIGH",
      `the server demands ${printable(count)} iterations, but auth.scram.maxIterations is ${maxIterations}: raise it if you trust the server`,
    );
  }
  return { nonce, salt, iterations };
}

/** Returns the server's signature in base64 from `server-final-message`. Throws `POP3_AUTH_PROTOCOL`. */
export function parseServerFinal(challenge: Buffer, printable: Printable): string {
  return attributesOf(challenge, printable)("v");
}

/**
 * Returns a function that takes the next attribute, which must have the given name. Trailing attributes are
 * ignored.
 */
function attributesOf(challenge: Buffer, printable: Printable): (name: string) => string {
  const attributes = challenge.toString("utf8").split(",");
  if (!attributes.every((attribute) => ATTRIBUTE.test(attribute)))
    throw malformed("is not a list of attributes");
  const error = attributes.find((attribute) => attribute.startsWith("e="));
  if (error !== undefined) {
    throw new Pop3Error(
      "POP3_AUTH_PROTOCOL",
      `the server ended SCRAM with an error: ${printable(error.slice(2))}`,
    );
  }
  // RFC 5802 section 5.1: a client that does not know the extension must fail.
  if (attributes.some((attribute) => attribute.startsWith("m=")))
    throw malformed("demands an unknown extension");
  return (name) => {
    const attribute = attributes.shift();
    if (attribute?.startsWith(`${name}=`) !== true) throw malformed(`lacks ${name}= at its position`);
    return attribute.slice(2);
  };
}

function saslname(identity: string): string {
  if (UNSAFE.test(identity)) {
    throw new Pop3Error(
      "POP3_INVALID_ARGUMENT",
      "the user name or the authorization identity must not contain NUL or lone surrogates",
    );
  }
  return identity.replaceAll("=", "=3D").replaceAll(",", "=2C");
}

/** Does not quote the message: the server may have written anything into it. */
function malformed(why: string): Pop3Error {
  return new Pop3Error("POP3_AUTH_PROTOCOL", `the server's SCRAM message ${why}`);
}
