// Parses the lines of CAPA (RFC 2449 section 6): known capabilities become typed values, others are kept as
// text.

/** EXPIRE (RFC 2449 section 6.7). */
export interface Expire {
  /**
   * Days for which the server keeps a message at least; 0: it may delete a message after RETR; `"never"`: no
   * limit.
   */
  readonly days: number | "never";
  /** Whether the value depends on the user: send CAPA again after authentication. */
  readonly perUser: boolean;
}

/** LOGIN-DELAY (RFC 2449 section 6.5). */
export interface LoginDelay {
  /** The shortest time between two logins, in seconds. */
  readonly seconds: number;
  /** Whether the value depends on the user: send CAPA again after authentication. */
  readonly perUser: boolean;
}

/** The capabilities that the server announces. Their names are not case-sensitive. */
export interface Capabilities {
  /** TOP is available. */
  readonly top: boolean;
  /** UIDL is available. */
  readonly uidl: boolean;
  /** USER and PASS are available. */
  readonly user: boolean;
  /** STLS (RFC 2595). */
  readonly stls: boolean;
  /** PIPELINING: several commands may be in flight (RFC 2449 section 6.6). */
  readonly pipelining: boolean;
  /** RESP-CODES: text that begins with `[` is an extended response code. */
  readonly respCodes: boolean;
  /** AUTH-RESP-CODE (RFC 3206): the server answers `[AUTH]` to a wrong password. */
  readonly authRespCode: boolean;
  /** LANG (RFC 6856). */
  readonly lang: boolean;
  /** UTF8 (RFC 6856). */
  readonly utf8:
    | {
        /** Whether UTF-8 is allowed in user names and passwords. */
        readonly user: boolean;
      }
    | undefined;
  /** The SASL mechanisms, in upper case and in the server's order (RFC 5034). */
  readonly sasl: readonly string[];
  /** How long the server keeps messages (EXPIRE, RFC 2449 section 6.7). */
  readonly expire: Expire | undefined;
  /** The minimum time between two logins (LOGIN-DELAY, RFC 2449 section 6.5). */
  readonly loginDelay: LoginDelay | undefined;
  /** The name of the server program (IMPLEMENTATION, RFC 2449 section 6.9). */
  readonly implementation: string | undefined;
  /** Maps the name of every capability, in upper case, to the text after the name. */
  readonly all: ReadonlyMap<string, string>;
}

/**
 * Parses the block of a CAPA response. Invalid values leave their property `undefined`. Never throws. Some
 * servers write `NAME=value`, or one SASL line for each mechanism: both forms are accepted.
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

/** The capabilities of a server without CAPA, or before CAPA was sent. */
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
