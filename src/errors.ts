// Every way to fail has a class that says what became of the session, and a code that never changes.
//
// Three ways: the caller was wrong and nothing was sent (`Pop3Error` itself), the server said no and the
// session lives ({@link Pop3ReplyError}), or the session is over ({@link Pop3ProtocolError},
// {@link Pop3ConnectionError}) and every waiting call rejects with one cause.

/** The call was wrong, or cannot be done: codes of {@link Pop3Error} itself. The session is as it was. */
export type Pop3CallErrorCode =
  | "POP3_CONFIG"
  | "POP3_INVALID_ARGUMENT"
  | "POP3_COMMAND_TOO_LONG"
  | "POP3_STATE"
  | "POP3_NOT_SUPPORTED"
  // No acceptable way to log in.
  | "POP3_AUTH_NO_MECHANISM"
  | "POP3_AUTH_PROTOCOL"
  | "POP3_APOP_BAD_CHALLENGE"
  | "POP3_CHALLENGE_TOO_LARGE"
  | "POP3_SCRAM_ITERATIONS_LOW"
  | "POP3_SCRAM_ITERATIONS_HIGH"
  | "POP3_SCRAM_SERVER_SIGNATURE"
  | "POP3_TLS_REQUIRED"
  // Larger than `limits.message`, as LIST announced it: it was not retrieved.
  | "POP3_MESSAGE_TOO_LARGE"
  // The pool.
  | "POP3_POOL_CLOSED"
  | "POP3_POOL_FULL"
  // Fetching.
  | "POP3_MAILBOX_BUSY"
  | "POP3_LEDGER"
  | "POP3_DESTINATION"
  | "POP3_CALLER"
  | "POP3_NO_UIDL"
  | "POP3_UIDS_CHANGED";

/** The server said no (`-ERR`): codes of {@link Pop3ReplyError}. */
export type Pop3ReplyErrorCode =
  "POP3_REFUSED" | "POP3_TEMPORARY" | "POP3_GREETING_REJECTED" | "POP3_AUTH_REJECTED" | "POP3_COMMIT_FAILED";

/** The server broke the protocol or a limit: codes of {@link Pop3ProtocolError}. */
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

/** The connection could not be made, or was lost: codes of {@link Pop3ConnectionError}. */
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

/** The stable codes. `docs/errors.md` explains each. */
export type Pop3ErrorCode =
  Pop3CallErrorCode | Pop3ReplyErrorCode | Pop3ProtocolErrorCode | Pop3ConnectionErrorCode | "POP3_ABORTED";

/**
 * Every error of this library, each class with its codes: `switch (error.code)` narrows to the fields of the class.
 *
 * @example
 * ```ts
 * if (Pop3Error.is(error) && error.code === "POP3_AUTH_REJECTED") console.log(error.text);
 * ```
 */
export type AnyPop3Error =
  | (Pop3Error & { readonly code: Pop3CallErrorCode })
  | Pop3ReplyError
  | Pop3ProtocolError
  | Pop3ConnectionError
  | Pop3AbortError;

/** Why a server did not like an access token (RFC 7628 section 3.2.2; XOAUTH2 says the same in other places). */
export interface OAuthRefusal {
  /** `invalid_token`, `insufficient_scope`; XOAUTH2 has an HTTP status, `400`. */
  readonly status?: string;
  /** The scopes that would do, separated by spaces. */
  readonly scope?: string;
  /** The authentication schemes (XOAUTH2), lower case: `bearer`. */
  readonly schemes?: string;
  /** Where the server's OpenID configuration is to be had. */
  readonly openidConfiguration?: string;
}

/** What an error may say beside its code and message. */
export interface Pop3ErrorDetails {
  /** The command in the form that may be printed: `RETR 5`, `PASS ****`. */
  readonly command?: string | undefined;
  /** What brought it about: a Node error, an abort reason, or the one failure that ended the session. */
  readonly cause?: unknown;
  /** With `POP3_COMMIT_FAILED` and `POP3_COMMIT_UNKNOWN`: the message numbers that were marked as deleted. */
  readonly marked?: readonly number[] | undefined;
  /** With `POP3_AUTH_REJECTED`: what the server said of an access token. */
  readonly oauth?: OAuthRefusal | undefined;
  /** With the codes that end in `_TIMEOUT`: the option whose time is over. */
  readonly limit?: string | undefined;
}

/**
 * Names a class in stack traces, and marks its errors. The mark is known across the two builds (ESM and CommonJS), in
 * which `instanceof` sees two classes. Both are on the prototype, as Error does it: neither is a property of an error.
 */
export function markErrors(type: { readonly prototype: object }, name: string, printed: string = name): void {
  Object.defineProperty(type.prototype, "name", { value: printed, configurable: true, writable: true });
  Object.defineProperty(type.prototype, markOf(name), { value: true });
}

/** Whether `value` is an error of the class of this name, or of a class that extends it. */
export function isMarked(value: unknown, name: string): boolean {
  return (
    typeof value === "object" && value !== null && (value as Record<symbol, unknown>)[markOf(name)] === true
  );
}

