// The features that a session offers: the options with all defaults, and the capabilities that follow from
// them.
import { checkDuration, configError } from "../options/checks.ts";
import { mechanismNamed } from "./mechanisms/index.ts";
import type { ServerMechanism, TlsFacts } from "./mechanisms/mechanism.ts";
import type { CapabilityQuestion, Pop3ServerOptions } from "./options.ts";

export interface Offer {
  readonly greeting: string;
  readonly capabilities: Exclude<Pop3ServerOptions["capabilities"], undefined>;
  readonly stls: boolean;
  readonly requireTls: boolean;
  readonly pipelining: boolean;
  readonly user: boolean;
  readonly mechanisms: ReadonlyMap<string, ServerMechanism>;
  readonly uidl: boolean;
  readonly top: boolean;
  readonly utf8: boolean;
  readonly lang: boolean;
  readonly loginDelay: number;
  readonly attempts: number;
  readonly now: () => number;
}

/** Fills in the defaults. Throws `POP3_CONFIG` for an invalid option. */
export function offerOf(options: Pop3ServerOptions): Offer {
  const greeting = options.greeting ?? "popwright test server ready";
  if (/[\r\n]/.test(`${greeting}${String(options.apop)}`))
    throw configError("greeting and apop must be one line, without CR and LF");
  for (const { refusal = "" } of Object.values(options.users ?? {}))
    if (/[\r\n]/.test(refusal)) throw configError("refusal must be one line, without CR and LF");
  return {
    greeting,
    capabilities: options.capabilities ?? [],
    stls: (options.stls ?? true) !== false,
    requireTls: options.requireTls ?? false,
    pipelining: options.pipelining ?? true,
    user: options.user ?? true,
    mechanisms: new Map(
      (options.sasl ?? ["PLAIN", "LOGIN"])
        .map((each) => (typeof each === "string" ? mechanismNamed(each, options) : each))
        .map((each) => [each.name, each]),
    ),
    uidl: options.uidl ?? true,
    top: options.top ?? true,
    utf8: options.utf8 ?? true,
    lang: options.lang ?? true,
    loginDelay: checkDuration("server.loginDelay", options.loginDelay ?? 0, "s"),
    attempts: options.attempts ?? Infinity,
    now: options.now ?? Date.now,
  };
}

/** Returns whether the server knows a command. Commands that no option switches off are always known. */
export function isOffered(offer: Offer, verb: string): boolean {
  const switches: Readonly<Record<string, boolean>> = {
    CAPA: offer.capabilities !== false,
    USER: offer.user,
    PASS: offer.user,
    AUTH: offer.mechanisms.size > 0,
    STLS: offer.stls,
    UIDL: offer.uidl,
    TOP: offer.top,
    UTF8: offer.utf8,
    LANG: offer.lang,
  };
  return switches[verb] ?? true;
}

/** Returns the names of the mechanisms that are available on a connection. */
export function mechanismsFor(offer: Offer, tls: TlsFacts | undefined): string[] {
  const all = [...offer.mechanisms.values()];
  return all.filter((each) => each.available?.(tls) ?? true).map(({ name }) => name);
}

/** Returns the list for CAPA (RFC 2449 section 6), without the capabilities that are not available now. */
export function standardCapabilities(
  offer: Offer,
  moment: Omit<CapabilityQuestion, "standard">,
  mechanisms: readonly string[],
): string[] {
  const mayLogin = moment.secure || !offer.requireTls;
  const list: readonly (readonly [listed: boolean, line: string])[] = [
    [offer.top, "TOP"],
    [offer.uidl, "UIDL"],
    [offer.user && mayLogin, "USER"],
    [mechanisms.length > 0 && mayLogin, `SASL ${mechanisms.join(" ")}`],
    [offer.stls && !moment.secure && moment.state === "AUTHORIZATION", "STLS"],
    [offer.pipelining, "PIPELINING"],
    [true, "RESP-CODES"],
    [true, "AUTH-RESP-CODE"],
    [offer.loginDelay > 0, `LOGIN-DELAY ${String(offer.loginDelay)}`],
    [offer.utf8, "UTF8 USER"],
    [offer.lang, "LANG"],
    [true, "IMPLEMENTATION popwright"],
  ];
  return list.filter(([listed]) => listed).map(([, line]) => line);
}
