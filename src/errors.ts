// The error classes. The class tells what happened to the session; the code is stable and names the failure.
//
// There are three cases. The call was wrong and nothing was sent: `Pop3Error` itself. The server refused the
// command and the session continues: {@link Pop3ReplyError}. The session has ended, and every waiting call
// rejects with the same cause: {@link Pop3ProtocolError} and {@link Pop3ConnectionError}.
import { wallTime } from "./system/clock.ts";

/**
 * Codes of {@link Pop3Error} itself: the call was wrong or impossible. The state of the session is unchanged.
 */
export type Pop3CallErrorCode =
  | "POP3_CONFIG"
  | "POP3_INVALID_ARGUMENT"
  | "POP3_COMMAND_TOO_LONG"
  | "POP3_STATE"
  | "POP3_NOT_SUPPORTED"
  // A message of `retrieve()` that was not taken before the loop continued.
  | "POP3_MESSAGE_PASSED"
  // Logging in: no acceptable mechanism, or a failed exchange.
  | "POP3_AUTH_NO_MECHANISM"
  | "POP3_AUTH_PROTOCOL"
  | "POP3_APOP_BAD_CHALLENGE"
  | "POP3_CHALLENGE_TOO_LARGE"
  | "POP3_SCRAM_ITERATIONS_LOW"
  | "POP3_SCRAM_ITERATIONS_HIGH"
  | "POP3_SCRAM_SERVER_SIGNATURE"
  | "POP3_TLS_REQUIRED"
  // LIST announced more than `limits.message`: the message was not retrieved.
  | "POP3_MESSAGE_TOO_LARGE"
  // The pool.
  | "POP3_POOL_CLOSED"
  | "POP3_POOL_FULL"
  // Access tokens: the token server refused, or did not answer with a token.
  | "POP3_TOKEN_REFUSED"
  | "POP3_TOKEN_UNAVAILABLE"
  // A request that a receiver of webhooks must not trust.
  | "POP3_WEBHOOK"
  // Fetching.
  | "POP3_MAILBOX_BUSY"
  | "POP3_LEDGER"
  | "POP3_LEASE_LOST"
  | "POP3_MAILBOX_POISON"
  | "POP3_DESTINATION"
  | "POP3_CALLER"
  | "POP3_NO_UIDL"
  | "POP3_UIDS_CHANGED";

/** Codes of {@link Pop3ReplyError}: the server answered `-ERR`. */
export type Pop3ReplyErrorCode =
  "POP3_REFUSED" | "POP3_TEMPORARY" | "POP3_GREETING_REJECTED" | "POP3_AUTH_REJECTED" | "POP3_COMMIT_FAILED";

/** Codes of {@link Pop3ProtocolError}: the server violated the protocol or exceeded a limit. */
export type Pop3ProtocolErrorCode =
  | "POP3_PROTOCOL"
  | "POP3_BAD_GREETING"
  | "POP3_UNSOLICITED"
  | "POP3_BAD_RESPONSE"
  | "POP3_BAD_LISTING"
  | "POP3_LINE_TOO_LONG"
  | "POP3_RESPONSE_TOO_LARGE"
  | "POP3_LIST_TOO_LARGE"
  | "POP3_MESSAGE_TOO_LARGE";

/** Codes of {@link Pop3ConnectionError}: the connection could not be opened, or was lost. */
export type Pop3ConnectionErrorCode =
  | "POP3_CONNECT"
  | "POP3_CONNECT_TIMEOUT"
  | "POP3_TLS_INJECTION"
  | "POP3_TLS_HANDSHAKE"
  | "POP3_TLS_CERT"
  | "POP3_TLS_TIMEOUT"
  | "POP3_GREETING_TIMEOUT"
  | "POP3_COMMAND_TIMEOUT"
  | "POP3_IDLE_TIMEOUT"
  | "POP3_TOTAL_TIMEOUT"
  | "POP3_AUTH_CLOSED"
  | "POP3_CLOSED"
  | "POP3_RESET"
  | "POP3_TRUNCATED"
  | "POP3_ABANDONED"
  | "POP3_COMMIT_UNKNOWN";

