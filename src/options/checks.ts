// Checks of what callers give, for JavaScript has no types. An error names the option, shows the value unless it may be
// a secret, says what is expected, and what to do if that can be known.
import { Pop3Error } from "../errors.ts";
import { printable, shown } from "../protocol/printable.ts";
import { durationHint, durationIn, durationWanted, type Duration, type TimeUnit } from "./duration.ts";

export { shown };
export type { Duration, DurationText, TimeUnit } from "./duration.ts";

/** What is wrong with options: nothing was sent. */
export function configError(message: string): Pop3Error {
  return new Pop3Error("POP3_CONFIG", message);
}

/** What is wrong with an argument of a call: nothing was sent. */
export function argumentError(message: string): Pop3Error {
  return new Pop3Error("POP3_INVALID_ARGUMENT", message);
}

/** Makes the error of a check: {@link configError} for options of an object, {@link argumentError} for a call. */
type Failure = (message: string) => Pop3Error;

export function checkObject(
  what: string,
  value: unknown,
  failure: Failure = configError,
): asserts value is object {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw failure(`${what} must be an object (got ${shown(value)})`);
}

export function checkBoolean(what: string, value: unknown, failure: Failure = configError): void {
  // "false" would be true.
  if (value !== undefined && typeof value !== "boolean")
    throw failure(`${what} must be true or false (got ${shown(value)})`);
}

/** Throws if the value is given and is not an AbortSignal. */
export function checkSignal(what: string, value: unknown, failure: Failure = configError): void {
  const { aborted, addEventListener } = (value ?? {}) as Partial<AbortSignal>;
  // Not `instanceof`: the global of a test environment may be another class.
  if (value === undefined || (typeof aborted === "boolean" && typeof addEventListener === "function")) return;
  const isController = value instanceof AbortController;
  const hint = isController ? `an AbortController): did you mean its signal?` : `${shown(value)})`;
  throw failure(`${what} must be an AbortSignal (got ${hint}`);
}

/** Throws if the value is given and is not a function. */
export function checkFunction(what: string, value: unknown, failure: Failure = configError): void {
  if (value !== undefined && typeof value !== "function")
    throw failure(`${what} must be a function (got ${shown(value)})`);
}

/** Throws if the value is given, and is neither `false` nor a logger in the form of pino. */
export function checkLogger(what: string, value: unknown, failure: Failure = configError): void {
  if (value === undefined || value === false) return;
  const logger = (value ?? {}) as Record<string, unknown>;
  const missing = ["debug", "info", "warn"].filter((level) => typeof logger[level] !== "function");
  if (missing.length === 0) return;
  const isObject = typeof value === "object" && value !== null;
  throw failure(
    `${what} must be false, or a logger with the methods debug, info and warn, such as one of pino, or console ` +
      `(got ${isObject ? `an object without ${missing.join(", ")}` : shown(value)})`,
  );
}

/** Throws if the value is not a string. It may be empty. */
export function checkString(
  what: string,
  value: unknown,
  failure: Failure = configError,
): asserts value is string {
  if (typeof value !== "string") throw failure(`${what} must be a string (got ${shown(value)})`);
}

/** Throws if the value is not a string of at least one character. */
export function checkText(
  what: string,
  value: unknown,
  failure: Failure = configError,
): asserts value is string {
  if (typeof value !== "string" || value === "")
    throw failure(`${what} must be a non-empty string (got ${shown(value)})`);
}

/** Throws if the value is given and is not one of `choices`. */
export function checkOneOf(what: string, value: unknown, choices: readonly string[]): void {
  if (value === undefined || choices.includes(value as string)) return;
  const quoted = choices.map((choice) => `"${choice}"`);
  throw configError(
    `${what} must be ${quoted.slice(0, -1).join(", ")} or ${quoted.at(-1) as string} (got ${shown(value)})`,
  );
}

