// The built-in mechanisms of the test server, by name.
import { printable } from "../../protocol/printable.ts";
import { configError } from "../../options/checks.ts";
import { anonymous } from "./anonymous.ts";
import { checkOptions, is, isObject, isPlain, isText, type Checks } from "../option-checks.ts";
import { cramMd5 } from "./cram-md5.ts";
import { DIGEST_MD5_CHECKS, digestMd5, type DigestMd5ServerOptions } from "./digest-md5.ts";
import { external } from "./external.ts";
import { login } from "./login.ts";
import type { ServerMechanism } from "./mechanism.ts";
import { oauthbearer, xoauth2, type OAuthError } from "./oauth.ts";
import { plain } from "./plain.ts";
import { scram, SCRAM_CHECKS, type ScramServerOptions } from "./scram.ts";

/** The options of the built-in mechanisms. */
export interface MechanismOptions {
  /** Options of SCRAM (RFC 5802, RFC 7677), and wrong messages to send. @default the messages are correct */
  readonly scram?: ScramServerOptions;
  /** Options of DIGEST-MD5 (RFC 2831), and wrong messages to send. @default the messages are correct */
  readonly digestMd5?: DigestMd5ServerOptions;
  /** The challenge of CRAM-MD5 (RFC 2195), the same for every login. @default a new one for each login */
  readonly cramMd5?: string;
  /**
   * The challenge with which XOAUTH2 and OAUTHBEARER refuse a token, before `-ERR`. An object is sent as
   * JSON, a string unchanged.
   * @default `status`, `scope` and the other members that Google (XOAUTH2) or RFC 7628 (OAUTHBEARER) send
   */
  readonly oauthError?: OAuthError;
  /**
   * The user whose maildrop ANONYMOUS (RFC 4505) opens. The mechanism ANONYMOUS requires it.
   * @default none
   */
  readonly anonymous?: string;
}

/** The checks of the options. */
export const MECHANISM_CHECKS: Checks<MechanismOptions> = {
  scram: (what, value) => {
    isObject(what, value);
    checkOptions("scram", value as ScramServerOptions, SCRAM_CHECKS);
  },
  digestMd5: (what, value) => {
    isObject(what, value);
    checkOptions("digestMd5", value as DigestMd5ServerOptions, DIGEST_MD5_CHECKS);
  },
  cramMd5: isText,
  oauthError: is("an object or a string", (value) => typeof value === "string" || isPlain(value)),
  anonymous: isText,
};

const MECHANISMS: Readonly<Record<string, (options: MechanismOptions) => ServerMechanism>> = {
  PLAIN: () => plain,
  LOGIN: () => login,
  "CRAM-MD5": (options) => cramMd5(options.cramMd5),
  "DIGEST-MD5": (options) => digestMd5(options.digestMd5),
  "SCRAM-SHA-1": (options) => scram("SHA-1", false, options.scram),
  "SCRAM-SHA-1-PLUS": (options) => scram("SHA-1", true, options.scram),
  "SCRAM-SHA-256": (options) => scram("SHA-256", false, options.scram),
  "SCRAM-SHA-256-PLUS": (options) => scram("SHA-256", true, options.scram),
  "SCRAM-SHA-512": (options) => scram("SHA-512", false, options.scram),
  "SCRAM-SHA-512-PLUS": (options) => scram("SHA-512", true, options.scram),
  EXTERNAL: () => external,
  ANONYMOUS: (options) => {
    const { anonymous: user } = options;
    if (user === undefined)
      throw configError("anonymous is undefined: it must be set for the mechanism ANONYMOUS");
    return anonymous(user);
  },
  XOAUTH2: (options) => xoauth2(options.oauthError),
  OAUTHBEARER: (options) => oauthbearer(options.oauthError),
};

/**
 * Makes a mechanism. Throws `POP3_CONFIG` if the name is unknown or an option of the mechanism is missing.
 */
export function mechanismNamed(name: string, options: MechanismOptions): ServerMechanism {
  const make = new Map(Object.entries(MECHANISMS)).get(name.toUpperCase());
  if (make !== undefined) return make(options);
  const known = Object.keys(MECHANISMS).join(", ");
  throw configError(`unknown SASL mechanism ${printable(name)}: must be one of ${known}`);
}
