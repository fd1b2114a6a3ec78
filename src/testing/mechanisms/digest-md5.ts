// DIGEST-MD5 (RFC 2831): authentication only, without integrity or confidentiality protection. Historic (RFC
// 6331).
import { createHash, randomBytes } from "node:crypto";
import { isCallback, isString, type Checks } from "../option-checks.ts";
import type { ServerMechanism } from "./mechanism.ts";

/** The options of DIGEST-MD5 in the test server. */
export interface DigestMd5ServerOptions {
  /** @default "popwright.test" */
  readonly realm?: string;
  /** @default 24 random characters */
  readonly nonce?: string;
  /** Returns the text to send instead of the digest-challenge `realm="…",nonce="…",…`. */
  readonly challenge?: (message: string) => string;
  /**
   * Returns the text to send instead of the server's proof `rspauth=…`. If it returns `undefined`, the server
   * sends no proof and reports success at once.
   */
  readonly rspauth?: (message: string) => string | undefined;
}

/** The checks of the options. */
export const DIGEST_MD5_CHECKS: Checks<DigestMd5ServerOptions> = {
  realm: isString,
  nonce: isString,
  challenge: isCallback,
  rspauth: isCallback,
};

/** The inputs of the digest, with the names of RFC 2831 section 2.1.2. */
export interface DigestParts {
  readonly username: string;
  readonly realm: string;
  readonly passwd: string;
  readonly nonce: string;
  readonly cnonce: string;
  readonly nc: string;
  readonly qop: string;
  /** As received, decoded as Latin-1: one character for each byte. */
  readonly digestUri: string;
  /** As `digestUri`. */
  readonly authzid?: string | undefined;
}

export function digestMd5(options: DigestMd5ServerOptions = {}): ServerMechanism {
  const { realm = "popwright.test", challenge = same, rspauth = same } = options;
  return {
    name: "DIGEST-MD5",
    initialResponse: false,
    *exchange(accounts) {
      const nonce = options.nonce ?? randomBytes(18).toString("base64");
      const sent = `realm="${realm}",nonce="${nonce}",qop="auth",algorithm=md5-sess,charset=utf-8`;
      const response = responseOf((yield Buffer.from(challenge(sent), "utf8")).toString("latin1"));
      if (response === undefined) return "invalid digest-response";
      const wrong = refusalOf(response, realm, nonce);
      if (wrong !== undefined) return wrong;
      const account = accounts.find(response.username);
      if (account?.pass === undefined) return undefined;
      const parts = { ...response, passwd: account.pass };
      if (response.response !== digestOf("AUTHENTICATE", parts)) return undefined;
      const { authzid } = response;
      if (authzid !== undefined && accounts.find(utf8Of(authzid)) !== account) return undefined;
      const proof = rspauth(`rspauth=${digestOf("", parts)}`);
      if (proof === undefined) return account;
      const answer = yield Buffer.from(proof, "utf8");
      return answer.length === 0 ? account : "the response to rspauth must be empty";
    },
  };
}

const same = (message: string): string => message;

/** The digest-response of the client (section 2.1.2): the inputs of the digest, and the digest itself. */
interface DigestResponse extends Omit<DigestParts, "passwd"> {
  readonly response: string | undefined;
}

/** Parses a digest-response, given as one character for each byte. Returns `undefined` if it is malformed. */
function responseOf(text: string): DigestResponse | undefined {
  const given = directivesOf(text);
  if (given === undefined) return undefined;
  const charset = given.get("charset")?.toLowerCase() === "utf-8" ? "utf8" : "latin1";
  const value = (name: string): string => given.get(name) ?? "";
  const decoded = (name: string): string => Buffer.from(value(name), "latin1").toString(charset);
  return {
    username: decoded("username"),
    realm: decoded("realm"),
    nonce: value("nonce"),
    cnonce: value("cnonce"),
    nc: value("nc"),
    qop: given.get("qop") ?? "auth",
    digestUri: value("digest-uri"),
    authzid: given.get("authzid"),
    response: given.get("response"),
  };
}

/** Returns why a response does not fit the challenge; `undefined` if it does. */
function refusalOf(given: DigestResponse, realm: string, nonce: string): string | undefined {
  if (given.realm !== realm || given.nonce !== nonce || given.cnonce === "")
    return "wrong realm, nonce or cnonce";
  if (given.nc !== "00000001" || given.qop !== "auth") return "nc must be 00000001, and qop must be auth";
  // RFC 5034 section 4
  return /^pop\/[^/]/i.test(given.digestUri) ? undefined : "the service must be pop";
}

/** Returns the digest. `method`: `AUTHENTICATE` for the client's response, `""` for rspauth. */
export function digestOf(method: "AUTHENTICATE" | "", parts: DigestParts): string {
  const { username, realm, passwd, nonce, cnonce, nc, qop, digestUri, authzid } = parts;
  const secret = md5(Buffer.concat([octetsOf(`${username}:`), octetsOf(`${realm}:`), octetsOf(passwd)]));
  const suffix = authzid === undefined ? "" : `:${authzid}`;
  const a1 = md5(Buffer.concat([secret, Buffer.from(`:${nonce}:${cnonce}${suffix}`, "latin1")]));
  const a2 = md5(Buffer.from(`${method}:${digestUri}`, "latin1"));
  const whole = [a1.toString("hex"), nonce, nc, cnonce, qop, a2.toString("hex")].join(":");
  return md5(Buffer.from(whole, "latin1")).toString("hex");
}

/** Decodes UTF-8. `octets`: one character for each byte. */
function utf8Of(octets: string): string {
  return Buffer.from(octets, "latin1").toString("utf8");
}

/** Section 2.1.2.1: encodes as ISO 8859-1 if possible, even with charset=utf-8. */
function octetsOf(text: string): Buffer {
  return Buffer.from(text, /^[\0-\xff]*$/.test(text) ? "latin1" : "utf8");
}

function md5(octets: Buffer): Buffer {
  return createHash("md5").update(octets).digest();
}

/**
 * Section 7.1: parses `name=value` and `name="quoted value"`, separated by commas. Refuses a repeated name.
 */
function directivesOf(text: string): Map<string, string> | undefined {
  const directive = /[\s,]*([\w!#$%&'*+.^`|~-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))\s*(?:,[\s,]*|$)/sy;
  const directives = new Map<string, string>();
  while (directive.lastIndex < text.length) {
    const [, name = "", quoted, token = ""] = directive.exec(text) ?? [];
    if (name === "" || directives.has(name.toLowerCase())) return undefined;
    directives.set(name.toLowerCase(), quoted?.replace(/\\(.)/gs, "$1") ?? token);
  }
  return directives;
}
