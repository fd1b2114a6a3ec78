// The messages of SCRAM (RFC 5802 section 7): attributes of one letter each, in the order that the RFC gives them.
import { Pop3Error } from "../errors.ts";
import { printable } from "../protocol/printable.ts";
import type { ScramOptions } from "./mechanism.ts";

/** The grammar's `attr-val`; the commas are gone. */
const ATTRIBUTE = /^[A-Za-z]=[^\0]+$/;
/** The grammar's `printable`: ASCII without space and comma. */
const NONCE = /^[!-+\--~]+$/;
/** The grammar's `posit-number`, of no more digits than any hash is ever asked for. */
const ITERATIONS = /^[1-9]\d{0,9}$/;
/** NUL is no `value-safe-char`, and half of a surrogate pair has no UTF-8. */
const UNSAFE = /[\0\p{Surrogate}]/u;

/** `flag`: `n`, `y`, or `p=` and the type of the channel binding. An `authzid` that is empty is left out. */
export function gs2Header(flag: string, authzid: string): string {
  return `${flag},${authzid === "" ? "" : `a=${saslname(authzid)}`},`;
}

export function clientFirstBare(user: string, nonce: string): string {
  return `n=${saslname(user)},r=${nonce}`;
}

/** `binding`: the data of the channel binding; empty without one. `nonce`: the client's with the server's behind it. */
export function clientFinalWithoutProof(header: string, binding: Buffer, nonce: string): string {
  return `c=${Buffer.concat([Buffer.from(header, "utf8"), binding]).toString("base64")},r=${nonce}`;
}

/** What the server says of the user. */
export interface ServerFirst {
  /** The client's nonce with the server's behind it. */
  readonly nonce: string;
  readonly salt: Buffer;
  readonly iterations: number;
}

/**
 * Reads `server-first-message`, of which nothing is believed unseen: what it asks for is about to be computed.
 * Throws `POP3_AUTH_PROTOCOL`, `POP3_SCRAM_ITERATIONS_LOW` and `POP3_SCRAM_ITERATIONS_HIGH`.
 */
export function parseServerFirst(challenge: Buffer, clientNonce: string, limits: ScramOptions): ServerFirst {
  const take = attributesOf(challenge);
  const nonce = take("r");
  if (!NONCE.test(nonce)) throw senseless("has a nonce that is not printable ASCII");
  if (!nonce.startsWith(clientNonce)) throw senseless("has a nonce that does not begin with ours");
  if (nonce.length === clientNonce.length) throw senseless("adds nothing to our nonce");
  const base64 = take("s");
  const salt = Buffer.from(base64, "base64");
  // Node reads over what is no base64; so it is written again, and has to be the same.
  if (salt.toString("base64") !== base64) throw senseless("has a salt that is not base64");
  const count = take("i");
  if (!ITERATIONS.test(count)) throw senseless("has a number of iterations that is none");
  const iterations = Number(count);
  const { minIterations, maxIterations } = limits;
  if (iterations < minIterations) {
    throw new Pop3Error(
      "POP3_SCRAM_ITERATIONS_LOW",
      `the server asks for ${count} iterations, the least allowed is ${minIterations}`,
    );
  }
  if (iterations > maxIterations) {
    throw new Pop3Error(
      "POP3_SCRAM_ITERATIONS_HIGH",
      `the server asks for ${count} iterations, the most allowed is ${maxIterations}`,
    );
  }
  return { nonce, salt, iterations };
}

/** The server's signature, in base64, out of `server-final-message`. Throws `POP3_AUTH_PROTOCOL`. */
export function parseServerFinal(challenge: Buffer): string {
  return attributesOf(challenge)("v");
}

/** Gives the attributes of a message one by one, by their names. Those that are never asked for are ignored. */
function attributesOf(challenge: Buffer): (name: string) => string {
  const attributes = challenge.toString("utf8").split(",");
  if (!attributes.every((attribute) => ATTRIBUTE.test(attribute)))
    throw senseless("is not made of attributes");
  const error = attributes.find((attribute) => attribute.startsWith("e="));
  if (error !== undefined) {
    throw new Pop3Error("POP3_AUTH_PROTOCOL", `the server gave SCRAM up: ${printable(error.slice(2))}`);
  }
  // RFC 5802 section 5.1: who does not know what it means has to fail.
  if (attributes.some((attribute) => attribute.startsWith("m="))) throw senseless("demands an extension");
  return (name) => {
    const attribute = attributes.shift();
    if (attribute?.startsWith(`${name}=`) !== true) throw senseless(`lacks ${name}= in its place`);
    return attribute.slice(2);
  };
}

function saslname(identity: string): string {
  if (UNSAFE.test(identity)) {
    throw new Pop3Error(
      "POP3_INVALID_ARGUMENT",
      "a user name or an authzid has characters that SCRAM cannot send",
    );
  }
  return identity.replaceAll("=", "=3D").replaceAll(",", "=2C");
}

/** Without a word of the message: the server may have put anything there. */
function senseless(why: string): Pop3Error {
  return new Pop3Error("POP3_AUTH_PROTOCOL", `the server's SCRAM message ${why}`);
}
