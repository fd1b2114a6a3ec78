// The log of a session, a pool or a run: lines without secrets for the program's logger, and for the package `debug`,
// which is loaded only on request.
import type { Debugger } from "debug";
import { codeOf, messageOf } from "../protocol/foreign-error.ts";
import { escapeUnsafe } from "../protocol/printable.ts";
import type { Secrets } from "../protocol/secrets.ts";

/** What a line of the log is about. Each area is a namespace of the package `debug`, such as `popwright:wire`. */
export type Pop3LogArea = "wire" | "session" | "pool" | "fetch";

/** What a line of the log says, for programs. Secrets are masked in all of its strings. */
export interface Pop3LogFacts {
  /** What the line is about. */
  readonly area: Pop3LogArea;
  /** The `id` of the session, if there is one. */
  readonly session?: string;
  /** Other facts, such as `direction` and `line` on the wire, `code` of an error, or `mailbox` of a run. */
  readonly [name: string]: unknown;
}

/**
 * A logger in the form of pino: the object first, then the message. A logger of pino, winston with pino's order, and
 * `console` fit.
 *
 * @example
 * ```ts
 * const client = await Pop3Client.connect({ host: "pop.example.com", logger: console });
 * ```
 */
export interface Pop3Logger {
  /** What is sent and received, and other details. */
  debug(facts: Pop3LogFacts, message: string): void;
  /** What was done: connected, logged in, committed, delivered. */
  info(facts: Pop3LogFacts, message: string): void;
  /** What failed. The caller gets an error, too. */
  warn(facts: Pop3LogFacts, message: string): void;
  /** Lines of a level that is not enabled are not made. @default all levels are enabled */
  isLevelEnabled?(level: string): boolean;
}

type Level = "debug" | "info" | "warn";

const AREAS: readonly Pop3LogArea[] = ["wire", "session", "pool", "fetch"];
let debuggers: Readonly<Record<Pop3LogArea, Debugger>> | undefined;

/** Whether the variable DEBUG is set, and `debug` is not loaded yet. `enable()` of `debug` sets the variable, too. */
export function mustLoadDebug(): boolean {
  return debuggers === undefined && (process.env["DEBUG"] ?? "") !== "";
}

/** Loads `debug` if it is wanted. Otherwise does not: that takes longer than loading this whole package. */
export async function loadDebug(): Promise<void> {
  if (!mustLoadDebug()) return;
  const { default: create } = await import("debug");
  debuggers = Object.fromEntries(AREAS.map((area) => [area, create(`popwright:${area}`)])) as Record<
    Pop3LogArea,
    Debugger
  >;
}

export class Log {
  readonly #logger: Pop3Logger | false | undefined;
  readonly #secrets: Secrets;
  readonly #session: string | undefined;

  /** `false` as `logger`: no lines at all. `session`: the id of the session. */
  constructor(logger: Pop3Logger | false | undefined, secrets: Secrets, session?: string) {
    this.#logger = logger;
    this.#secrets = secrets;
    this.#session = session;
  }

  /** Whether a line of this area and level goes anywhere. Ask before you make the line. */
  hears(area: Pop3LogArea, level: Level): boolean {
    const logger = this.#logger;
    if (logger === false) return false;
    if (debuggers?.[area].enabled === true) return true;
    return logger !== undefined && isEnabled(logger, level);
  }

  /** Writes a line, with secrets masked in the message and in the facts. */
  write(
    area: Pop3LogArea,
    level: Level,
    message: string,
    facts: Readonly<Record<string, unknown>> = {},
  ): void {
    if (!this.hears(area, level)) return;
    const logger = this.#logger;
    const session = this.#session ?? (facts["session"] as string | undefined);
    const shown = this.#shown(message);
    if (debuggers?.[area].enabled === true)
      debuggers[area]("%s", session === undefined ? shown : `[${this.#shown(session)}] ${shown}`);
    if (logger === undefined || logger === false || !isEnabled(logger, level)) return;
    const named = session === undefined ? { area } : { area, session };
    try {
      logger[level](this.#masked({ ...named, ...facts }) as Pop3LogFacts, shown);
    } catch (error) {
      throwLater(error);
    }
  }

  #masked(facts: object): object {
    return Object.fromEntries(
      Object.entries(facts).map(([name, value]) => [
        name,
        typeof value === "string" ? this.#shown(value) : value,
      ]),
    );
  }

  #shown(text: string): string {
    return escapeUnsafe(this.#secrets.mask(text));
  }
}

function isEnabled(logger: Pop3Logger, level: Level): boolean {
  try {
    return logger.isLevelEnabled?.(level) !== false;
  } catch (error) {
    throwLater(error);
    return false;
  }
}

/** The program's logger must not interrupt the session. */
function throwLater(error: unknown): void {
  process.nextTick(() => {
    throw error;
  });
}

/** What the log says of an error: its message, and its code if it has one. */
export function factsOf(error: unknown): { readonly error: string; readonly code?: string } {
  const code = codeOf(error);
  const words = messageOf(error);
  return code === undefined ? { error: words } : { error: words, code };
}
