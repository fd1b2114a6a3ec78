// Decides what an error of a run concerns: this mailbox only, the whole host, the destination, the ledger or the
// caller. A program with many mailboxes acts once on it, and not once for each mailbox.
import { Pop3Error, type Pop3ErrorCode } from "../errors.ts";

/**
 * What an error of a run concerns.
 *
 * - `"mailbox"`: only this mailbox: its login, what the server refused, what went wrong in its session.
 * - `"host"`: the server as a whole: it cannot be reached, TLS fails, or it refuses sessions. The other mailboxes
 *   there would fail, too.
 * - `"destination"`: the destination is down.
 * - `"ledger"`: the ledger cannot be used.
 * - `"caller"`: your program: options, a function of yours, an abort.
 */
export type FetchScope = "mailbox" | "host" | "destination" | "ledger" | "caller";

/** `"by stage"`: `"host"` before the login begins, `"mailbox"` from then on. */
type Row = FetchScope | "by stage";

/** The scope of each code. The compiler reports a missing one. */
export const SCOPES: Readonly<Record<Pop3ErrorCode, Row>> = {
  // The options, and calls that were wrong.
  POP3_CONFIG: "caller",
  POP3_INVALID_ARGUMENT: "caller",
  POP3_COMMAND_TOO_LONG: "caller",
  POP3_STATE: "caller",
  POP3_MESSAGE_PASSED: "caller",
  POP3_CALLER: "caller",
  POP3_WEBHOOK: "caller",
  POP3_ABORTED: "caller",
  POP3_POOL_CLOSED: "caller",
  POP3_POOL_FULL: "caller",

  // No session.
  POP3_HOST_BUSY: "host",
  POP3_CONNECT: "host",
  POP3_CONNECT_TIMEOUT: "host",
  POP3_TLS_REQUIRED: "host",
  POP3_TLS_CERT: "host",
  POP3_TLS_HANDSHAKE: "host",
  POP3_TLS_INJECTION: "host",
  POP3_TLS_TIMEOUT: "host",
  POP3_GREETING_TIMEOUT: "host",
  POP3_GREETING_REJECTED: "host",
  POP3_BAD_GREETING: "host",

  // The login. A mechanism that is missing here may be offered to another user.
  POP3_AUTH_REJECTED: "mailbox",
  POP3_TEMPORARY: "mailbox",
  POP3_AUTH_CLOSED: "mailbox",
  POP3_AUTH_NO_MECHANISM: "mailbox",
  POP3_TOKEN_REFUSED: "mailbox",
  POP3_TOKEN_UNAVAILABLE: "mailbox",
  POP3_AUTH_PROTOCOL: "mailbox",
  POP3_NOT_SUPPORTED: "mailbox",
  POP3_APOP_BAD_CHALLENGE: "mailbox",
  POP3_CHALLENGE_TOO_LARGE: "mailbox",
  POP3_SCRAM_ITERATIONS_LOW: "mailbox",
  POP3_SCRAM_ITERATIONS_HIGH: "mailbox",
  POP3_SCRAM_SERVER_SIGNATURE: "mailbox",

  // The session.
  POP3_REFUSED: "mailbox",
  POP3_COMMIT_FAILED: "mailbox",
  POP3_COMMIT_UNKNOWN: "mailbox",
  POP3_ABANDONED: "mailbox",
  POP3_BAD_LISTING: "mailbox",
  POP3_LIST_TOO_LARGE: "mailbox",
  POP3_MESSAGE_TOO_LARGE: "mailbox",
  POP3_NO_UIDL: "mailbox",
  POP3_UIDS_CHANGED: "mailbox",
  POP3_MAILBOX_BUSY: "mailbox",
  POP3_MAILBOX_POISON: "mailbox",
  POP3_COMMAND_TIMEOUT: "by stage",
  POP3_IDLE_TIMEOUT: "by stage",
  POP3_TOTAL_TIMEOUT: "by stage",
  POP3_CLOSED: "by stage",
  POP3_RESET: "by stage",
  POP3_TRUNCATED: "by stage",
  POP3_PROTOCOL: "by stage",
  POP3_UNSOLICITED: "by stage",
  POP3_BAD_RESPONSE: "by stage",
  POP3_LINE_TOO_LONG: "by stage",
  POP3_RESPONSE_TOO_LARGE: "by stage",

  POP3_DESTINATION: "destination",
  POP3_LEDGER: "ledger",
  POP3_LEASE_LOST: "ledger",
};

/** What the server answers before it learns the name of the user. */
const BEFORE_LOGIN = /^(?:the greeting|CAPA|STLS|UTF8)$/;

/** Returns what an error concerns. `code`: the code of an error that has none of ours. */
export function scopeOf(error: unknown, code: Pop3ErrorCode): FetchScope {
  if (!Pop3Error.is(error)) return scopeOfCode(code, undefined);
  // A local address that this machine does not have says nothing about the host.
  const { syscall } = (error.cause ?? {}) as NodeJS.ErrnoException;
  if (error.code === "POP3_CONNECT" && syscall === "bind") return "caller";
  return scopeOfCode(error.code, error.command);
}

function scopeOfCode(code: Pop3ErrorCode, command: string | undefined): FetchScope {
  const row = SCOPES[code];
  if (row !== "by stage") return row;
  return BEFORE_LOGIN.test(command ?? "") ? "host" : "mailbox";
}
