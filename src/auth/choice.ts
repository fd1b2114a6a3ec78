// Chooses how to log in: from our list, by strength, among what the server offers; never because the server would like it.
import { Pop3Error } from "../errors.ts";
import type { Capabilities } from "../protocol/capabilities.ts";
import { printable } from "../protocol/printable.ts";
import { login } from "./login.ts";
import type { SaslMechanism } from "./mechanism.ts";
import { plain } from "./plain.ts";

/** USER and PASS, and APOP, are POP3's own; the rest is SASL. */
export type Method = "USER" | "APOP" | SaslMechanism;

export interface Offer {
  /** What CAPA said, or `undefined` where the server knows no CAPA. */
  readonly capabilities: Capabilities | undefined;
  /** TLS protects the connection. */
  readonly secure: boolean;
  /** The greeting has a timestamp that APOP may use. */
  readonly timestamp: boolean;
}

export interface Wish {
  /** What the caller insists on, in order; empty: our list. Names in upper case, or a mechanism of one's own. */
  readonly mechanisms: readonly (string | SaslMechanism)[];
  /** Another identity is to be acted for: only what can say so is chosen. */
  readonly authzid?: boolean;
  /** A secret may go over the wire in clear. */
  readonly allowPlaintext: boolean;
}

const BUILT_IN: ReadonlyMap<string, Method> = new Map<string, Method>([
  ["PLAIN", plain],
  ["LOGIN", login],
  ["USER", "USER"],
  ["APOP", "APOP"],
]);

/** Over TLS all of them are as safe as TLS is; APOP comes last, as servers keep its secrets in clear. */
const BY_STRENGTH: readonly Method[] = [plain, login, "USER", "APOP"];

/**
 * The one method to log in with. One, because after a refusal nothing else is tried with the same secret.
 *
 * Throws `POP3_CONFIG` for a name that is unknown here, `POP3_TLS_REQUIRED` where only a secret in clear is
 * left and that is not allowed, else `POP3_AUTH_NO_MECHANISM`.
 */
export function chooseMethod(offer: Offer, wish: Wish): Method {
  const insisted = wish.mechanisms.length > 0;
  const candidates = insisted ? wish.mechanisms.map(byName) : BY_STRENGTH;
  let inClear = false;
  for (const method of candidates) {
    if (!isOffered(method, offer, insisted) || (wish.authzid === true && !takesAuthzid(method))) continue;
    const cleartext = method === "USER" || (method !== "APOP" && method.cleartext);
    if (cleartext && !offer.secure && !wish.allowPlaintext) inClear = true;
    // In clear, APOP lets its secret be guessed at leisure: only who asks for it gets it.
    else if (method !== "APOP" || offer.secure || insisted) return method;
  }
  if (inClear) {
    throw new Pop3Error(
      "POP3_TLS_REQUIRED",
      "the connection has no TLS, and the password is not sent in clear",
    );
  }
  const names = candidates.map((method) => (typeof method === "string" ? method : method.name));
  const offered = [...(offer.capabilities?.sasl ?? []), ...(offer.timestamp ? ["APOP"] : [])];
  throw new Pop3Error(
    "POP3_AUTH_NO_MECHANISM",
    `none of ${names.join(", ")} can be used; the server offers ${printable(offered.slice(0, 16).join(", ")) || "none"}`,
  );
}

/** Whether a name is one of ours, in any case. */
export function isMechanism(name: string): boolean {
  return BUILT_IN.has(name.toUpperCase());
}

function byName(wished: string | SaslMechanism): Method {
  if (typeof wished !== "string") return wished;
  const method = BUILT_IN.get(wished.toUpperCase());
  if (method === undefined) throw new Pop3Error("POP3_CONFIG", `unknown authentication mechanism: ${wished}`);
  return method;
}

/** USER, APOP and LOGIN have no place for it: the login would be as the user, and nobody would notice. */
function takesAuthzid(method: Method): boolean {
  return typeof method !== "string" && method.authzid !== false;
}

function isOffered(method: Method, { capabilities, timestamp }: Offer, insisted: boolean): boolean {
  if (method === "APOP") return timestamp;
  // Without CAPA, USER and PASS are what RFC 1939 leaves. Many servers that list SASL do not list USER.
  if (method === "USER")
    return capabilities === undefined || capabilities.user || capabilities.sasl.length === 0 || insisted;
  return (capabilities?.sasl.includes(method.name) ?? false) || (insisted && capabilities === undefined);
}
