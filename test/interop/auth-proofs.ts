// The proofs for each mechanism: one that the server must accept, and one that it must refuse.
import type { ConnectionOptions } from "node:tls";
import type { Pop3Auth } from "../../src/index.ts";
import type { ClientCertificate } from "../servers/certificates.ts";
import type { MailServer } from "../servers/mail-server.ts";
import { signToken } from "../servers/tokens.ts";

/** The user, and another user. Both have a maildrop, a ticket and a certificate. */
export const user = "ann";
export const another = "ben";
export const pass = "correct horse";
export const tokenKey: Buffer = Buffer.from("a key that the server knows, too");

/** What it says to log in by whatever the client thinks best. */
export const ownChoice = "the client's own choice";

/** By what they prove the identity with. */
const ofTokens: readonly string[] = ["XOAUTH2", "OAUTHBEARER"];
const ofPasswords: readonly string[] = [
  "USER",
  "APOP",
  "PLAIN",
  "LOGIN",
  "CRAM-MD5",
  "DIGEST-MD5",
  "SCRAM-SHA-1",
  "SCRAM-SHA-256",
  "SCRAM-SHA-512",
  "SCRAM-SHA-1-PLUS",
  "SCRAM-SHA-256-PLUS",
  "SCRAM-SHA-512-PLUS",
];

export const mechanisms: readonly string[] = [
  ...ofPasswords,
  "EXTERNAL",
  "ANONYMOUS",
  ...ofTokens,
  "GSSAPI",
  ownChoice,
];

/** Those that put the secret on the wire as it is. */
export const cleartext: readonly string[] = ["USER", "PLAIN", "LOGIN", ...ofTokens];

export interface Proof {
  readonly auth: Pop3Auth;
  /** The client's certificate and its key, if it needs one. */
  readonly tls: ConnectionOptions;
  /** The user whose Kerberos ticket is available during the login. */
  readonly ticket: string | undefined;
  /** What must not appear in any output. */
  readonly secrets: readonly string[];
}

/** A server that may know clients by their certificates. */
type Certifier = MailServer & { clientCertificate?(user: string): Promise<ClientCertificate> };

/** `right`: whether the server has to take it. With ANONYMOUS, nothing can be wrong. */
export async function proofFor(mechanism: string, server: Certifier, right: boolean): Promise<Proof> {
  const nothing = { tls: {}, ticket: undefined, secrets: [] };
  const insisted = mechanism === ownChoice ? {} : { mechanism };
  if (ofTokens.includes(mechanism)) {
    const accessToken = signToken(user, right ? tokenKey : Buffer.from("another key"));
    return { ...nothing, auth: { ...insisted, user, accessToken }, secrets: [accessToken] };
  }
  if (mechanism === "EXTERNAL") {
    const tls = (await server.clientCertificate?.(right ? user : another)) ?? {};
    return { ...nothing, auth: { ...insisted, authzid: user }, tls };
  }
  if (mechanism === "GSSAPI") {
    return { ...nothing, auth: { ...insisted, user }, ticket: right ? user : another };
  }
  if (mechanism === "ANONYMOUS") return { ...nothing, auth: { ...insisted, user: "nobody@example.test" } };
  const secret = right ? pass : "wrong horse";
  return { ...nothing, auth: { ...insisted, user, pass: secret }, secrets: [secret] };
}
