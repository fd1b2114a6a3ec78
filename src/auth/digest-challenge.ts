// Parses the challenges of DIGEST-MD5 (RFC 2831 sections 2.1.1 and 7.2) strictly. Text stays undecoded, one
// character for each octet: its charset depends on a directive.
import { Pop3Error } from "../errors.ts";
import { printable } from "../protocol/printable.ts";

export interface DigestChallenge {
  readonly nonce: string;
  /** The first realm in the challenge; `undefined` if it has no realm. */
  readonly realm: string | undefined;
  /** Whether user name and password may have characters outside ISO 8859-1. */
  readonly utf8: boolean;
}

/** The name in lower case, and the value without quotes and escapes. */
type Directive = readonly [name: string, value: string];

/** Octets; a challenge must be shorter (RFC 2831 section 2.1.1). */
const LONGEST = 2048;

// One element of a list between commas: a directive or nothing. It is sticky. Each octet matches in only one
// way, so it runs in linear time.
const ELEMENT = (() => {
  const space = "[\\t\\n\\r ]*";
  const token = "[!#$%&'*+.0-9A-Z^_`a-z|~-]+";
  const quoted = '"((?:[\\t\\n\\r !#-[\\]-~\\x80-\\xff]|\\\\[\\t -~])*)"';
  return new RegExp(`${space}(?:(${token})${space}=${space}(?:${quoted}|(${token}))${space})?(?:,|$)`, "y");
})();

/** The directives that must not be repeated. `realm` and unknown directives may be. */
const ONCE = ["nonce", "stale", "maxbuf", "charset", "algorithm", "cipher", "rspauth"];

/**
 * Parses the first challenge. Throws `POP3_AUTH_PROTOCOL` if it is malformed, and `POP3_NOT_SUPPORTED` if the
 * server demands more than authentication.
 */
export function parseChallenge(octets: Buffer): DigestChallenge {
  const directives = parseDirectives(octets);
  const all = (wanted: string): string[] =>
    directives.filter(([name]) => name === wanted).map(([, value]) => value);
  const [nonce] = all("nonce");
  if (nonce === undefined || nonce === "") throw malformed("no nonce");
  if (all("algorithm")[0]?.toLowerCase() !== "md5-sess") throw malformed("an algorithm other than md5-sess");
  const [charset] = all("charset");
  if (charset !== undefined && charset.toLowerCase() !== "utf-8")
    throw malformed("a charset other than utf-8");
  const qualities = all("qop").flatMap((list) => list.toLowerCase().split(/[\t\n\r ,]+/));
  if (qualities.length > 0 && !qualities.includes("auth")) {
    throw new Pop3Error(
      "POP3_NOT_SUPPORTED",
      "the server demands a DIGEST-MD5 security layer, which is not supported: use TLS",
    );
  }
  return { nonce, realm: all("realm")[0], utf8: charset !== undefined };
}

/**
 * Returns the server's proof (RFC 2831 section 2.1.3). Throws `POP3_AUTH_PROTOCOL` if the challenge has none.
 */
export function parseResponseAuth(octets: Buffer): string {
  const proof = parseDirectives(octets).find(([name]) => name === "rspauth");
  if (proof === undefined) throw malformed("no rspauth");
  return proof[1];
}

function parseDirectives(octets: Buffer): Directive[] {
  if (octets.length >= LONGEST) throw malformed(`${LONGEST} bytes or more`);
  const text = octets.toString("latin1");
  const directives: Directive[] = [];
  let at = 0;
  while (at < text.length) {
    ELEMENT.lastIndex = at;
    const element = ELEMENT.exec(text);
    if (element === null) throw malformed("an invalid directive");
    at = ELEMENT.lastIndex;
    const [, name, quoted, token = ""] = element;
    // Elements may be empty, as in HTTP.
    if (name === undefined) continue;
    const directive = [name.toLowerCase(), quoted?.replace(/\\(.)/g, "$1") ?? token] as const;
    if (ONCE.includes(directive[0]) && directives.some(([known]) => known === directive[0])) {
      throw malformed(`${printable(directive[0])} twice`);
    }
    directives.push(directive);
  }
  return directives;
}

function malformed(what: string): Pop3Error {
  return new Pop3Error("POP3_AUTH_PROTOCOL", `malformed challenge of DIGEST-MD5: it has ${what}`);
}
