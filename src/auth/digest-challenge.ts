// The challenge of DIGEST-MD5 (RFC 2831 sections 2.1.1 and 7.2): a list of directives, read strictly. Its octets are
// kept as they are, a character for each: what they mean depends on one of the directives.
import { Pop3Error } from "../errors.ts";

export interface DigestChallenge {
  readonly nonce: string;
  /** The first realm offered; `undefined` where there is none. */
  readonly realm: string | undefined;
  /** User name and password may go beyond ISO 8859-1. */
  readonly utf8: boolean;
}

/** Name in lower case, and value without its quotes and escapes. */
type Directive = readonly [name: string, value: string];

/** Octets; a challenge is shorter (RFC 2831 section 2.1.1). */
const LONGEST = 2048;

// One element of a list: a directive, or nothing, between commas. Sticky, and no octet can be read in two ways.
const ELEMENT = (() => {
  const space = "[\\t\\n\\r ]*";
  const token = "[!#$%&'*+.0-9A-Z^_`a-z|~-]+";
  const quoted = '"((?:[\\t\\n\\r !#-[\\]-~\\x80-\\xff]|\\\\[\\t -~])*)"';
  return new RegExp(`${space}(?:(${token})${space}=${space}(?:${quoted}|(${token}))${space})?(?:,|$)`, "y");
})();

/** Those that make no sense twice. `realm` may be repeated, and so may what is not known. */
const ONCE = ["nonce", "stale", "maxbuf", "charset", "algorithm", "cipher", "rspauth"];

/** Throws `POP3_AUTH_PROTOCOL`; `POP3_NOT_SUPPORTED` where authentication alone is not enough for the server. */
export function parseChallenge(octets: Buffer): DigestChallenge {
  const directives = parseDirectives(octets);
  const all = (wanted: string): string[] =>
    directives.filter(([name]) => name === wanted).map(([, value]) => value);
  const [nonce] = all("nonce");
  if (nonce === undefined || nonce === "") throw senseless("no nonce");
  if (all("algorithm")[0]?.toLowerCase() !== "md5-sess") throw senseless("another algorithm than md5-sess");
  const [charset] = all("charset");
  if (charset !== undefined && charset.toLowerCase() !== "utf-8")
    throw senseless("another charset than utf-8");
  const qualities = all("qop").flatMap((list) => list.toLowerCase().split(/[\t\n\r ,]+/));
  if (qualities.length > 0 && !qualities.includes("auth")) {
    throw new Pop3Error(
      "POP3_NOT_SUPPORTED",
      "the server wants DIGEST-MD5 to protect the session, which is for TLS to do",
    );
  }
  return { nonce, realm: all("realm")[0], utf8: charset !== undefined };
}

/** What the server proves itself with (RFC 2831 section 2.1.3). Throws `POP3_AUTH_PROTOCOL`. */
export function parseResponseAuth(octets: Buffer): string {
  const proof = parseDirectives(octets).find(([name]) => name === "rspauth");
  if (proof === undefined) throw senseless("no rspauth");
  return proof[1];
}

function parseDirectives(octets: Buffer): Directive[] {
  if (octets.length >= LONGEST) throw senseless(`${LONGEST} octets or more`);
  const text = octets.toString("latin1");
  const directives: Directive[] = [];
  let at = 0;
  while (at < text.length) {
    ELEMENT.lastIndex = at;
    const element = ELEMENT.exec(text);
    if (element === null) throw senseless("what is no directive");
    at = ELEMENT.lastIndex;
    const [, name, quoted, token = ""] = element;
    // Elements may be empty, for the sake of HTTP.
    if (name === undefined) continue;
    const directive = [name.toLowerCase(), quoted?.replace(/\\(.)/g, "$1") ?? token] as const;
    if (ONCE.includes(directive[0]) && directives.some(([known]) => known === directive[0])) {
      throw senseless(`${directive[0]} twice`);
    }
    directives.push(directive);
  }
  return directives;
}

function senseless(what: string): Pop3Error {
  return new Pop3Error("POP3_AUTH_PROTOCOL", `a challenge of DIGEST-MD5 has ${what}`);
}
