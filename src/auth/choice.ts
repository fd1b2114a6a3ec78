// Chooses how to log in: from our list, by strength, among what the server offers; never because the server would like it.
import { Pop3Error } from "../errors.ts";
import type { Capabilities } from "../protocol/capabilities.ts";
import { printable } from "../protocol/printable.ts";
import { anonymous } from "./anonymous.ts";
import { cramMd5 } from "./cram-md5.ts";
import { digestMd5 } from "./digest-md5.ts";
import { external } from "./external.ts";
import { gssapi } from "./gssapi.ts";
import { login } from "./login.ts";
import type { SaslMechanism } from "./mechanism.ts";
import { oauthBearer } from "./oauthbearer.ts";
import { plain } from "./plain.ts";
import {
  scramSha1,
  scramSha1Plus,
  scramSha256,
  scramSha256Plus,
  scramSha512,
  scramSha512Plus,
} from "./scram.ts";
import { xoauth2 } from "./xoauth2.ts";

/** USER and PASS, and APOP, are POP3's own; the rest is SASL. */
export type Method = "USER" | "APOP" | SaslMechanism;

/** What proves who the user is. */
export type SecretKind = "password" | "token" | "none";

/** Whether SCRAM is bound to the TLS connection (RFC 5802 section 6). */
export type ChannelBinding = "if-offered" | "required" | "never";

export interface Offer {
  /** What CAPA said, or `undefined` where the server knows no CAPA. */
  readonly capabilities: Capabilities | undefined;
  /** TLS protects the connection. */
  readonly secure: boolean;
  /** The greeting has a timestamp that APOP may use. */
  readonly timestamp: boolean;
  /** The connection has a channel binding that the caller allows. @default true */
  readonly bindable?: boolean;
}

export interface Wish {
  /** What the caller insists on, in order; empty: our list. Names in upper case, or a mechanism of one's own. */
  readonly mechanisms: readonly (string | SaslMechanism)[];
  /** What there is to prove the identity with. @default "password" */
  readonly secret?: SecretKind;
  /** Another identity is to be acted for: only what can say so is chosen. */
  readonly authzid?: boolean;
  /** A secret may go over the wire in clear. */
  readonly allowPlaintext: boolean;
  /** What the caller insists on is used though the server does not list it. */
  readonly force?: boolean;
  /** @default "if-offered" */
  readonly channelBinding?: ChannelBinding;
}

/** Bound to the connection, so that nobody can be in the middle even with a certificate that we trust. */
const BOUND: readonly Method[] = [scramSha512Plus, scramSha256Plus, scramSha1Plus];
/** The password never leaves us, and the server proves that it knows it. */
const MUTUAL: readonly Method[] = [scramSha512, scramSha256, scramSha1];
/** As safe as TLS is. */
const CLEARTEXT: readonly Method[] = [plain, login, "USER"];
/** MD5, without proof of the server, and the server has to keep the password as it is: obsolete (RFC 6331, RFC 8314). */
const OBSOLETE: readonly Method[] = [digestMd5, cramMd5];

/** Over TLS, what is obsolete comes last; without it, it is still better than a password in clear. */
const WITH_TLS: readonly Method[] = [...BOUND, ...MUTUAL, ...CLEARTEXT, ...OBSOLETE, "APOP"];
const IN_CLEAR: readonly Method[] = [...MUTUAL, ...OBSOLETE, ...CLEARTEXT];

const TOKEN: readonly Method[] = [oauthBearer, xoauth2];
/** Only for who asks for them: what proves the identity is not among the options. */
const ON_REQUEST: readonly Method[] = [external, gssapi, anonymous];

const BUILT_IN: ReadonlyMap<string, Method> = new Map(
  [...WITH_TLS, ...TOKEN, ...ON_REQUEST].map((method) => [nameOf(method), method]),
);

/**
 * The one method to log in with. One, because after a refusal nothing else is tried with the same secret.
 *
 * Throws `POP3_CONFIG` for a name that is unknown here, `POP3_TLS_REQUIRED` where only a secret in clear is
 * left and that is not allowed, else `POP3_AUTH_NO_MECHANISM`.
 */
export function chooseMethod(offer: Offer, wish: Wish): Method {
  const insisted = wish.mechanisms.length > 0;
  const methods = insisted ? wish.mechanisms.map(byName) : byStrength(offer, wish);
  const candidates = methods.filter((method) => isWanted(method, wish));
  let inClear = false;
  for (const method of candidates) {
    if (!isOffered(method, offer, wish)) continue;
    if (offer.secure || isSafeInClear(method, insisted) || wish.allowPlaintext) return method;
    inClear = true;
  }
  if (inClear) {
    throw new Pop3Error(
      "POP3_TLS_REQUIRED",
      "the connection has no TLS, and the password is not sent in clear",
    );
  }
  const offered = [...(offer.capabilities?.sasl ?? []), ...(offer.timestamp ? ["APOP"] : [])];
  throw new Pop3Error(
    "POP3_AUTH_NO_MECHANISM",
    `${candidates.length === 0 ? "nothing can do what is asked for" : `none of ${candidates.map(nameOf).join(", ")} can be used`}; the server offers ${printable(offered.slice(0, 16).join(", ")) || "none"}`,
  );
}

/** What a name stands for, in any case; `undefined` where it is none of ours. */
export function methodNamed(name: string): Method | undefined {
  return BUILT_IN.get(name.toUpperCase());
}

/** What a method proves the identity with. */
export function secretOf(method: Method): SecretKind {
  return typeof method === "string" ? "password" : (method.secret ?? "password");
}

function nameOf(method: Method): string {
  return typeof method === "string" ? method : method.name;
}

function byName(wished: string | SaslMechanism): Method {
  if (typeof wished !== "string") return wished;
  const method = methodNamed(wished);
  if (method === undefined) throw new Pop3Error("POP3_CONFIG", `unknown authentication mechanism: ${wished}`);
  return method;
}

function byStrength({ secure }: Offer, { secret = "password" }: Wish): readonly Method[] {
  if (secret === "token") return TOKEN;
  return secure ? WITH_TLS : IN_CLEAR;
}

/** Whether it can do what the caller wants beside the login. */
function isWanted(method: Method, { authzid = false, channelBinding = "if-offered" }: Wish): boolean {
  // USER, APOP and LOGIN have no place for it: the login would be as the user, and nobody would notice.
  if (authzid && (typeof method === "string" || method.authzid === false)) return false;
  if (channelBinding === "never") return !BOUND.includes(method);
  // A password proven by other means is not bound; a token or a certificate has nothing to do with it.
  return channelBinding === "if-offered" || BOUND.includes(method) || secretOf(method) !== "password";
}

/** In clear, digests let a weak password be guessed at leisure: SCRAM makes that hard, the others are for who asks. */
function isSafeInClear(method: Method, insisted: boolean): boolean {
  if (MUTUAL.includes(method)) return true;
  return insisted && (method === "APOP" || (method !== "USER" && !method.cleartext));
}

function isOffered(method: Method, { capabilities, timestamp, bindable }: Offer, wish: Wish): boolean {
  const insisted = wish.mechanisms.length > 0;
  if (method === "APOP") return timestamp;
  if (bindable === false && BOUND.includes(method)) return false;
  // Without CAPA, USER and PASS are what RFC 1939 leaves. Many servers that list SASL do not list USER.
  if (method === "USER")
    return capabilities === undefined || capabilities.user || capabilities.sasl.length === 0 || insisted;
  const listed = capabilities?.sasl.includes(method.name) ?? false;
  return listed || (insisted && (capabilities === undefined || wish.force === true));
}