/** All codes. They are stable; `docs/errors.md` explains each one. */
export type Pop3ErrorCode =
  | Pop3CallErrorCode
  | Pop3ReplyErrorCode
  | Pop3ProtocolErrorCode
  | Pop3ConnectionErrorCode
  | "POP3_HOST_BUSY"
  | "POP3_ABORTED";

/**
 * Any error of this library. Each class is paired with its codes, so `switch (error.code)` narrows to the
 * class.
 *
 * @example
 * ```ts
 * if (Pop3Error.is(error) && error.code === "POP3_AUTH_REJECTED") console.log(error.text);
 * ```
 */
export type AnyPop3Error =
  | (Pop3Error & {
      /** The code of an error that has no class of its own. */
      readonly code: Pop3CallErrorCode;
    })
  | Pop3ReplyError
  | Pop3ProtocolError
  | Pop3ConnectionError
  | Pop3HostBusyError
  | Pop3AbortError;

/**
 * The reason why the server refused an access token (RFC 7628 section 3.2.2, or the similar reply of
 * XOAUTH2).
 */
export interface OAuthRefusal {
  /** OAUTHBEARER: `invalid_token`, `insufficient_scope`, ... XOAUTH2: an HTTP status such as `400`. */
  readonly status?: string;
  /** The scopes that the server requires, separated by spaces. */
  readonly scope?: string;
  /** The authentication schemes in lower case, such as `bearer` (XOAUTH2). */
  readonly schemes?: string;
  /** The URL of the server's OpenID configuration. */
  readonly openidConfiguration?: string;
}

/** The optional parts of an error, in addition to its code and message. */
export interface Pop3ErrorDetails {
  /** The command without secrets: `RETR 5`, `PASS ****`. */
  readonly command?: string | undefined;
  /** The cause: an error from Node, the reason of an abort, or the failure that ended the session. */
  readonly cause?: unknown;
  /** For `POP3_COMMIT_FAILED` and `POP3_COMMIT_UNKNOWN`: the numbers of the messages marked as deleted. */
  readonly marked?: readonly number[] | undefined;
  /** For `POP3_AUTH_REJECTED`: the reason why the server refused the access token. */
  readonly oauth?: OAuthRefusal | undefined;
  /** For the codes that end in `_TIMEOUT`: the option that set the limit. */
  readonly limit?: string | undefined;
  /** The `id` of the client whose session it was. */
  readonly session?: string | undefined;
}

/** Names the session of an error, unless it names one. Leaves errors of others as they are. Returns the error. */
export function inSession<E>(error: E, session: string | undefined): E {
  // Does not throw if the error is frozen.
  if (session !== undefined && Pop3Error.is(error) && error.session === undefined)
    Reflect.defineProperty(error, "session", { value: session, enumerable: true });
  return error;
}

/**
 * Sets the name of a class in stack traces, and marks its errors. The mark works across the two builds (ESM
 * and CommonJS), where `instanceof` sees two different classes. Name and mark are on the prototype, as for
 * Error.
 */
export function markErrors(type: { readonly prototype: object }, name: string, printed: string = name): void {
  Object.defineProperty(type.prototype, "name", { value: printed, configurable: true, writable: true });
  Object.defineProperty(type.prototype, markOf(name), { value: true });
}

/** Tests whether `value` is an error of the class `name`, or of a subclass. */
export function isMarked(value: unknown, name: string): boolean {
  try {
    return (
      typeof value === "object" && value !== null && (value as Record<symbol, unknown>)[markOf(name)] === true
    );
  } catch {
    // A Proxy may throw whatever is read of it.
    return false;
  }
}

function markOf(name: string): symbol {
  return Symbol.for(`popwright.${name}`);
}

/**
 * The base class of all errors of this library. An error of exactly this class means that the call was wrong:
 * the session is unchanged.
 *
 * @example
 * ```ts
 * if (Pop3Error.is(error)) console.error(`${error.code}: ${error.message}`);
 * ```
 */
