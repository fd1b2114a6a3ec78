// The URL form of the options: our own, and that of RFC 2384.
import { hostFrom } from "../net/authority.ts";
import { configError } from "./checks.ts";

/** The client options that a URL can contain: see {@link parseUrl}. */
export interface UrlOptions {
  /** The name or the address of the server. */
  readonly host: string;
  /** The port, if the URL has one. */
  readonly port?: number;
  /** Whether TLS starts with the first byte. */
  readonly secure: boolean;
  /** Whether STLS starts TLS, if the URL says so. */
  readonly stls?: "required" | "if-offered" | "never";
  /** The login, if the URL has a user. */
  readonly auth?: {
    /** The user name, decoded. */
    readonly user: string;
    /** The password, decoded. */
    readonly pass?: string;
    /** The mechanism, if the URL names one. */
    readonly mechanism?: string;
  };
}

/**
 * Returns the URL of a maildrop as options: `pop3s://user:pass@host:port` (TLS from the first byte),
 * `pop3://host` (STLS required; `?stls=never` or `?stls=if-offered` changes that), or, as in RFC 2384,
 * `pop://user;auth=+APOP@host`. Percent-encode special characters in the user name and the password.
 *
 * Throws `POP3_CONFIG` if the URL is invalid. The error never shows the URL, because it may have a password.
 *
 * @example
 * ```ts
 * const client = await Pop3Client.connect({ ...parseUrl("pop3s://ann:secret@pop.example.com"), utf8: true });
 * ```
 */
export function parseUrl(given: string | URL): UrlOptions {
  let url: URL;
  try {
    url = new URL(given);
  } catch {
    // Neither the URL nor Node's error, which repeats it, is shown: there may be a password in it.
    throw configError(
      "the URL cannot be parsed: expected pop3s://user@host:port, with a port up to 65535; percent-encode #, /, ?, @, : and % in user and password",
    );
  }
  const secure = url.protocol === "pop3s:" || url.protocol === "pops:";
  if (!secure && url.protocol !== "pop3:" && url.protocol !== "pop:") {
    throw configError("the URL must begin with pop3s://, pop3:// or pop://");
  }
  if (url.pathname !== "" && url.pathname !== "/")
    throw configError(
      "the URL has a path: percent-encode / as %2F if it belongs to the user name or the password",
    );
  if (url.hash !== "")
    throw configError(
      "the URL has a #: percent-encode it as %23 if it belongs to the user name or the password",
    );
  const host = decode(url.hostname, hostFrom);
  if (host === "" && url.hostname !== "") throw configError("the host in the URL is not a valid name");
  let stls: string | undefined;
  for (const [name, value] of url.searchParams) {
    if (name !== "stls") {
      throw configError(
        "the URL has an unknown parameter: only stls is known; percent-encode ? as %3F if it belongs to the password",
      );
    }
    stls = value;
  }
  const decoded = decode(url.username);
  const at = decoded.search(/;auth=/i);
  const user = at === -1 ? decoded : decoded.slice(0, at);
  const mechanism = at === -1 ? "*" : decoded.slice(at + ";auth=".length);
  if (user === "" && decoded + url.password !== "")
    throw configError("the URL has a password but no user name");
  if (mechanism === "") throw configError("the URL has ;auth= without the name of a mechanism");
  return {
    host,
    secure,
    ...(url.port !== "" && { port: Number(url.port) }),
    ...(stls !== undefined && { stls: stls as "required" }),
    ...(user !== "" && {
      auth: {
        user,
        // EXTERNAL and GSSAPI take none.
        ...(url.password !== "" && { pass: decode(url.password) }),
        // RFC 2384 section 5: "+APOP" is APOP, "*" is any, anything else is a SASL mechanism.
        ...(mechanism !== "*" && { mechanism: mechanism.replace(/^\+/, "").toUpperCase() }),
      },
    }),
  };
}

function decode(text: string, decoded: (text: string) => string = decodeURIComponent): string {
  try {
    return decoded(text);
  } catch {
    throw configError("the URL must be percent-encoded UTF-8: write % itself as %25");
  }
}
