// SCRAM (RFC 5802, RFC 7677), with and without channel binding. The server sends its proof in a last
// challenge, and the client answers with an empty response: `+OK` has no place for the proof in POP3 (RFC
// 5034 section 4).
import { createHash, randomBytes } from "node:crypto";
import type { Accounts } from "../accounts.ts";
import { is, isCallback, isListOf, isString, isText, isWhole, type Checks } from "../option-checks.ts";
import { EMPTY, type Exchange, type SaslSession, type ServerMechanism } from "./mechanism.ts";
import { ScramKeys, type ScramHash } from "./scram-keys.ts";

/** The options of SCRAM in the test server. */
export interface ScramServerOptions {
  /**
   * The number of iterations, from 1 to 1,000,000. To announce a number that is too large to compute, use
   * `serverFirst`.
   * @default 4096
   */
  readonly iterations?: number;
  /** The salt. @default 16 bytes derived from the user name */
  readonly salt?: Buffer;
  /** The server's part of the nonce: printable ASCII without commas. @default 24 random characters */
  readonly nonce?: string;
  /**
   * The channel bindings that -PLUS accepts. A -PLUS mechanism is available if the connection has one of
   * them.
   * @default ["tls-exporter", "tls-unique", "tls-server-end-point"]
   */
  readonly channelBindings?: readonly string[];
  /** Returns the text to send instead of the server-first-message `r=…,s=…,i=…`. */
  readonly serverFirst?: (message: string) => string;
  /**
   * Returns the text to send instead of the server-final-message `v=…`. If it returns `undefined`, the server
   * sends no proof and reports success at once. If it returns `e=…`, the login is refused after the client's
   * response.
   */
  readonly serverFinal?: (message: string) => string | undefined;
}

/** This number of iterations takes about a second. */
const MOST_ITERATIONS = 1_000_000;

/** The checks of the options. */
export const SCRAM_CHECKS: Checks<ScramServerOptions> = {
  iterations: isWhole(1, MOST_ITERATIONS),
  salt: is("a Buffer", (value) => Buffer.isBuffer(value)),
  nonce: isString,
  channelBindings: isListOf(isText),
  serverFirst: isCallback,
  serverFinal: isCallback,
};

/** The options with defaults, except those whose default changes with each exchange. */
type Settings = ScramServerOptions & Required<Omit<ScramServerOptions, "salt" | "nonce">>;

const HASHES = { "SHA-1": "sha1", "SHA-256": "sha256", "SHA-512": "sha512" } as const;

// RFC 5802 section 7. The reserved `m=` would come before `n=`. It demands an unknown extension, so it does
// not match.
const CLIENT_FIRST =
  /^((?:n|y|p=[A-Za-z0-9.-]+),(?:a=([^,\0]+))?,)(n=([^,\0]+),r=([!-+\--~]+)(?:,[A-Za-z]=[^,\0]+)*)$/;
const CLIENT_FINAL =
  /^(c=([A-Za-z0-9+/]+=*),r=([!-+\--~]+)(?:,[A-Za-z]=[^,\0]+)*),p=((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)$/;

/**
 * Makes a SCRAM mechanism. `hash`: as in its name. `plus`: the -PLUS variant, which requires channel binding.
 */
export function scram(
  hash: keyof typeof HASHES,
  plus: boolean,
  options: ScramServerOptions = {},
): ServerMechanism {
  const {
    iterations = 4096,
    channelBindings = ["tls-exporter", "tls-unique", "tls-server-end-point"],
    serverFirst = same,
    serverFinal = same,
  } = options;
  const settings = { ...options, iterations, channelBindings, serverFirst, serverFinal };
  return {
    name: `SCRAM-${hash}${plus ? "-PLUS" : ""}`,
    initialResponse: true,
    available: (tls) => !plus || channelBindings.some((type) => tls?.channelBinding(type) !== undefined),
    exchange: (accounts, session) => exchange(accounts, session, HASHES[hash], plus, settings),
  };
}

const same = (message: string): string => message;

function* exchange(
  accounts: Accounts,
  session: SaslSession,
  hash: ScramHash,
  plus: boolean,
  settings: Settings,
): Exchange {
  const first = CLIENT_FIRST.exec((yield EMPTY).toString("utf8"));
  if (first === null) return "invalid client-first-message";
  const [, header = "", authorize, bare = "", sentName = "", clientNonce = ""] = first;
  const bound = bindingOf(header, plus, settings.channelBindings, session);
  if (typeof bound === "string") return bound;
  const name = nameOf(sentName);
  if (name === undefined) return "invalid-username-encoding";
  // An unknown name is refused only at the end, like a wrong password, so that a client cannot search for
  // names.
  const account = accounts.find(name);
  const { iterations, salt = createHash("sha256").update(name, "utf8").digest().subarray(0, 16) } = settings;

  const nonce = `${clientNonce}${settings.nonce ?? randomBytes(18).toString("base64")}`;
  const serverFirst = settings.serverFirst(`r=${nonce},s=${salt.toString("base64")},i=${String(iterations)}`);
  const final = CLIENT_FINAL.exec((yield Buffer.from(serverFirst, "utf8")).toString("utf8"));
  if (final === null) return "invalid client-final-message";
  const [, withoutProof = "", binding, sentNonce, proof = ""] = final;
  if (sentNonce !== nonce) return "wrong nonce";
  if (binding !== Buffer.concat([Buffer.from(header, "utf8"), bound]).toString("base64"))
    return "channel-bindings-dont-match";

  const authMessage = `${bare},${serverFirst},${withoutProof}`;
  const keys = account && ScramKeys.of(account, hash, salt, iterations);
  if (keys?.isProvenBy(Buffer.from(proof, "base64"), authMessage) !== true) return undefined;
  if (authorize !== undefined && accounts.find(nameOf(authorize) ?? "") !== account) return undefined;
  const serverFinal = settings.serverFinal(`v=${keys.serverSignature(authMessage).toString("base64")}`);
  if (serverFinal === undefined) return account;
  const answer = yield Buffer.from(serverFinal, "utf8");
  if (serverFinal.startsWith("e=")) return undefined;
  return answer.length === 0 ? account : "the response to the server-final-message must be empty";
}

/**
 * Returns the data that `c=` must have after the GS2 header (RFC 5802 section 6), or an error as a text of
 * section 7.
 */
function bindingOf(
  header: string,
  plus: boolean,
  types: readonly string[],
  { tls, listed }: SaslSession,
): Buffer | string {
  if (header.startsWith("p=")) {
    if (!plus) return "channel-binding-not-supported";
    const type = header.slice(2, header.indexOf(","));
    const data = types.includes(type) ? tls?.channelBinding(type) : undefined;
    return data ?? "unsupported-channel-binding-type";
  }
  // The client supports binding and believes that the server does not: an attacker has changed the list in
  // transit.
  if (header.startsWith("y") && listed.some((name) => /^SCRAM-.*-PLUS$/.test(name)))
    return "server-does-support-channel-binding";
  return plus ? "-PLUS requires channel binding" : EMPTY;
}

/** Decodes a name: `=3D` is `=` and `=2C` is `,`; any other `=` is an error (section 5.1). */
function nameOf(written: string): string | undefined {
  if (/=(?!2C|3D)/.test(written)) return undefined;
  return written.replaceAll("=2C", ",").replaceAll("=3D", "=");
}
