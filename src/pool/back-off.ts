// How long to wait before something is tried again: longer each time, at random within that, and by what went wrong.
import { Pop3Error, type Pop3ReplyError } from "../errors.ts";

/** What passes by itself: a fault of the network, or what the server says of itself (RFC 2449 section 8.1, RFC 3206). */
export type TemporaryCause = "network" | "SYS/TEMP" | "IN-USE" | "LOGIN-DELAY";

/** Milliseconds: the longest pause behind the first failure, which doubles with each, and the longest of all. */
const PAUSES: Readonly<Record<TemporaryCause, { readonly base: number; readonly cap: number }>> = {
  network: { base: 500, cap: 30_000 },
  "SYS/TEMP": { base: 2000, cap: 60_000 },
  // A session that died keeps the lock until the server notices.
  "IN-USE": { base: 15_000, cap: 300_000 },
  "LOGIN-DELAY": { base: 60_000, cap: 900_000 },
};

/**
 * Milliseconds to wait behind the `attempt`-th failure (from 1 on), by exponential back-off with full jitter;
 * `random` gives numbers from 0 to 1. A login delay is kept to the full, and at most a tenth is added: `loginDelay`
 * is what the server says of it, in seconds.
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

/** Why an error may pass by itself; `undefined`: it will not. */
export function temporaryCause(error: unknown): TemporaryCause | undefined {
  if (!Pop3Error.is(error)) return undefined;
  const { temporary, responseCode, text } = error as Partial<Pop3ReplyError>;
  if (temporary === true) return refusalCause(responseCode, text ?? "");
  return NETWORK_FAULT.test(error.code) || resetWithinHandshake(error) ? "network" : undefined;
}

/** Whether the same call may succeed later, without anybody changing anything. */
export function isTemporary(error: unknown): boolean {
  return temporaryCause(error) !== undefined;
}

/**
 * Milliseconds to wait before the same is tried again, behind the `attempt`-th failure (from 1 on). An error that is
 * not temporary has the pauses of `SYS/TEMP`, for who tries all the same. `loginDelay`: seconds, as the server
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

// Not POP3_AUTH_CLOSED, which is how some servers say that the password is wrong.
const NETWORK_FAULT = /^POP3_(?:CONNECT|CLOSED|RESET|TRUNCATED|[A-Z]+_TIMEOUT)$/;

function resetWithinHandshake({ code, cause }: Pop3Error): boolean {
  return code === "POP3_TLS_HANDSHAKE" && (cause as NodeJS.ErrnoException | undefined)?.code === "ECONNRESET";
}

/** By the response code, else by what servers without response codes are known to write. */
function refusalCause(responseCode: string | undefined, text: string): TemporaryCause {
  if (responseCode === "IN-USE" || responseCode === "LOGIN-DELAY") return responseCode;
  if (responseCode?.startsWith("SYS/TEMP") === true) return "SYS/TEMP";
  if (/\block(?:ed)?\b|\bin use\b/i.test(text)) return "IN-USE";
  return /login limit|login allowed only every/i.test(text) ? "LOGIN-DELAY" : "SYS/TEMP";
}
