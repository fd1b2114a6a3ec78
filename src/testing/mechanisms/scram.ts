// SCRAM (RFC 5802, RFC 7677), with channel binding and without. The server proves itself in a challenge of its own,
// which the client answers with nothing: POP3 has no place for it in `+OK` (RFC 5034 section 4).
import { createHash, randomBytes } from "node:crypto";
import { Pop3Error } from "../../errors.ts";
import type { Accounts } from "../accounts.ts";
import { EMPTY, type Exchange, type SaslSession, type ServerMechanism } from "./mechanism.ts";
import { ScramKeys, type ScramHash } from "./scram-keys.ts";

export interface ScramServerOptions {
  /**
   * How often the hash is applied, from 1 to 1 000 000. To announce what nobody could calculate, use `serverFirst`.
   * @default 4096
   */
  readonly iterations?: number;
  /** @default 16 octets that follow from the user's name */
  readonly salt?: Buffer;
  /** The server's part of the nonce: printable ASCII without comma. @default 24 random characters */
  readonly nonce?: string;
  /**
   * The channel bindings that -PLUS takes. A -PLUS mechanism is there where the connection has one of them.
   * @default ["tls-exporter", "tls-unique", "tls-server-end-point"]
   */
  readonly channelBindings?: readonly string[];
  /** Gives what is sent in place of the server-first-message `r=…,s=…,i=…`. */
  readonly serverFirst?: (message: string) => string;
  /**
   * Gives what is sent in place of the server-final-message `v=…`. `undefined`: nothing is sent, and success is
   * said at once. `e=…`: the login is refused once the client has answered.
   */
  readonly serverFinal?: (message: string) => string | undefined;
}

/** With the defaults, where they do not differ from one exchange to the next. */
type Settings = ScramServerOptions & Required<Omit<ScramServerOptions, "salt" | "nonce">>;

/** They take about a second. */
const MOST_ITERATIONS = 1_000_000;

const HASHES = { "SHA-1": "sha1", "SHA-256": "sha256", "SHA-512": "sha512" } as const;

// RFC 5802 section 7. The reserved `m=` would stand ahead of `n=`: what it demands is not known, so it is refused.
const CLIENT_FIRST =
  /^((?:n|y|p=[A-Za-z0-9.-]+),(?:a=([^,\0]+))?,)(n=([^,\0]+),r=([!-+\--~]+)(?:,[A-Za-z]=[^,\0]+)*)$/;
const CLIENT_FINAL =
  /^(c=([A-Za-z0-9+/]+=*),r=([!-+\--~]+)(?:,[A-Za-z]=[^,\0]+)*),p=((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)$/;

/** `hash`: as the mechanism's name has it; `plus`: with channel binding, and only with it. */
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
  if (!(Number.isInteger(iterations) && iterations >= 1 && iterations <= MOST_ITERATIONS))
    throw new Pop3Error("POP3_CONFIG", `scram.iterations is from 1 to ${String(MOST_ITERATIONS)}`);
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
  if (first === null) return "this is no client-first-message";
  const [, header = "", authorize, bare = "", sentName = "", clientNonce = ""] = first;
  const bound = bindingOf(header, plus, settings.channelBindings, session);
  if (typeof bound === "string") return bound;
  const name = nameOf(sentName);
  if (name === undefined) return "invalid-username-encoding";
  // For a name that is unknown all goes on: only the end shows it, as it shows a wrong password.
  const account = accounts.find(name);
  const { iterations, salt = createHash("sha256").update(name, "utf8").digest().subarray(0, 16) } = settings;

  const nonce = `${clientNonce}${settings.nonce ?? randomBytes(18).toString("base64")}`;
  const serverFirst = settings.serverFirst(`r=${nonce},s=${salt.toString("base64")},i=${String(iterations)}`);
  const final = CLIENT_FINAL.exec((yield Buffer.from(serverFirst, "utf8")).toString("utf8"));
  if (final === null) return "this is no client-final-message";
  const [, withoutProof = "", binding, sentNonce, proof = ""] = final;
  if (sentNonce !== nonce) return "the nonce is another one";
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
  return answer.length === 0 ? account : "nothing is to be said to the server-final-message";
}

/** What `c=` must hold behind the GS2 header, or what is wrong, in the words of section 7 (RFC 5802 section 6). */
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
  // The client could bind, and thinks that we could not: somebody has changed our list on its way.
  if (header.startsWith("y") && listed.some((name) => /^SCRAM-.*-PLUS$/.test(name)))
    return "server-does-support-channel-binding";
  return plus ? "there is no -PLUS without channel binding" : EMPTY;
}

/** `=` and `,` are written `=3D` and `=2C`; any other `=` is an error (section 5.1). */
function nameOf(written: string): string | undefined {
  if (/=(?!2C|3D)/.test(written)) return undefined;
  return written.replaceAll("=2C", ",").replaceAll("=3D", "=");
}
