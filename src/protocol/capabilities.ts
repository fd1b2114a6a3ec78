// CAPA lines as values (RFC 2449 section 6): what is known is typed, the rest is kept as it came.

/** EXPIRE (RFC 2449 section 6.7). */
export interface Expire {
  /** Days a message is kept at least; 0: gone once it was retrieved; `"never"`. */
  readonly days: number | "never";
  /** The value may differ from user to user: ask again after authentication. */
  readonly perUser: boolean;
}

/** LOGIN-DELAY (RFC 2449 section 6.5). */
export interface LoginDelay {
  /** Seconds that must pass between two logins. */
  readonly seconds: number;
  /** The value may differ from user to user: ask again after authentication. */
  readonly perUser: boolean;
}

/** What the server says that it can do. Names are compared without regard to case. */
export interface Capabilities {
  readonly top: boolean;
  readonly uidl: boolean;
  /** USER and PASS are to be had. */
  readonly user: boolean;
  /** STLS (RFC 2595). */
  readonly stls: boolean;
  readonly pipelining: boolean;
  /** RESP-CODES: text that begins with `[` is an extended response code. */
  readonly respCodes: boolean;
  /** AUTH-RESP-CODE (RFC 3206): a wrong password is told by `[AUTH]`. */
  readonly authRespCode: boolean;
  /** LANG (RFC 6856). */
  readonly lang: boolean;
  /** UTF8 (RFC 6856); `user`: UTF-8 is allowed in user names and passwords. */
  readonly utf8: { readonly user: boolean } | undefined;
  /** The SASL mechanisms, in upper case and in the server's order (RFC 5034). */
  readonly sasl: readonly string[];
  readonly expire: Expire | undefined;
  readonly loginDelay: LoginDelay | undefined;
  readonly implementation: string | undefined;
  /** Every capability by its name in upper case, with the text behind the name. */
  readonly all: ReadonlyMap<string, string>;
}

/**
 * Reads the block of a CAPA response. Values that make no sense leave their property `undefined`; nothing
 * here throws. Some servers write `NAME=value` or an SASL line for each mechanism: both are read.
 */
export function parseCapabilities(block: string): Capabilities {
  const all = new Map<string, string>();
  for (const line of block.split("\r\n")) {
    const match = /^([^\s=]+)(?:=|\s+|$)(.*)$/s.exec(line.trimEnd());
    if (match === null) continue;
    const name = (match[1] as string).toUpperCase();
    const value = (match[2] as string).trim();
    const known = all.get(name);
    all.set(name, known === undefined || known === "" ? value : `${known} ${value}`.trimEnd());
  }
  const words = (name: string): string[] => (all.get(name) ?? "").split(/\s+/).filter((word) => word !== "");
  const implementation = all.get("IMPLEMENTATION");
  return {
    top: all.has("TOP"),
    uidl: all.has("UIDL"),
    user: all.has("USER"),
    stls: all.has("STLS"),
    pipelining: all.has("PIPELINING"),
    respCodes: all.has("RESP-CODES"),
    authRespCode: all.has("AUTH-RESP-CODE"),
    lang: all.has("LANG"),
    utf8: all.has("UTF8") ? { user: words("UTF8").some((word) => word.toUpperCase() === "USER") } : undefined,
    sasl: [...new Set(words("SASL").map((word) => word.toUpperCase()))],
    expire: parseExpire(words("EXPIRE")),
    loginDelay: parseLoginDelay(words("LOGIN-DELAY")),
    implementation: implementation === "" ? undefined : implementation,
    all,
  };
}

/** A server of which nothing is known: no CAPA, or none yet. */
export const NO_CAPABILITIES: Capabilities = parseCapabilities("");

function parseExpire([value = "", scope = ""]: string[]): Expire | undefined {
  const perUser = scope.toUpperCase() === "USER";
  if (value.toUpperCase() === "NEVER") return { days: "never", perUser };
  const days = parseCount(value);
  return days === undefined ? undefined : { days, perUser };
}

function parseLoginDelay([value = "", scope = ""]: string[]): LoginDelay | undefined {
  const seconds = parseCount(value);
  return seconds === undefined ? undefined : { seconds, perUser: scope.toUpperCase() === "USER" };
}

function parseCount(text: string): number | undefined {
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}
