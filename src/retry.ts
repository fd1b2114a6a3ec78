// Decides whether an error is temporary, and how long to wait before the next attempt. The client, the pool,
// fetching and the command line all use this module; no other module decides this. The texts of servers are
// data in `protocol/refusals.ts`.
import { Pop3Error, Pop3HostBusyError, type Pop3ReplyError } from "./errors.ts";
import {
  KNOWN_REFUSALS,
  RESPONSE_CODES,
  type KnownRefusal,
  type Stage,
  type Wait,
} from "./protocol/refusals.ts";
import { random } from "./system/random.ts";

/**
 * Why an error is temporary: the network failed, the server refused for now, or another call uses the
 * resource.
 */
export type TemporaryCause = "network" | "busy" | Wait;

/**
 * The longest pause after the first failure (`base`, doubled by each further failure), and its maximum.
 * Milliseconds.
 */
const PAUSES: Readonly<Record<TemporaryCause, { readonly base: number; readonly cap: number }>> = {
  network: { base: 500, cap: 30_000 },
  busy: { base: 500, cap: 30_000 },
  "SYS/TEMP": { base: 2000, cap: 60_000 },
  // A lost session keeps the lock until the server notices that it is gone.
  "IN-USE": { base: 15_000, cap: 300_000 },
  "LOGIN-DELAY": { base: 60_000, cap: 900_000 },
};

/**
 * Returns the milliseconds to wait after failure number `attempt` (from 1): exponential back-off with full
 * jitter. `random` returns numbers from 0 to 1. `loginDelay` is the delay that the server lists, in seconds.
 * For `LOGIN-DELAY` the wait is at least that delay, and at most a tenth longer.
 */
export function backOff(
  cause: TemporaryCause,
  attempt: number,
  random: () => number,
  loginDelay = 0,
): number {
  const { base, cap } = PAUSES[cause];
  const longest = Math.min(cap, base * 2 ** (attempt - 1));
  if (cause !== "LOGIN-DELAY") return random() * longest;
  const least = loginDelay > 0 ? loginDelay * 1000 : longest;
  return least + (random() * least) / 10;
}

/** The parts of a refusal that decide its meaning. */
export interface Refusal {
  /** The response code in upper case, without brackets. */
  readonly responseCode?: string | undefined;
  /** The text after the status and the response code. */
  readonly text: string;
}

export interface Verdict {
  /** What to wait for before the next attempt; `undefined`: the refusal is not temporary. */
  readonly waitFor: Wait | undefined;
  /** The first row of the table that matches the text, if there is one. */
  readonly known: KnownRefusal | undefined;
}

/**
 * Finds the meaning of a `-ERR`. A response code in `RESPONSE_CODES` decides; otherwise the first row of the
 * table that matches the text decides. Without either, a refused greeting is temporary, because the server
 * refused before it knew the user. Any other refusal is not temporary. `stage` `undefined`: the text may
 * belong to any stage.
 */
export function judgeRefusal({ responseCode, text }: Refusal, stage: Stage | undefined): Verdict {
  const code = responseCode === undefined ? undefined : decisionOf(responseCode);
  const known = rowFor(code === undefined ? text : `[${responseCode ?? ""}] ${text}`, stage, code);
  if (code !== undefined) return { waitFor: code === "lasting" ? undefined : code, known };
  if (known === undefined) return { waitFor: stage === "greeting" ? "SYS/TEMP" : undefined, known };
  return { waitFor: known.waitFor, known };
}

/**
 * Ignores further levels: `SYS/TEMP/DISK` is a `SYS/TEMP` (RFC 2449 section 8: each level is more specific).
 */
function decisionOf(responseCode: string): Wait | "lasting" | undefined {
  const [first = "", second] = responseCode.split("/");
  return RESPONSE_CODES[first] ?? RESPONSE_CODES[`${first}/${second ?? ""}`];
}

/** Only this many characters are examined. An error does not keep more either. */
const LONGEST = 512;

/** Finds the first row that matches the text and does not contradict the response code. */
function rowFor(
  words: string,
  stage: Stage | undefined,
  code: Wait | "lasting" | undefined,
): KnownRefusal | undefined {
  const start = words.slice(0, LONGEST);
  const readings = [withoutAddresses(start), chinese(start)];
  return KNOWN_REFUSALS.find(
    ({ at, words: pattern, waitFor }) =>
      (at === undefined || stage === undefined || at === stage) &&
      (code === undefined || (code === "lasting") === (waitFor === undefined)) &&
      readings.some((reading) => reading !== undefined && pattern.test(reading)),
  );
}

