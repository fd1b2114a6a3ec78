// DIGEST-MD5 (RFC 2831): both sides prove that they know the password; there is no security layer. It is
// obsolete (RFC 6331), but some servers have nothing better. Text is kept encoded, one character for each
// octet.
import { Pop3Error } from "../errors.ts";
import { crypto } from "../system/crypto.ts";
import { parseChallenge, parseResponseAuth, type DigestChallenge } from "./digest-challenge.ts";
import type { Credentials, SaslMechanism } from "./mechanism.ts";
import { plainText } from "./message.ts";

/** Octets; a response must be shorter (RFC 2831 section 2.1.2). */
const LONGEST = 4096;

interface Answer {
  readonly response: Buffer;
  /** The proof that the server must send: it can compute it only with the password. */
  readonly rspauth: string;
}

export const digestMd5: SaslMechanism = digestMd5For("pop", () => crypto().randomBytes(16).toString("hex"));

/**
 * `service`: the registered GSSAPI service name of the protocol. `cnonce`: returns a new client nonce for
 * each login.
 */
export function digestMd5For(service: string, cnonce: () => string): SaslMechanism {
  return {
    name: "DIGEST-MD5",
    cleartext: false,
    start(credentials, { host }) {
      plainText("the user name", credentials.user);
      plainText("the authorization identity", credentials.authzid);
      let expected: string | undefined;
      let proven = false;
      return {
        respond(challenge) {
          if (proven)
            throw new Pop3Error("POP3_AUTH_PROTOCOL", "unexpected challenge: DIGEST-MD5 has only two");
          if (expected === undefined) {
            const answer = answerTo(parseChallenge(challenge), credentials, `${service}/${host}`, cnonce());
            expected = answer.rspauth;
            return answer.response;
          }
          if (!equal(parseResponseAuth(challenge), expected)) {
            throw new Pop3Error(
              "POP3_AUTH_PROTOCOL",
              "the server has not proven that it knows the password: its rspauth is wrong",
            );
          }
          proven = true;
          return Buffer.alloc(0);
        },
        succeeded() {
          if (!proven) {
            throw new Pop3Error(
              "POP3_AUTH_PROTOCOL",
              "the server has not proven that it knows the password: it sent no rspauth",
            );
          }
        },
      };
    },
  };
}

/** Computes the response and the expected rspauth (RFC 2831 sections 2.1.2 and 2.1.2.1). */
function answerTo(
  { nonce, realm, utf8: beyondLatin1 }: DigestChallenge,
  { user, pass, authzid }: Credentials,
  service: string,
  cnonce: string,
): Answer {
  if (!beyondLatin1 && !(isLatin1(user) && isLatin1(pass))) {
    throw new Pop3Error(
      "POP3_INVALID_ARGUMENT",
      "user name and password must be ISO 8859-1: the server does not accept UTF-8",
    );
  }
  const uri = utf8(service);
  const actFor = utf8(authzid);
  // Each is hashed as ISO 8859-1 if possible, on its own: servers store the same hash for HTTP.
  const hashed = (text: string): string => (isLatin1(text) ? text : utf8(text));
  const secret = md5(`${hashed(user)}:${realm ?? ""}:${hashed(pass)}`).toString("latin1");
  const key = hex(`${secret}:${nonce}:${cnonce}${actFor === "" ? "" : `:${actFor}`}`);
  const proof = (method: string): string =>
    hex(`${key}:${nonce}:00000001:${cnonce}:auth:${hex(`${method}:${uri}`)}`);
  const directives = [
    ...(beyondLatin1 ? ["charset=utf-8"] : []),
    `username=${quote(beyondLatin1 ? utf8(user) : user)}`,
    ...(realm === undefined ? [] : [`realm=${quote(realm)}`]),
    `nonce=${quote(nonce)}`,
    "nc=00000001",
    `cnonce=${quote(cnonce)}`,
    `digest-uri=${quote(uri)}`,
    `response=${proof("AUTHENTICATE")}`,
    "qop=auth",
    ...(actFor === "" ? [] : [`authzid=${quote(actFor)}`]),
  ];
  const response = Buffer.from(directives.join(","), "latin1");
  if (response.length >= LONGEST) {
    throw new Pop3Error(
      "POP3_INVALID_ARGUMENT",
      `the DIGEST-MD5 response must be shorter than ${LONGEST} bytes: the user name, realm or nonce is too long`,
    );
  }
  return { response, rspauth: proof("") };
}

const isLatin1 = (text: string): boolean => /^[\0-\xff]*$/.test(text);
const utf8 = (text: string): string => Buffer.from(text, "utf8").toString("latin1");
const quote = (octets: string): string => `"${octets.replace(/["\\]/g, "\\$&")}"`;
const md5 = (octets: string): Buffer => crypto().createHash("md5").update(octets, "latin1").digest();
const hex = (octets: string): string => md5(octets).toString("hex");

/** Compares in constant time. */
function equal(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given, "latin1"), Buffer.from(expected, "latin1")];
  return a.length === b.length && crypto().timingSafeEqual(a, b);
}