/** Throws if the value is not a number of at least `least`. `Infinity` is one. */
export function checkNumber(
  what: string,
  value: unknown,
  least = 0,
  failure: Failure = configError,
): asserts value is number {
  if (typeof value !== "number" || !(value >= least))
    throw failure(`${what} must be a number >= ${least} (got ${shown(value)})`);
}

/**
 * Returns a time in the unit of its option. Throws unless the value is a number of at least 0 or a text with a unit, see
 * {@link Duration}.
 */
export function checkDuration(
  what: string,
  value: unknown,
  unit: TimeUnit,
  failure: Failure = configError,
): number {
  const time = durationIn(unit, value);
  if (time === undefined)
    throw failure(
      `${what} must be ${durationWanted(unit)} (got ${shown(value)})${durationHint(unit, value)}`,
    );
  return time;
}

/** What a caller may give for options that are numbers. */
type Given<T> = { readonly [K in keyof T]?: Duration | undefined };

/**
 * The defaults, replaced by what is given. All values are numbers of at least 0. `times`: the options that are times, and
 * their unit; or the unit of all of them.
 */
export function withDefaults<T extends object>(
  what: string,
  defaults: T,
  given: Given<T> = {},
  times: TimeUnit | { readonly [K in keyof T]?: TimeUnit } = {},
): { readonly [K in keyof T]: number } {
  checkObject(what, given);
  checkNames(what, given, Object.keys(defaults));
  const result = { ...defaults } as { [K in keyof T]: number };
  for (const [name, value] of Object.entries<unknown>(given)) {
    if (value === undefined) continue;
    const option = `${what}.${printable(name)}`;
    const unit = typeof times === "string" ? times : times[name as keyof T];
    result[name as keyof T] =
      unit === undefined ? numberOf(option, value) : checkDuration(option, value, unit);
    if (what === "timeouts" && result[name as keyof T] === 0)
      throw configError(
        `${option} must be greater than 0 (got ${shown(value)}); Infinity switches the timeout off`,
      );
  }
  return result;
}

function numberOf(what: string, value: unknown): number {
  checkNumber(what, value);
  return value;
}

/**
 * Throws if an object has an option that is not one of `known`: a typo must not be ignored. `table`: the name of the
 * options object, "" for the outermost.
 */
export function checkNames(
  table: string,
  given: object,
  known: readonly string[],
  failure: Failure = configError,
): void {
  for (const name of Object.keys(given)) {
    if (known.includes(name)) continue;
    const full = (option: string): string => (table === "" ? option : `${table}.${option}`);
    const hint = FOREIGN.get(full(name).toLowerCase()) ?? suggestion(name, known, full);
    throw failure(`unknown option ${printable(full(name)).slice(0, LONGEST_NAME)}${hint}`);
  }
}

/** The most characters of an unknown name that an error shows. */
const LONGEST_NAME = 80;

/** The end of an error about an unknown name: the name that was probably meant, or all names. `full`: as it is shown. */
export function suggestion(name: string, known: readonly string[], full: (option: string) => string): string {
  const near = nearest(name, known);
  if (near !== undefined) return `: did you mean ${full(near)}?`;
  return known.length > 0 && known.length <= 12 ? `: the options are ${known.join(", ")}` : "";
}

const THIS_IS = (option: string): string => `: did you mean ${option}?`;
const SECURE = ": did you mean secure? true is TLS from the first byte, false begins TLS with STLS";

