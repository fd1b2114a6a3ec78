// The options of the login, and their checks before anything is sent.
import type { ChannelBinding } from "../auth/choice.ts";
import type { ChannelBindingType, SaslMechanism, ScramOptions } from "../auth/mechanism.ts";
import { mechanismNames, secretNamed, type SecretKind } from "../auth/names.ts";
import type { OAuthRefusal, Pop3Error } from "../errors.ts";
import {
  checkBoolean,
  checkNames,
  checkObject,
  checkOneOf,
  configError,
  shown,
  withDefaults,
} from "./checks.ts";
import { typeOf } from "../protocol/printable.ts";

/** A secret, or a function that returns it. It is called for each login, so the secret need not be kept. */
export type Secret = string | (() => string | Promise<string>);

/**
 * An OAuth2 access token, or a function that returns it. It is called for each login, and once more if the server
 * refuses the token, with what the server said.
 */
export type AccessToken = string | ((refusal?: OAuthRefusal) => string | Promise<string>);

/** The options of the login. */
export interface Pop3Auth {
  /** The user name. Every mechanism needs it except EXTERNAL and GSSAPI. @default none */
  readonly user?: string;
  /** The password, or a function that returns it. @default no password */
  readonly pass?: Secret;
  /** Used instead of `pass`, with OAUTHBEARER (RFC 7628) or XOAUTH2. @default no token */
  readonly accessToken?: AccessToken;
  /**
   * The user whose maildrop to open, if it is not `user`. Only mechanisms that can send it are chosen, such as PLAIN
   * and SCRAM.
   * @default `user`
   */
  readonly authzid?: string;
  /**
   * Uses only this mechanism: `"SCRAM-SHA-256"`, `"PLAIN"`, `"USER"`, `"APOP"`, `"EXTERNAL"` and others (see
   * docs/options.md), or a mechanism of your own.
   * @default the safest one that the server lists
   */
  readonly mechanism?: string | SaslMechanism;
  /** Uses only these mechanisms, the preferred one first. @default all that are safe, the strongest first */
  readonly mechanisms?: readonly (string | SaslMechanism)[];
  /** Uses `mechanism` even if the server does not list it. @default false */
  readonly force?: boolean;
  /**
   * Whether the first response is sent with AUTH, if it fits into the line.
   * @default true; false with XOAUTH2 at Exchange Online, which needs that
   */
  readonly initialResponse?: boolean;
  /**
   * Whether SCRAM is bound to the TLS connection. `"required"`: a password is used only with SCRAM that is bound.
   * `"never"`: SCRAM is not bound.
   * @default "if-offered"
   */
  readonly channelBinding?: ChannelBinding;
  /**
   * The types of channel binding, in the order in which they are tried.
   * @default tls-exporter, tls-unique, tls-server-end-point; before TLS 1.3 without the first
   */
  readonly bindingTypes?: readonly ChannelBindingType[];
  /** Limits on what the server may ask of SCRAM. @default see {@link ScramOptions} */
  readonly scram?: Partial<ScramOptions>;
  /** The charset of user name and password with USER, PLAIN and LOGIN, as `iconv-lite` names it. @default UTF-8 */
  readonly charset?: string;
}

export const DEFAULT_SCRAM: ScramOptions = { minIterations: 4096, maxIterations: 100_000 };

/** The names of all options of the login. The compiler reports a missing one. */
export const AUTH_OPTIONS: Readonly<Record<keyof Pop3Auth, true>> = {
  user: true,
  pass: true,
  accessToken: true,
  authzid: true,
  mechanism: true,
  mechanisms: true,
  force: true,
  initialResponse: true,
  channelBinding: true,
  bindingTypes: true,
  scram: true,
  charset: true,
};

/** Throws `POP3_CONFIG` if `auth` cannot be used. No secret is in the message. */
export function checkAuth(auth: Pop3Auth): void {
  checkObject("auth", auth);
  checkNames("auth", auth, Object.keys(AUTH_OPTIONS));
  checkSecret("pass", auth.pass);
  checkSecret("accessToken", auth.accessToken);
  for (const name of ["user", "authzid", "charset"] as const) {
    const value: unknown = auth[name];
    if (value !== undefined && (typeof value !== "string" || (value === "" && name !== "authzid")))
      throw configError(`auth.${name} must be a non-empty string (got ${shown(value)})`);
  }
  for (const name of ["force", "initialResponse"] as const) checkBoolean(`auth.${name}`, auth[name]);
  checkOneOf("auth.channelBinding", auth.channelBinding, ["if-offered", "required", "never"]);
  for (const name of ["mechanisms", "bindingTypes"] as const) {
    if (auth[name] !== undefined && !Array.isArray(auth[name])) {
      throw configError(`auth.${name} must be an array (got ${shown(auth[name])})`);
    }
  }
  for (const type of auth.bindingTypes ?? [])
    checkOneOf("each of auth.bindingTypes", type, ["tls-exporter", "tls-unique", "tls-server-end-point"]);
  if (auth.scram !== undefined) withDefaults("auth.scram", DEFAULT_SCRAM, auth.scram);
  const demanded = wishedMechanisms(auth).map(secretFor);
  const kinds = demanded.length > 0 ? demanded : [secretKind(auth)];
  if (kinds.includes("password") && auth.pass === undefined) throw missing(auth, "pass");
  if (kinds.includes("token") && auth.accessToken === undefined) throw missing(auth, "accessToken");
  if (kinds.some((kind) => kind !== "none") && auth.user === undefined) throw missing(auth, "user");
}

/** What there is to prove the identity with, unless a mechanism says otherwise. */
export function secretKind(auth: Pop3Auth): SecretKind {
  return auth.accessToken === undefined ? "password" : "token";
}

/** Returns the secret that a demanded mechanism needs. Throws `POP3_CONFIG` if it is not a mechanism. */
function secretFor(mechanism: string | SaslMechanism): SecretKind {
  const known = typeof mechanism === "string" ? secretNamed(mechanism) : undefined;
  const own = mechanism as Partial<SaslMechanism> | null | undefined;
  if (known !== undefined) return known;
  if (typeof mechanism !== "string" && typeof own?.start === "function") return own.secret ?? "password";
  throw configError(
    `auth.mechanism must be ${[...mechanismNames()].join(", ")}, or a SaslMechanism of your own (got ${shown(mechanism)})`,
  );
}

function checkSecret(name: string, value: unknown): void {
  if (value === undefined || typeof value === "function" || (typeof value === "string" && value !== ""))
    return;
  // Only the type is shown: the value may be a secret.
  const got = value === "" ? "an empty string" : typeOf(value);
  throw configError(`auth.${name} must be a non-empty string, or a function that returns one (got ${got})`);
}

/** What the login needs is not there. The commonest reason is a variable of the environment that is not set. */
function missing(auth: Pop3Auth, name: "user" | "pass" | "accessToken"): Pop3Error {
  if (!Object.hasOwn(auth, name)) return configError(`auth.${name} is missing: the login needs it`);
  return configError(`auth.${name} is undefined: if it comes from an environment variable, is that set?`);
}

/** What the caller insists on, the preferred first; empty: whatever is best. */
export function wishedMechanisms({ mechanism, mechanisms }: Pop3Auth): readonly (string | SaslMechanism)[] {
  return mechanisms ?? (mechanism === undefined ? [] : [mechanism]);
}