/** Removes mail addresses: `database@example.com` is the name of a user and says nothing about a database. */
function withoutAddresses(text: string): string {
  return text.includes("@") ? text.replace(/\S+@\S+/g, "") : text;
}

/**
 * Reads text as GB 18030, the encoding of Chinese servers: it was decoded as Latin-1, and may have escapes.
 */
function chinese(text: string): string | undefined {
  const octets = text.replace(/\\x([0-9a-f]{2})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  );
  if (!/^[^\u0100-\uffff]*[\x80-\xff][^\u0100-\uffff]*$/.test(octets)) return undefined;
  try {
    return new TextDecoder("gb18030").decode(Buffer.from(octets, "latin1"));
  } catch {
    // This runtime was built without GB 18030.
    return undefined;
  }
}

const STAGES: readonly (readonly [RegExp, Stage])[] = [
  [/^the greeting/, "greeting"],
  [/^(?:USER|PASS|APOP|AUTH|\*)/, "login"],
  [/^(?:STAT|LIST|UIDL)/, "listing"],
  [/^(?:RETR|TOP)/, "message"],
];

/** Finds the stage of the session that a command belongs to, by its printable form. */
export function stageOfCommand(printable: string): Stage | undefined {
  return STAGES.find(([pattern]) => pattern.test(printable))?.[1];
}

// Not POP3_AUTH_CLOSED: some servers close the connection when the password is wrong.
const NETWORK_FAULT = /^POP3_(?:CONNECT|CLOSED|RESET|TRUNCATED|[A-Z]+_TIMEOUT)$/;
const NOT_A_REPLY = /^POP3_(?:PROTOCOL|BAD_GREETING)$/;
const BUSY = /^POP3_(?:MAILBOX_BUSY|LEASE_LOST|HOST_BUSY|POOL_FULL|ABORTED)$/;

/** Returns why an error is temporary, or `undefined` if it is not. */
export function temporaryCause(error: unknown): TemporaryCause | undefined {
  if (!Pop3Error.is(error)) return undefined;
  const { temporary, responseCode, text, command, code } = error as Pop3Error & Partial<Pop3ReplyError>;
  if (temporary === true) {
    if (text === undefined) return temporaryCause(error.cause) ?? "SYS/TEMP";
    return judgeRefusal({ responseCode, text }, stageOfCommand(command ?? "")).waitFor ?? "SYS/TEMP";
  }
  if (NETWORK_FAULT.test(code) || resetWithinHandshake(error)) return "network";
  if (BUSY.test(code)) return "busy";
  // A refusal in the wrong form ends the session, but it may still be temporary.
  return NOT_A_REPLY.test(code) ? temporaryCause(error.cause) : undefined;
}

/**
 * Tests whether the same call may succeed later although nothing is changed: the network failed, the server refused for
 * now, or another session uses the mailbox. `false` for what is not an error of this package.
 *
 * @example
 * ```ts
 * const stat = await Pop3Client.use(options, (client) => client.stat()).catch((error: unknown) => {
 *   if (!isTemporary(error)) throw error;
 *   return undefined; // try again later
 * });
 * ```
 */
export function isTemporary(error: unknown): boolean {
  return temporaryCause(error) !== undefined;
}

/**
 * Returns the milliseconds to wait before the next attempt, after failure number `attempt` (from 1). For an
 * error that is not temporary it uses the pauses of `SYS/TEMP`, in case the caller tries again anyway. A busy host has
 * reserved a time, which is kept.
 * `loginDelay`: the delay that the server lists with LOGIN-DELAY, in seconds.
 */
export function retryAfter(
  error: unknown,
  attempt: number,
  chance: () => number = random,
  loginDelay?: number,
): number {
  if (Pop3HostBusyError.is(error)) return error.retryAfterMs;
  return backOff(temporaryCause(error) ?? "SYS/TEMP", attempt, chance, loginDelay);
}

function resetWithinHandshake({ code, cause }: Pop3Error): boolean {
  return code === "POP3_TLS_HANDSHAKE" && (cause as NodeJS.ErrnoException | undefined)?.code === "ECONNRESET";
}