export class Pop3Error extends Error {
  /** The code of the failure. Its meaning does not change between releases. */
  readonly code: Pop3ErrorCode;
  /** The command without secrets: `RETR 5`, `PASS ****`. */
  declare readonly command?: string;
  /** For `POP3_COMMIT_FAILED` and `POP3_COMMIT_UNKNOWN`: the numbers of the messages marked as deleted. */
  declare readonly marked?: readonly number[];
  /** The `id` of the client whose session it was, to find its lines in the log. */
  declare readonly session?: string;

  constructor(code: Pop3ErrorCode, message: string, details: Pop3ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    if (details.command !== undefined) this.command = details.command;
    if (details.marked !== undefined) this.marked = details.marked;
    if (details.session !== undefined) this.session = details.session;
  }

  static {
    markErrors(this, "Pop3Error");
  }

  /**
   * Tests whether `value` is an error of this library, from the ESM or the CommonJS build (unlike
   * `instanceof`).
   */
  static is(this: void, value: unknown): value is AnyPop3Error {
    return isMarked(value, "Pop3Error");
  }

  /**
   * Copies the failure for another call: same code and message, the other command, and this error as `cause`.
   */
  forCommand(command: string): Pop3Error {
    return new Pop3Error(this.code, this.message, { command, cause: this });
  }
}

/**
 * The server answered `-ERR`. The session continues, unless the code is `POP3_GREETING_REJECTED`.
 *
 * @example
 * ```ts
 * if (Pop3ReplyError.is(error)) console.log(error.responseCode, error.text);
 * ```
 */
export class Pop3ReplyError extends Pop3Error {
  declare readonly code: Pop3ReplyErrorCode;
  /**
   * The extended response code in upper case: `IN-USE`, `SYS/TEMP`, `AUTH`, ... (RFC 2449 section 8, RFC
   * 3206).
   */
  declare readonly responseCode?: string;
  /** The text of the server, without the status and the response code. It is escaped and cut for printing. */
  readonly text: string;
  /** Whether the same call may succeed later although nothing is changed. */
  readonly temporary: boolean;
  /** The reason why the server refused the access token, in the words of the server. */
  declare readonly oauth?: OAuthRefusal;

  constructor(
    code: Pop3ReplyErrorCode,
    message: string,
    reply: { readonly responseCode?: string | undefined; readonly text: string; readonly temporary: boolean },
    details?: Pop3ErrorDetails,
  ) {
    super(code, message, details);
    if (reply.responseCode !== undefined) this.responseCode = reply.responseCode;
    this.text = reply.text;
    this.temporary = reply.temporary;
    if (details?.oauth !== undefined) this.oauth = details.oauth;
  }

  static {
    markErrors(this, "Pop3ReplyError");
  }

  /** Tests whether `value` is a refusal by the server, from the ESM or the CommonJS build. */
  static override is(this: void, value: unknown): value is Pop3ReplyError {
    return isMarked(value, "Pop3ReplyError");
  }

  override forCommand(command: string): Pop3ReplyError {
    return new Pop3ReplyError(this.code, this.message, this, { command, cause: this, oauth: this.oauth });
  }
}

/**
 * The server violated the protocol or exceeded a limit. The connection is destroyed.
 *
 * @example
 * ```ts
 * if (Pop3ProtocolError.is(error)) console.log(`report this to the provider: ${error.message}`);
 * ```
 */
export class Pop3ProtocolError extends Pop3Error {
  declare readonly code: Pop3ProtocolErrorCode;

  constructor(code: Pop3ProtocolErrorCode, message: string, details: Pop3ErrorDetails = {}) {
    super(code, message, details);
  }

  static {
    markErrors(this, "Pop3ProtocolError");
  }

  /** Tests whether `value` is a {@link Pop3ProtocolError}, from the ESM or the CommonJS build. */
  static override is(this: void, value: unknown): value is Pop3ProtocolError {
    return isMarked(value, "Pop3ProtocolError");
  }

