// DIGEST-MD5 (RFC 2831): both sides prove that they know the password, and nothing protects the session. Obsolete
// (RFC 6331), and still what some servers have. All text is kept as octets, a character for each.
import { Pop3Error } from "../errors.ts";
import { crypto } from "./crypto.ts";
import { parseChallenge, parseResponseAuth, type DigestChallenge } from "./digest-challenge.ts";
import type { Credentials, SaslMechanism } from "./mechanism.ts";
import { plainText } from "./plain-text.ts";

/** Octets; a response is shorter (RFC 2831 section 2.1.2). */
const LONGEST = 4096;

interface Answer {
  readonly response: Buffer;
  /** What only a server can say that knows the password, too. */
  readonly rspauth: string;
}

export const digestMd5: SaslMechanism = digestMd5For("pop", () => crypto().randomBytes(16).toString("hex"));

/** `service`: the protocol's name in Kerberos and its kin. `cnonce`: gives a nonce of our own, another each time. */
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
          if (proven) throw new Pop3Error("POP3_AUTH_PROTOCOL", "DIGEST-MD5 has two challenges");
          if (expected === undefined) {
            const answer = answerTo(parseChallenge(challenge), credentials, `${service}/${host}`, cnonce());
            expected = answer.rspauth;
            return answer.response;
          }
          if (!equal(parseResponseAuth(challenge), expected)) {
            throw new Pop3Error(
              "POP3_AUTH_PROTOCOL",
              "the server does not know the password: rspauth is wrong",
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

/** RFC 2831 sections 2.1.2 and 2.1.2.1. */
function answerTo(
  { nonce, realm, utf8: beyondLatin1 }: DigestChallenge,
  { user, pass, authzid }: Credentials,
  service: string,
  cnonce: string,
): Answer {
  if (!beyondLatin1 && !(isLatin1(user) && isLatin1(pass))) {
    throw new Pop3Error(
      "POP3_INVALID_ARGUMENT",
      "the server takes user name and password in ISO 8859-1 only",
    );
  }
  const uri = utf8(service);
  const actFor = utf8(authzid);
  // Each by itself in ISO 8859-1 where it can be: what servers keep is the same for HTTP.
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
      `a response of DIGEST-MD5 is shorter than ${LONGEST} octets`,
    );
  }
  return { response, rspauth: proof("") };
}

const isLatin1 = (text: string): boolean => /^[\0-\xff]*$/.test(text);
const utf8 = (text: string): string => Buffer.from(text, "utf8").toString("latin1");
const quote = (octets: string): string => `"${octets.replace(/["\\]/g, "\\$&")}"`;
const md5 = (octets: string): Buffer => crypto().createHash("md5").update(octets, "latin1").digest();
const hex = (octets: string): string => md5(octets).toString("hex");

/** In the same time, wherever they differ. */
function equal(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given, "latin1"), Buffer.from(expected, "latin1")];
  return a.length === b.length && crypto().timingSafeEqual(a, b);
}
