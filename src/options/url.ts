// The URL form of the options: our own, and that of RFC 2384.
import { hostFrom } from "../net/authority.ts";
import { configError } from "./checks.ts";

/** What a URL says: `Pop3ClientOptions`, as far as it goes. */
export interface UrlOptions {
  readonly host: string;
  readonly port?: number;
  readonly secure: boolean;
  readonly stls?: "required" | "if-offered" | "never";
  readonly auth?: { readonly user: string; readonly pass?: string; readonly mechanism?: string };
}

/**
 * The URL of a maildrop as options: `pop3s://user:pass@host:port` (TLS from the first octet), `pop3://host`
 * (STLS required; `?stls=never` or `?stls=if-offered` to change that), and RFC 2384's
 * `pop://user;auth=+APOP@host`. What is special in a user name or a password is percent-encoded.
 *
 * Throws `POP3_CONFIG`, without a word of the URL in it.
 */
export function parseUrl(given: string | URL): UrlOptions {
  let url: URL;
  try {
    url = new URL(given);
  } catch {
    // Neither the URL nor Node's error, which repeats it, is shown: there may be a password in it.
    throw configError(
      "the URL cannot be parsed: expected pop3s://user@host:port; percent-encode #, /, ?, @, : and % in user and password",
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
    host: decode(url.hostname, hostFrom),
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
