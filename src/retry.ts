// Is this error temporary, and how long to wait before the next try? Client, pool, fetching and command line all ask
// here, and no other module decides it. The words of servers are data: `protocol/refusals.ts`.
import { Pop3Error, type Pop3ReplyError } from "./errors.ts";
import {
  KNOWN_REFUSALS,
  RESPONSE_CODES,
  type KnownRefusal,
  type Stage,
  type Wait,
} from "./protocol/refusals.ts";

/** Why an error is temporary: the network failed, the server refused for now, or another call has what it needs. */
export type TemporaryCause = "network" | "busy" | Wait;

/** Milliseconds: the longest pause after the first failure, which doubles with each failure, and the longest of all. */
const PAUSES: Readonly<Record<TemporaryCause, { readonly base: number; readonly cap: number }>> = {
  network: { base: 500, cap: 30_000 },
  busy: { base: 500, cap: 30_000 },
  "SYS/TEMP": { base: 2000, cap: 60_000 },
  // A session that died keeps the lock until the server notices.
  "IN-USE": { base: 15_000, cap: 300_000 },
  "LOGIN-DELAY": { base: 60_000, cap: 900_000 },
};

/**
 * Milliseconds to wait after the `attempt`-th failure (from 1 on): exponential back-off with full jitter. `random` gives
 * numbers from 0 to 1. A login delay is kept in full, and at most a tenth is added: `loginDelay` is what the server lists,
 * in seconds.
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

/** What a refusal says. */
export interface Refusal {
  /** In upper case, without brackets. */
  readonly responseCode?: string | undefined;
  /** The words after the status and the response code. */
  readonly text: string;
}

export interface Verdict {
  /** What to wait for before the next try; `undefined`: the refusal is not temporary. */
  readonly waitFor: Wait | undefined;
  /** The row of the table that has the words, if there is one. */
  readonly known: KnownRefusal | undefined;
}

/**
 * What a `-ERR` means. The response code decides if it is one of those that do; then the first row of the table that has
 * the words. Without either, a refused greeting is temporary, as the server said no before it knew who asks; any
 * other refusal is not. `stage` `undefined`: the words may come from anywhere.
 */
export function judgeRefusal({ responseCode, text }: Refusal, stage: Stage | undefined): Verdict {
  const code = responseCode === undefined ? undefined : decisionOf(responseCode);
  const known = rowFor(code === undefined ? text : `[${responseCode ?? ""}] ${text}`, stage, code);
  if (code !== undefined) return { waitFor: code === "lasting" ? undefined : code, known };
  if (known === undefined) return { waitFor: stage === "greeting" ? "SYS/TEMP" : undefined, known };
  return { waitFor: known.waitFor, known };
}

/** `SYS/TEMP/DISK` is a `SYS/TEMP` (RFC 2449 section 8: each level is more special than the one before). */
function decisionOf(responseCode: string): Wait | "lasting" | undefined {
  const [first = "", second] = responseCode.split("/");
  return RESPONSE_CODES[first] ?? RESPONSE_CODES[`${first}/${second ?? ""}`];
}

/** The most characters that are looked at: as many as an error keeps. */
const LONGEST = 512;

/** The first row that has the words, and does not contradict the response code. */
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

/** A name in the text is the user's: `database@example.com` says nothing about a database. */
function withoutAddresses(text: string): string {
  return text.includes("@") ? text.replace(/\S+@\S+/g, "") : text;
}

/** Bytes that are not UTF-8 were read as Latin-1, and may be escaped: here as what Chinese servers write (GB 18030). */
function chinese(text: string): string | undefined {
  const octets = text.replace(/\\x([0-9a-f]{2})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  );
  if (!/^[^\u0100-\uffff]*[\x80-\xff][^\u0100-\uffff]*$/.test(octets)) return undefined;
  try {
    return new TextDecoder("gb18030").decode(Buffer.from(octets, "latin1"));
  } catch {
    // A runtime that is built without this encoding.
    return undefined;
  }
}

const STAGES: readonly (readonly [RegExp, Stage])[] = [
  [/^the greeting/, "greeting"],
  [/^(?:USER|PASS|APOP|AUTH|\*)/, "login"],
  [/^(?:STAT|LIST|UIDL)/, "listing"],
  [/^(?:RETR|TOP)/, "message"],
];

/** Where in a session a command belongs, by the form of it that may be printed. */
export function stageOfCommand(printable: string): Stage | undefined {
  return STAGES.find(([pattern]) => pattern.test(printable))?.[1];
}

// Not POP3_AUTH_CLOSED, which is how some servers say that the password is wrong.
const NETWORK_FAULT = /^POP3_(?:CONNECT|CLOSED|RESET|TRUNCATED|[A-Z]+_TIMEOUT)$/;
const NOT_A_REPLY = /^POP3_(?:PROTOCOL|BAD_GREETING)$/;
const BUSY = /^POP3_(?:MAILBOX_BUSY|POOL_FULL|ABORTED)$/;

/** Why an error is temporary; `undefined`: it is not. */
export function temporaryCause(error: unknown): TemporaryCause | undefined {
  if (!Pop3Error.is(error)) return undefined;
  const { temporary, responseCode, text, command, code } = error as Pop3Error & Partial<Pop3ReplyError>;
  if (temporary === true) {
    if (text === undefined) return temporaryCause(error.cause) ?? "SYS/TEMP";
    return judgeRefusal({ responseCode, text }, stageOfCommand(command ?? "")).waitFor ?? "SYS/TEMP";
  }
  if (NETWORK_FAULT.test(code) || resetWithinHandshake(error)) return "network";
  if (BUSY.test(code)) return "busy";
  // A refusal in the wrong form ends the session, and may be temporary all the same.
  return NOT_A_REPLY.test(code) ? temporaryCause(error.cause) : undefined;
}

/** Whether the same call may succeed later, without a change by anyone. */
export function isTemporary(error: unknown): boolean {
  return temporaryCause(error) !== undefined;
}

/**
 * Milliseconds to wait before the same is tried again, after the `attempt`-th failure (from 1 on). An error that is not
 * temporary has the pauses of `SYS/TEMP`, for callers that try all the same. `loginDelay`: seconds, as the server
 * lists them with LOGIN-DELAY.
 */
export function retryAfter(
  error: unknown,
  attempt: number,
  random: () => number = Math.random,
  loginDelay?: number,
): number {
  return backOff(temporaryCause(error) ?? "SYS/TEMP", attempt, random, loginDelay);
}

function resetWithinHandshake({ code, cause }: Pop3Error): boolean {
  return code === "POP3_TLS_HANDSHAKE" && (cause as NodeJS.ErrnoException | undefined)?.code === "ECONNRESET";
}
