// Chooses the login method: the strongest one of our list that the server offers. The server's order has no
// effect.
import { Pop3Error } from "../errors.ts";
import type { Capabilities } from "../protocol/capabilities.ts";
import { printable } from "../protocol/printable.ts";
import type { Secrets } from "../protocol/secrets.ts";
import { anonymous } from "./anonymous.ts";
import { cramMd5 } from "./cram-md5.ts";
import { digestMd5 } from "./digest-md5.ts";
import { external } from "./external.ts";
import { gssapi } from "./gssapi.ts";
import { login } from "./login.ts";
import type { SaslMechanism } from "./mechanism.ts";
import type { SecretKind } from "./names.ts";
import { oauthBearer, xoauth2 } from "./oauth.ts";
import { plain } from "./plain.ts";
import {
  scramSha1,
  scramSha1Plus,
  scramSha256,
  scramSha256Plus,
  scramSha512,
  scramSha512Plus,
} from "./scram.ts";

/** A login method: POP3's own `USER` (with PASS) and `APOP`, or a SASL mechanism. */
export type Method = "USER" | "APOP" | SaslMechanism;

/** Whether to bind SCRAM to the TLS connection (RFC 5802 section 6). */
export type ChannelBinding = "if-offered" | "required" | "never";

export interface ServerOffer {
  /** The capabilities; `undefined` if the server does not know CAPA. */
  readonly capabilities: Capabilities | undefined;
  /** Whether TLS protects the connection. */
  readonly secure: boolean;
  /** Whether the greeting has a timestamp that APOP can use. */
  readonly timestamp: boolean;
  /** Whether the connection has a channel binding that the caller allows. @default true */
  readonly bindable?: boolean;
  /** Masked if the names of the mechanisms contain them. */
  readonly secrets?: Secrets;
}

export interface AuthPreferences {
  /**
   * The methods that the caller demands, in order: names in upper case, or the caller's mechanisms. Empty:
   * our list.
   */
  readonly mechanisms: readonly (string | SaslMechanism)[];
  /** The kind of secret that the caller has. @default "password" */
  readonly secret?: SecretKind;
  /**
   * Whether to act for another identity. Then only a method that can send an authorization identity is
   * chosen.
   */
  readonly authzid?: boolean;
  /** Whether a secret may be sent in the clear. */
  readonly allowPlaintext: boolean;
  /** Whether to use a demanded method that the server does not list. */
  readonly force?: boolean;
  /** @default "if-offered" */
  readonly channelBinding?: ChannelBinding;
}

/**
 * Bound to the TLS connection: they detect an attacker in the middle, even one with a certificate that we
 * trust.
 */
const BOUND: readonly Method[] = [scramSha512Plus, scramSha256Plus, scramSha1Plus];
/** The client never sends the password, and the server proves that it knows it. */
const MUTUAL: readonly Method[] = [scramSha512, scramSha256, scramSha1];
/** They send the password itself, so they are only as safe as TLS. */
const CLEARTEXT: readonly Method[] = [plain, login, "USER"];
/**
 * Obsolete (RFC 6331, RFC 8314): they use MD5, CRAM-MD5 does not authenticate the server, and the server must
 * store the password or its equivalent.
 */
const OBSOLETE: readonly Method[] = [digestMd5, cramMd5];

/**
 * Over TLS, obsolete methods come last. Without TLS, they are still better than a password in the clear: an
 * eavesdropper has to guess the password, one try for each hash.
 */
const WITH_TLS: readonly Method[] = [...BOUND, ...MUTUAL, ...CLEARTEXT, ...OBSOLETE, "APOP"];
const IN_CLEAR: readonly Method[] = [...MUTUAL, ...OBSOLETE, "APOP", ...CLEARTEXT];

const TOKEN: readonly Method[] = [oauthBearer, xoauth2];
/** Used only if the caller demands them: no option has the proof of identity that they need. */
const ON_REQUEST: readonly Method[] = [external, gssapi, anonymous];

const BUILT_IN: ReadonlyMap<string, Method> = new Map(
  [...WITH_TLS, ...TOKEN, ...ON_REQUEST].map((method) => [nameOf(method), method]),
);

/**
 * Chooses the method to log in with. It is only one: after a refusal, no other method is tried with the same
 * secret.
 *
 * Throws `POP3_CONFIG` for an unknown name, `POP3_TLS_REQUIRED` if the remaining methods are unsafe without
 * TLS and that is not allowed, otherwise `POP3_AUTH_NO_MECHANISM`.
 */
export function chooseMethod(offer: ServerOffer, wish: AuthPreferences): Method {
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
      "the connection has no TLS, and the password must not be sent in the clear",
    );
  }
  const offered = [...(offer.capabilities?.sasl ?? []), ...(offer.timestamp ? ["APOP"] : [])];
  throw new Pop3Error(
    "POP3_AUTH_NO_MECHANISM",
    `${candidates.length === 0 ? "no login method can do what the options demand" : `none of ${candidates.map(nameOf).join(", ")} can be used`}; the server offers ${printable(offered.slice(0, 16).join(", "), offer.secrets) || "none"}`,
  );
}

/** Returns the method with this name, in upper or lower case; `undefined` for an unknown name. */
export function methodNamed(name: string): Method | undefined {
  return BUILT_IN.get(name.toUpperCase());
}

/** Returns the kind of secret that a method needs. */
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

function byStrength({ secure }: ServerOffer, { secret = "password" }: AuthPreferences): readonly Method[] {
  if (secret === "token") return TOKEN;
  return secure ? WITH_TLS : IN_CLEAR;
}

/**
 * Returns whether a method supports the authorization identity and the channel binding that the caller wants.
 */
function isWanted(
  method: Method,
  { authzid = false, channelBinding = "if-offered" }: AuthPreferences,
): boolean {
  // USER, APOP and LOGIN cannot send it: the caller would be logged in as the user, without an error.
  if (authzid && (typeof method === "string" || method.authzid === false)) return false;
  if (channelBinding === "never") return !BOUND.includes(method);
  // If binding is required, a password must go through SCRAM-PLUS. A token or a certificate cannot be bound.
  return channelBinding === "if-offered" || BOUND.includes(method) || secretOf(method) !== "password";
}

/**
 * Returns whether a method is safe without TLS. An eavesdropper can guess a weak password from a digest,
 * offline. SCRAM makes that expensive; the other digests are used only if the caller demands them.
 */
function isSafeInClear(method: Method, insisted: boolean): boolean {
  if (MUTUAL.includes(method)) return true;
  return insisted && (method === "APOP" || (method !== "USER" && !method.cleartext));
}

function isOffered(method: Method, offer: ServerOffer, wish: AuthPreferences): boolean {
  const { capabilities } = offer;
  const insisted = wish.mechanisms.length > 0;
  if (method === "APOP") return offer.timestamp;
  // Without CAPA, RFC 1939 leaves only USER and PASS. Many servers that list SASL do not list USER: there,
  // USER is used only on demand.
  if (method === "USER")
    return capabilities === undefined || capabilities.user || capabilities.sasl.length === 0 || insisted;
  const listed = capabilities?.sasl.includes(method.name) ?? false;
  if (!listed && !(insisted && (capabilities === undefined || wish.force === true))) return false;
  // Asked last, because the binding has to be computed.
  return !BOUND.includes(method) || offer.bindable !== false;
}