  override forCommand(command: string): Pop3ProtocolError {
    return new Pop3ProtocolError(this.code, this.message, { command, cause: this });
  }
}

/**
 * The connection could not be opened, or was lost: it was closed or reset, it timed out, or TLS failed.
 *
 * @example
 * ```ts
 * if (Pop3ConnectionError.is(error) && error.limit !== undefined) console.log(`raise ${error.limit}`);
 * ```
 */
export class Pop3ConnectionError extends Pop3Error {
  declare readonly code: Pop3ConnectionErrorCode;
  /**
   * The option that set the limit, if a timeout ended the connection: `timeouts.command`, `timeouts.body`,
   * `timeouts.total`, `limits.minRate`, `totalTimeout` (the option of a call), and others.
   */
  declare readonly limit?: string;

  constructor(code: Pop3ConnectionErrorCode, message: string, details: Pop3ErrorDetails = {}) {
    super(code, message, details);
    if (details.limit !== undefined) this.limit = details.limit;
  }

  static {
    markErrors(this, "Pop3ConnectionError");
  }

  /** Tests whether `value` is a failure of the connection, from the ESM or the CommonJS build. */
  static override is(this: void, value: unknown): value is Pop3ConnectionError {
    return isMarked(value, "Pop3ConnectionError");
  }

  override forCommand(command: string): Pop3ConnectionError {
    return new Pop3ConnectionError(this.code, this.message, { command, cause: this, limit: this.limit });
  }
}

/**
 * The pool has no place on the host now, because sessions of this process or of others have all of them: see the option
 * `places` of `Pop3Pool`. Nothing was sent.
 *
 * @example
 * ```ts
 * if (Pop3HostBusyError.is(error)) console.log("next try:", new Date(error.comeAt));
 * ```
 */
export class Pop3HostBusyError extends Pop3Error {
  declare readonly code: "POP3_HOST_BUSY";
  /** When to try again, in milliseconds since 1970. */
  readonly comeAt: number;

  constructor(message: string, comeAt: number, details?: Pop3ErrorDetails) {
    super("POP3_HOST_BUSY", message, details);
    this.comeAt = comeAt;
  }

  static {
    markErrors(this, "Pop3HostBusyError");
  }

  /** Milliseconds from now until another try makes sense; 0 if it does now. */
  get retryAfterMs(): number {
    return Math.max(0, this.comeAt - wallTime());
  }

  /** Tests whether `value` is a {@link Pop3HostBusyError}, from the ESM or the CommonJS build. */
  static override is(this: void, value: unknown): value is Pop3HostBusyError {
    return isMarked(value, "Pop3HostBusyError");
  }

  override forCommand(command: string): Pop3HostBusyError {
    return new Pop3HostBusyError(this.message, this.comeAt, { command, cause: this });
  }
}

/**
 * The call's own `AbortSignal` aborted it; `cause` is the reason of the signal.
 *
 * @example
 * ```ts
 * if (Pop3AbortError.is(error)) console.log("cancelled:", error.cause);
 * ```
 */
export class Pop3AbortError extends Pop3Error {
  declare readonly code: "POP3_ABORTED";

  static {
    // The name that the platform uses: code that only knows AbortSignal recognises the error by it.
    markErrors(this, "Pop3AbortError", "AbortError");
  }

  constructor(reason: unknown, command?: string) {
    super("POP3_ABORTED", "the call was aborted", { cause: reason, command });
  }

  /** Tests whether `value` is the error of an aborted call, from the ESM or the CommonJS build. */
  static override is(this: void, value: unknown): value is Pop3AbortError {
    return isMarked(value, "Pop3AbortError");
  }

  /** Returns `POP3_CLOSED`: the other call was not aborted, but the abort ended its session. */
  override forCommand(command: string): Pop3ConnectionError {
    return new Pop3ConnectionError("POP3_CLOSED", "the session ended because another call was aborted", {
      command,
      cause: this,
    });
  }
}
