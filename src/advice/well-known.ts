// The server and the wishes of a large provider, found by a mail address.
import { argumentError, checkText } from "../options/checks.ts";
import { PROVIDERS } from "./providers.ts";
import { forPrograms } from "./wording.ts";

/** What is known of a provider, see {@link wellKnown}. */
export interface WellKnownProvider {
  /** The name of the provider. */
  readonly name: string;
  /** The POP3 server; `undefined` if the provider does not offer POP3: see `instead`. */
  readonly host: string | undefined;
  /** The port of the server, which has TLS from the first byte. */
  readonly port: 995;
  /** TLS begins with the first byte. */
  readonly secure: true;
  /** The user name that the provider wants for this address. */
  readonly user: string;
  /** The secret that the provider accepts, as in "Gmail accepts ..."; `undefined` if it is not known. */
  readonly secret: string | undefined;
  /** Where the user turns POP on; `undefined` if it is on, or not known. */
  readonly switchOn: string | undefined;
  /** What to use in place of POP3, such as IMAP. */
  readonly instead: string | undefined;
}

/**
 * Finds the provider of a mail address by its domain: the server, the form of the user name, and what the provider wants.
 * Returns `undefined` for a domain that is not known, also if a known provider hosts it. Asks no server. Throws
 * `POP3_INVALID_ARGUMENT` if the address is not a string with an `@`.
 *
 * @example
 * ```ts
 * const provider = wellKnown("ann@gmail.com");
 * if (provider?.host !== undefined) {
 *   const { host, port, user } = provider;
 *   await Pop3Client.use({ host, port, auth: { user, pass: "secret" } }, (client) => client.stat());
 * } else console.log(provider?.instead ?? "not known");
 * ```
 */
export function wellKnown(address: string): WellKnownProvider | undefined {
  checkText("address", address, argumentError);
  const at = address.lastIndexOf("@");
  if (at <= 0 || at === address.length - 1)
    throw argumentError(
      "address must be a mail address, such as ann@example.com (got a text without name or domain)",
    );
  const domain = address.slice(at + 1).toLowerCase();
  const provider = PROVIDERS.find(({ hosts, servers, instead }) =>
    servers === undefined ? instead !== undefined && hosts.includes(domain) : Object.hasOwn(servers, domain),
  );
  if (provider === undefined) return undefined;
  const { name, servers, secret, switchOn, instead } = provider;
  return {
    name,
    host: servers?.[domain],
    port: 995,
    secure: true,
    user: provider.user === "local part" ? address.slice(0, at) : address,
    secret: secret === undefined ? undefined : forPrograms(secret),
    switchOn,
    instead,
  };
}