function markOf(name: string): symbol {
  return Symbol.for(`popwright.${name}`);
}

/** Any failure of this library. By itself: the call was wrong, and the session is as it was. */
export class Pop3Error extends Error {
  /** What went wrong. A code keeps its meaning from release to release. */
  readonly code: Pop3ErrorCode;
  /** The command in the form that may be printed: `RETR 5`, `PASS ****`. */
  declare readonly command?: string;
  /** With `POP3_COMMIT_FAILED` and `POP3_COMMIT_UNKNOWN`: the message numbers that were marked as deleted. */
  declare readonly marked?: readonly number[];

  constructor(code: Pop3ErrorCode, message: string, details: Pop3ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    if (details.command !== undefined) this.command = details.command;
    if (details.marked !== undefined) this.marked = details.marked;
  }

  static {
    markErrors(this, "Pop3Error");
  }

  /** Whether `value` is an error of this library, from either of its builds. Safer than `instanceof`. */
  static is(this: void, value: unknown): value is AnyPop3Error {
    return isMarked(value, "Pop3Error");
  }

  /** The same failure as another call meets it: same code and message, that call's command, this error as cause. */
  forCommand(command: string): Pop3Error {
    return new Pop3Error(this.code, this.message, { command, cause: this });
  }
}

/** The server said no (`-ERR`). The session continues, unless the code says that it ended with the greeting. */
export class Pop3ReplyError extends Pop3Error {
  declare readonly code: Pop3ReplyErrorCode;
  /** The extended response code in upper case (RFC 2449 section 8, RFC 3206): `IN-USE`, `SYS/TEMP`, `AUTH` ... */
  declare readonly responseCode?: string;
  /** The server's own words, without the status and the response code, escaped and cut for printing. */
  readonly text: string;
  /** Whether the same call may succeed later without a change by anyone. */
  readonly temporary: boolean;
  /** What the server said of an access token that it refused, in its own words. */
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

  /** Whether `value` is a refusal by the server, from either build. */
  static override is(this: void, value: unknown): value is Pop3ReplyError {
    return isMarked(value, "Pop3ReplyError");
  }

  override forCommand(command: string): Pop3ReplyError {
    return new Pop3ReplyError(this.code, this.message, this, { command, cause: this, oauth: this.oauth });
  }
}

/** The server broke the protocol or a limit. The connection is destroyed. */
export class Pop3ProtocolError extends Pop3Error {
  declare readonly code: Pop3ProtocolErrorCode;

  constructor(code: Pop3ProtocolErrorCode, message: string, details: Pop3ErrorDetails = {}) {
    super(code, message, details);
  }

  static {
    markErrors(this, "Pop3ProtocolError");
  }

  /** Whether `value` is a breach of the protocol or of a limit, from either build. */
  static override is(this: void, value: unknown): value is Pop3ProtocolError {
    return isMarked(value, "Pop3ProtocolError");
  }

  override forCommand(command: string): Pop3ProtocolError {
    return new Pop3ProtocolError(this.code, this.message, { command, cause: this });
  }
}

/** The connection could not be made, or is gone: closed, reset, timed out, or TLS failed. */
export class Pop3ConnectionError extends Pop3Error {
  declare readonly code: Pop3ConnectionErrorCode;
  /**
   * The option whose time is over, if that ended the connection: `timeouts.command`, `timeouts.body`,
   * `timeouts.total`, `limits.minRate`, `totalTimeout` (that of a call) and so on.
   */
  declare readonly limit?: string;

  constructor(code: Pop3ConnectionErrorCode, message: string, details: Pop3ErrorDetails = {}) {
    super(code, message, details);
    if (details.limit !== undefined) this.limit = details.limit;
  }

  static {
    markErrors(this, "Pop3ConnectionError");
  }

  /** Whether `value` is a failure of the connection, from either build. */
  static override is(this: void, value: unknown): value is Pop3ConnectionError {
    return isMarked(value, "Pop3ConnectionError");
  }

  override forCommand(command: string): Pop3ConnectionError {
    return new Pop3ConnectionError(this.code, this.message, { command, cause: this, limit: this.limit });
  }
}

/** The call was aborted by its own `AbortSignal`; `cause` is the signal's reason. */
export class Pop3AbortError extends Pop3Error {
  declare readonly code: "POP3_ABORTED";

  static {
    // The platform's name for it, so that code which knows only AbortSignal recognises it.
    markErrors(this, "Pop3AbortError", "AbortError");
  }

  constructor(reason: unknown, command?: string) {
    super("POP3_ABORTED", "the call was aborted", { cause: reason, command });
  }

  /** Whether `value` says that the call was aborted by its own signal, from either build. */
  static override is(this: void, value: unknown): value is Pop3AbortError {
    return isMarked(value, "Pop3AbortError");
  }

  /** Another call was not aborted: what it meets is a session that has ended. */
  override forCommand(command: string): Pop3ConnectionError {
    return new Pop3ConnectionError("POP3_CLOSED", "an aborted call has ended the session", {
      command,
      cause: this,
    });
  }
}
