// DIGEST-MD5 (RFC 2831): authentication alone, without a layer of integrity or privacy. Historic (RFC 6331).
import { createHash, randomBytes } from "node:crypto";
import type { ServerMechanism } from "./mechanism.ts";

export interface DigestMd5ServerOptions {
  /** @default "popwright.test" */
  readonly realm?: string;
  /** @default 24 random characters */
  readonly nonce?: string;
  /** Gives what is sent in place of the digest-challenge `realm="…",nonce="…",…`. */
  readonly challenge?: (message: string) => string;
  /**
   * Gives what is sent in place of the server's proof `rspauth=…`. `undefined`: nothing is sent, and success is
   * said at once.
   */
  readonly rspauth?: (message: string) => string | undefined;
}

/** What the digest is made of, under the names of RFC 2831 section 2.1.2. */
export interface DigestParts {
  readonly username: string;
  readonly realm: string;
  readonly passwd: string;
  readonly nonce: string;
  readonly cnonce: string;
  readonly nc: string;
  readonly qop: string;
  /** Octet for octet, each a character, as the other side has sent it. */
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
      const given = directivesOf((yield Buffer.from(challenge(sent), "utf8")).toString("latin1"));
      if (given === undefined) return "this is no digest-response";
      const charset = given.get("charset")?.toLowerCase() === "utf-8" ? "utf8" : "latin1";
      const text = (name: string): string => Buffer.from(given.get(name) ?? "", "latin1").toString(charset);
      const [cnonce, nc, qop = "auth", digestUri = "", authzid] = NAMES.map((name) => given.get(name));
      if (text("realm") !== realm || given.get("nonce") !== nonce || cnonce === undefined)
        return "the realm or a nonce is another one";
      if (nc !== "00000001" || qop !== "auth") return "nc is 00000001, and qop is auth";
      if (!/^pop\/[^/]/i.test(digestUri)) return "the service is pop"; // RFC 5034 section 4
      const username = text("username");
      const account = accounts.find(username);
      if (account?.pass === undefined) return undefined;
      const parts = { username, realm, passwd: account.pass, nonce, cnonce, nc, qop, digestUri, authzid };
      if (given.get("response") !== digestOf("AUTHENTICATE", parts)) return undefined;
      if (authzid !== undefined && accounts.find(utf8Of(authzid)) !== account) return undefined;
      const proof = rspauth(`rspauth=${digestOf("", parts)}`);
      if (proof === undefined) return account;
      const answer = yield Buffer.from(proof, "utf8");
      return answer.length === 0 ? account : "nothing is to be said to rspauth";
    },
  };
}

const NAMES = ["cnonce", "nc", "qop", "digest-uri", "authzid"] as const;

const same = (message: string): string => message;

/** `method`: `AUTHENTICATE` in the client's response, `""` in rspauth. */
export function digestOf(method: "AUTHENTICATE" | "", parts: DigestParts): string {
  const { username, realm, passwd, nonce, cnonce, nc, qop, digestUri, authzid } = parts;
  const secret = md5(Buffer.concat([octetsOf(`${username}:`), octetsOf(`${realm}:`), octetsOf(passwd)]));
  const behind = authzid === undefined ? "" : `:${authzid}`;
  const a1 = md5(Buffer.concat([secret, Buffer.from(`:${nonce}:${cnonce}${behind}`, "latin1")]));
  const a2 = md5(Buffer.from(`${method}:${digestUri}`, "latin1"));
  const whole = [a1.toString("hex"), nonce, nc, cnonce, qop, a2.toString("hex")].join(":");
  return md5(Buffer.from(whole, "latin1")).toString("hex");
}

/** Of octets, each a character. */
function utf8Of(octets: string): string {
  return Buffer.from(octets, "latin1").toString("utf8");
}

/** Section 2.1.2.1: ISO 8859-1 where that is possible, even behind charset=utf-8. */
function octetsOf(text: string): Buffer {
  return Buffer.from(text, /^[\0-\xff]*$/.test(text) ? "latin1" : "utf8");
}

function md5(octets: Buffer): Buffer {
  return createHash("md5").update(octets).digest();
}

/** Section 7.1: `name=value` and `name="quoted value"`, with commas between them. Each may be there once. */
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
