// The mail server of an Lmtp destination: its URL and the options of the connection, checked.
import type { ConnectionOptions } from "node:tls";
import { authority, hostFrom, isLoopback } from "../../../net/authority.ts";
import type { SocketTarget } from "../../../net/open-socket.ts";
import {
  checkFunction,
  checkNames,
  checkObject,
  checkOneOf,
  configError,
  shown,
} from "../../../options/checks.ts";
import { checkTls } from "../../../options/tls.ts";
import type { Secret } from "../../../options/auth.ts";
import { printable, typeOf } from "../../../protocol/printable.ts";

/** How an {@link Lmtp} signs in. The user name is in the URL. */
export type LmtpAuth =
  | {
      /** The password, or a function that returns it. */
      readonly password: Secret;
    }
  | {
      /** An OAuth2 access token (XOAUTH2), or a function that returns it. */
      readonly accessToken: Secret;
    };

/** Whether a connection in clear text changes to TLS. */
export type StartTls = "required" | "if-offered" | "never";

/** Where the server is, and how it is reached. */
export interface MailServer extends SocketTarget {
  /** The server as errors name it: safe to print. */
  readonly name: string;
  /** Whether it speaks LMTP; otherwise SMTP. */
  readonly lmtp: boolean;
  readonly starttls: StartTls;
  readonly user: string;
  readonly auth: { readonly kind: "password" | "accessToken"; readonly secret: Secret } | undefined;
}

interface ServerOptions {
  readonly auth?: LmtpAuth | undefined;
  readonly starttls?: StartTls | undefined;
  readonly tls?: ConnectionOptions | undefined;
}

const LIKE = "must look like lmtp://127.0.0.1:24, lmtp:/run/dovecot/lmtp, smtp://host or smtps://user@host";

/** Reads the URL and the options. Throws `POP3_CONFIG`; the URL is not shown, because it may contain a password. */
export function mailServer(given: unknown, { auth, starttls, tls = {} }: ServerOptions): MailServer {
  checkTls("lmtp.tls", tls);
  checkOneOf("lmtp.starttls", starttls, ["required", "if-offered", "never"]);
  const text: unknown = given instanceof URL ? given.href : given;
  if (typeof text !== "string" || !URL.canParse(text))
    throw configError(
      `the URL of an Lmtp ${LIKE} (got ${typeof text === "string" ? "another string" : shown(text)})`,
    );
  const url = new URL(text);
  const place = placeOf(url);
  const user = decoded(url.username);
  const proof = auth === undefined ? undefined : proofOf(auth, user);
  const isLocal = place.path !== undefined || isLoopback(place.host);
  const encryption = starttls ?? (place.secure || isLocal ? "never" : "required");
  if (place.secure && encryption !== "never")
    throw configError("lmtp.starttls is for lmtp:// and smtp://: smtps:// begins with TLS");
  if (proof !== undefined && !isLocal && !place.secure && encryption !== "required")
    throw configError(
      `lmtp.auth needs TLS: starttls must be "required" (got "${encryption}"), or use smtps://`,
    );
  const port = place.port ?? defaultPort(url.protocol, proof !== undefined);
  return {
    name: printable(place.path ?? authority({ host: place.host, port })),
    lmtp: url.protocol === "lmtp:",
    path: place.path,
    host: place.host,
    port,
    secure: place.secure,
    starttls: encryption,
    tls,
    user,
    auth: proof,
  };
}

/** The ports of LMTP (none is registered, 24 is usual), SMTP, its submission (RFC 6409) and submission over TLS (RFC 8314). */
function defaultPort(protocol: string, signsIn: boolean): number {
  if (protocol === "lmtp:") return 24;
  if (protocol === "smtps:") return 465;
  return signsIn ? 587 : 25;
}

function placeOf(url: URL): {
  readonly path: string | undefined;
  readonly host: string;
  readonly port: number | undefined;
  readonly secure: boolean;
} {
  const { protocol } = url;
  if (protocol !== "lmtp:" && protocol !== "smtp:" && protocol !== "smtps:")
    throw configError("the URL of an Lmtp must begin with lmtp:, smtp:// or smtps://");
  if (url.password !== "") throw configError("the URL of an Lmtp must not contain a password: use lmtp.auth");
  if (url.search !== "" || url.hash !== "")
    throw configError(
      "the URL of an Lmtp must not have ? or #: percent-encode them in a path or a user name",
    );
  const secure = protocol === "smtps:";
  const host = url.hostname === "" ? "" : decoded(url.hostname, hostFrom);
  const hasPath = url.pathname !== "" && url.pathname !== "/";
  if (host === "") {
    if (!hasPath || !url.pathname.startsWith("/") || secure || url.username !== "")
      throw configError(`the URL of an Lmtp ${LIKE}`);
    return { path: decoded(url.pathname), host: "localhost", port: undefined, secure };
  }
  if (hasPath)
    throw configError("the URL of an Lmtp has a host and a path: write lmtp:/run/dovecot/lmtp for a socket");
  return { path: undefined, host, port: url.port === "" ? undefined : Number(url.port), secure };
}

function proofOf(auth: unknown, user: string): MailServer["auth"] {
  checkObject("lmtp.auth", auth);
  checkNames("lmtp.auth", auth, ["password", "accessToken"]);
  const { password, accessToken } = auth as Readonly<Record<string, unknown>>;
  if ((password === undefined) === (accessToken === undefined))
    throw configError("lmtp.auth must have either password or accessToken");
  if (user === "")
    throw configError(
      "lmtp.auth needs a user name: write it into the URL, as in smtps://ann@mail.example.com",
    );
  const kind = password === undefined ? "accessToken" : "password";
  const secret = password ?? accessToken;
  if (typeof secret !== "function" && (typeof secret !== "string" || secret === ""))
    throw configError(
      `lmtp.auth.${kind} must be a non-empty string, or a function that returns one (got ${secret === "" ? "an empty string" : typeOf(secret)})`,
    );
  if (typeof secret === "function") checkFunction(`lmtp.auth.${kind}`, secret);
  return { kind, secret: secret as Secret };
}

function decoded(text: string, decode: (text: string) => string = decodeURIComponent): string {
  try {
    return decode(text);
  } catch {
    throw configError("the URL of an Lmtp must be percent-encoded UTF-8: write % itself as %25");
  }
}