/** Names that other mail libraries use, in lower case, and what they are called here. */
const FOREIGN: ReadonlyMap<string, string> = new Map([
  ...["hostname", "server", "address"].map((name) => [name, THIS_IS("host")] as const),
  ...["password", "pass", "passwd"].map((name) => [name, THIS_IS("auth.pass")] as const),
  ...["username", "user", "login"].map((name) => [name, THIS_IS("auth.user")] as const),
  ...["accesstoken", "token", "xoauth2"].map((name) => [name, THIS_IS("auth.accessToken")] as const),
  ...["mechanism", "authmethod"].map((name) => [name, THIS_IS("auth.mechanism")] as const),
  ...["ssl", "usetls", "enabletls", "starttls", "dostarttls", "requiretls", "ignoretls", "secured"].map(
    (name) => [name, SECURE] as const,
  ),
  ...["tlsoptions", "tlsopts"].map((name) => [name, THIS_IS("tls")] as const),
  ["servername", THIS_IS("tls.servername")],
  ["rejectunauthorized", THIS_IS("tls.rejectUnauthorized")],
  ["ca", THIS_IS("tls.ca")],
  ["timeout", ": did you mean timeouts.connect, timeouts.command or another of timeouts?"],
  ["connectiontimeout", THIS_IS("timeouts.connect")],
  ["connecttimeout", THIS_IS("timeouts.connect")],
  ["greetingtimeout", THIS_IS("timeouts.greeting")],
  ["sockettimeout", THIS_IS("timeouts.body")],
  ["debug", ": use the option logger, or set the environment variable DEBUG=popwright:*"],
  ["log", THIS_IS("logger")],
  ...["mailbox", "policy", "destination"].map(
    (name) => [name, `: in fetchAll it stands next to the account: { account, ${name} }`] as const,
  ),
  ...["auth.password", "auth.passwd", "auth.secret"].map((name) => [name, THIS_IS("auth.pass")] as const),
  ...["auth.username", "auth.login", "auth.name"].map((name) => [name, THIS_IS("auth.user")] as const),
  ...["auth.token", "auth.oauth", "auth.xoauth2"].map((name) => [name, THIS_IS("auth.accessToken")] as const),
  ...["server.secure", "server.ssl"].map((name) => [name, THIS_IS("server.tls")] as const),
  ...["server.accounts", "server.mailboxes"].map((name) => [name, THIS_IS("server.users")] as const),
  ...["server.mechanisms", "server.auth"].map((name) => [name, THIS_IS("server.sasl")] as const),
  ["server.starttls", THIS_IS("server.stls")],
  ...["server.messages", "server.pass", "server.password"].map(
    (name) => [name, ": it belongs to a user: users: { ann: { pass, messages } }"] as const,
  ),
  ...["user.password", "user.secret"].map((name) => [name, THIS_IS("user.pass")] as const),
  ["user.token", THIS_IS("user.accessToken")],
  ["user.mails", THIS_IS("user.messages")],
  ...["fault.command", "fault.verb", "fault.when"].map((name) => [name, THIS_IS("fault.on")] as const),
  ...["fault.response", "fault.answer"].map((name) => [name, THIS_IS("fault.reply")] as const),
  ["fault.times", THIS_IS("fault.nth")],
  ["fault.drop", ": did you mean fault.close, fault.cut, fault.reset or fault.stall?"],
  ["options.timeout", ": did you mean options.totalTimeout, or timeouts of the client?"],
  ...["options.abort", "options.abortsignal", "options.abortcontroller"].map(
    (name) => [name, THIS_IS("options.signal")] as const,
  ),
  ...["auth.type", "auth.method", "auth.authmethod"].map(
    (name) => [name, THIS_IS("auth.mechanism")] as const,
  ),
]);

/** The known name that was probably meant: the same in other letters' case, or at most two typing errors away. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let least = Math.min(3, Math.ceil(name.length / 2));
  for (const each of known) {
    const distance = typingErrors(name.toLowerCase(), each.toLowerCase());
    if (distance < least) [best, least] = [each, distance];
  }
  return best;
}

/** Letters to insert, remove or replace, and neighbours to swap, to make one word of the other. */
function typingErrors(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 2) return Infinity;
  let [before, last] = [[] as number[], Array.from({ length: b.length + 1 }, (_, index) => index)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const differs = a[i - 1] === b[j - 1] ? 0 : 1;
      let cost = Math.min(
        (last[j] as number) + 1,
        (row[j - 1] as number) + 1,
        (last[j - 1] as number) + differs,
      );
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, (before[j - 2] as number) + 1);
      row.push(cost);
    }
    [before, last] = [last, row];
  }
  return last[b.length] as number;
}
