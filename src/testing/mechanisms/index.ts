// The built-in mechanisms of the test server, by name.
import { Pop3Error } from "../../errors.ts";
import type { Pop3ServerOptions } from "../options.ts";
import { anonymous } from "./anonymous.ts";
import { cramMd5 } from "./cram-md5.ts";
import { digestMd5 } from "./digest-md5.ts";
import { external } from "./external.ts";
import { login } from "./login.ts";
import type { ServerMechanism } from "./mechanism.ts";
import { oauthbearer, xoauth2 } from "./oauth.ts";
import { plain } from "./plain.ts";
import { scram } from "./scram.ts";

const MECHANISMS: Readonly<Record<string, (options: Pop3ServerOptions) => ServerMechanism>> = {
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
      throw new Pop3Error(
        "POP3_CONFIG",
        "anonymous is undefined: it must be set for the mechanism ANONYMOUS",
      );
    return anonymous(user);
  },
  XOAUTH2: (options) => xoauth2(options.oauthError),
  OAUTHBEARER: (options) => oauthbearer(options.oauthError),
};

/**
 * Makes a mechanism. Throws `POP3_CONFIG` if the name is unknown or an option of the mechanism is missing.
 */
export function mechanismNamed(name: string, options: Pop3ServerOptions): ServerMechanism {
  const make = new Map(Object.entries(MECHANISMS)).get(name.toUpperCase());
  if (make !== undefined) return make(options);
  const known = Object.keys(MECHANISMS).join(", ");
  throw new Pop3Error("POP3_CONFIG", `unknown SASL mechanism ${name}: must be one of ${known}`);
}
