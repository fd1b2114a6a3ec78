// Checks the options for TLS, which go to `tls.connect`. It ignores a name that it does not know, and a text in which it
// finds no certificate: a connection would then fail as if the server were at fault.
import { printable } from "../protocol/printable.ts";
import { checkBoolean, checkFunction, checkObject, configError, nearest } from "./checks.ts";

/** The options of `tls.connect`. It may have others in a later version of Node. */
const NAMES: readonly string[] = [
  ...[
    "ALPNProtocols",
    "allowPartialTrustChain",
    "ca",
    "cert",
    "checkServerIdentity",
    "ciphers",
    "clientCertEngine",
  ],
  ...["crl", "dhparam", "ecdhCurve", "enableTrace", "highWaterMark", "honorCipherOrder", "key", "maxVersion"],
  ...[
    "minDHSize",
    "minVersion",
    "passphrase",
    "pfx",
    "privateKeyEngine",
    "privateKeyIdentifier",
    "pskCallback",
  ],
  ...["rejectUnauthorized", "requestOCSP", "secureContext", "secureOptions", "secureProtocol", "servername"],
  ...["session", "sessionIdContext", "sigalgs", "timeout"],
];

/** What other libraries and tools call them, in lower case. */
const FOREIGN: ReadonlyMap<string, string> = new Map([
  ...["cafile", "cacert"].map((name) => [name, "ca"] as const),
  ...["certfile", "certificate"].map((name) => [name, "cert"] as const),
  ...["keyfile", "privatekey"].map((name) => [name, "key"] as const),
  ...["verify", "insecure"].map((name) => [name, "rejectUnauthorized"] as const),
  ["sni", "servername"],
]);

/** The options that are certificates or keys. Files have them in this form (RFC 7468). */
const PEM = ["ca", "cert", "key"] as const;

/**
 * Throws `POP3_CONFIG` if an option is probably misspelt, or if the name of a file was given in place of its content.
 * `what`: how the options are called.
 */
export function checkTls(what: string, tls: unknown): void {
  checkObject(what, tls);
  for (const name of Object.keys(tls)) {
    if (NAMES.includes(name)) continue;
    const near = FOREIGN.get(name.toLowerCase()) ?? nearest(name, NAMES);
    if (near !== undefined)
      throw configError(
        `unknown option ${what}.${printable(name)}: did you mean ${what}.${printable(near)}?`,
      );
  }
  const { rejectUnauthorized, checkServerIdentity } = tls as Record<string, unknown>;
  // For Node, everything but false is true.
  checkBoolean(`${what}.rejectUnauthorized`, rejectUnauthorized);
  checkFunction(`${what}.checkServerIdentity`, checkServerIdentity);
  for (const name of PEM) {
    const given: unknown = (tls as Record<string, unknown>)[name];
    for (const each of Array.isArray(given) ? given : [given]) checkPem(`${what}.${name}`, each);
  }
}

function checkPem(what: string, given: unknown): void {
  if ((typeof given !== "string" && !Buffer.isBuffer(given)) || given.includes("-----BEGIN ")) return;
  // The value is not shown: it may be a key.
  throw configError(
    `${what} must be the content of a PEM file, with a line "-----BEGIN …", not its name: read the file with readFileSync`,
  );
}
