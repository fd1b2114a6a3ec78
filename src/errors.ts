// Every way to fail has a class that says what became of the session, and a code that never changes.
//
// Three ways: the caller was wrong and nothing was sent (`Pop3Error` itself), the server said no and the
// session lives ({@link Pop3ReplyError}), or the session is over ({@link Pop3ProtocolError},
// {@link Pop3ConnectionError}) and every waiting call rejects with one cause.

/** The stable codes, grouped by what the caller can do about them. `docs/errors.md` explains each. */
export type Pop3ErrorCode =
  // The call was wrong: nothing was sent.
  | "POP3_CONFIG"
  | "POP3_INVALID_ARGUMENT"
  | "POP3_COMMAND_TOO_LONG"
  | "POP3_STATE"
  | "POP3_NOT_SUPPORTED"
  | "POP3_ABORTED"
  // The server said no.
  | "POP3_REFUSED"
  | "POP3_TEMPORARY"
  | "POP3_GREETING_REJECTED"
  | "POP3_AUTH_REJECTED"
  | "POP3_COMMIT_FAILED"
  // No acceptable way to log in.
  | "POP3_AUTH_NO_MECHANISM"
  | "POP3_AUTH_CLOSED"
  | "POP3_AUTH_PROTOCOL"
  | "POP3_APOP_BAD_CHALLENGE"
  | "POP3_CHALLENGE_TOO_LARGE"
  | "POP3_SCRAM_ITERATIONS_LOW"
  | "POP3_SCRAM_ITERATIONS_HIGH"
  | "POP3_SCRAM_SERVER_SIGNATURE"
  // TLS.
  | "POP3_TLS_REQUIRED"
  | "POP3_TLS_INJECTION"
  | "POP3_TLS_HANDSHAKE"
  | "POP3_TLS_CERT"
  | "POP3_TLS_TIMEOUT"
  // The server broke the protocol.
  | "POP3_PROTOCOL"
  | "POP3_BAD_GREETING"
  | "POP3_UNSOLICITED"
  | "POP3_BAD_RESPONSE"
  | "POP3_BAD_LISTING"
  | "POP3_LINE_TOO_LONG"
  | "POP3_RESPONSE_TOO_LARGE"
  | "POP3_LIST_TOO_LARGE"
  | "POP3_MESSAGE_TOO_LARGE"
  // The connection is gone.
  | "POP3_CONNECT"
  | "POP3_CONNECT_TIMEOUT"
  | "POP3_GREETING_TIMEOUT"
  | "POP3_COMMAND_TIMEOUT"
  | "POP3_IDLE_TIMEOUT"
  | "POP3_TOTAL_TIMEOUT"
  | "POP3_CLOSED"
  | "POP3_RESET"
  | "POP3_TRUNCATED"
  | "POP3_ABANDONED"
  | "POP3_COMMIT_UNKNOWN"
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

/** Marks our errors across the two builds (ESM and CommonJS), where `instanceof` sees two classes. */
const BRAND = Symbol.for("popwright.error");

/** Any failure of this library. By itself: the call was wrong, or was aborted, and nothing of it was sent. */
export class Pop3Error extends Error {
  readonly code: Pop3ErrorCode;
  declare readonly command?: string;
  declare readonly marked?: readonly number[];

  constructor(code: Pop3ErrorCode, message: string, details: Pop3ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    if (details.command !== undefined) this.command = details.command;
    if (details.marked !== undefined) this.marked = details.marked;
    Object.defineProperty(this, BRAND, { value: true });
  }

  static {
    // On the prototype, as Error does it: the name is printed with the stack, and is no property of each instance.
    Object.defineProperty(this.prototype, "name", { value: "Pop3Error", configurable: true, writable: true });
  }

  /** Whether `value` is an error of this library, from whichever of its builds. Safer than `instanceof`. */
  static is(value: unknown): value is Pop3Error {
    return typeof value === "object" && value !== null && (value as Record<symbol, unknown>)[BRAND] === true;
  }

  /** The same failure as another call meets it: same code and message, that call's command, this error as cause. */
  forCommand(command: string): Pop3Error {
    return new Pop3Error(this.code, this.message, { command, cause: this });
  }
}

/** The server said no (`-ERR`). The session lives, unless the code says that it ended with the greeting. */
export class Pop3ReplyError extends Pop3Error {
  /** The extended response code in upper case (RFC 2449 section 8, RFC 3206): `IN-USE`, `SYS/TEMP`, `AUTH` ... */
  declare readonly responseCode?: string;
  /** The server's own words, without the status and the response code, escaped and cut for printing. */
  readonly text: string;
  /** Whether the same call may succeed later without anybody changing anything. */
  readonly temporary: boolean;
  /** What the server said of an access token that it refused, in its own words. */
  declare readonly oauth?: OAuthRefusal;

  constructor(
    code: Pop3ErrorCode,
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
    Object.defineProperty(this.prototype, "name", { value: "Pop3ReplyError", configurable: true });
  }

  override forCommand(command: string): Pop3ReplyError {
    return new Pop3ReplyError(this.code, this.message, this, { command, cause: this, oauth: this.oauth });
  }

  /** The same, with what the server said of the access token before. */
  withRefusal(oauth: OAuthRefusal): Pop3ReplyError {
    const why = [oauth.status, oauth.scope && `scope ${oauth.scope}`].filter(Boolean).join(", ");
    const message = why === "" ? this.message : `${this.message} (${why})`;
    return new Pop3ReplyError(this.code, message, this, { command: this.command, cause: this, oauth });
  }
}

/** The server broke the protocol or a limit. The connection is destroyed. */
export class Pop3ProtocolError extends Pop3Error {
  static {
    Object.defineProperty(this.prototype, "name", { value: "Pop3ProtocolError", configurable: true });
  }

  override forCommand(command: string): Pop3ProtocolError {
    return new Pop3ProtocolError(this.code, this.message, { command, cause: this });
  }
}

/** The connection could not be made, or is gone: closed, reset, timed out, or TLS failed. */
export class Pop3ConnectionError extends Pop3Error {
  /**
   * The option whose time is over, where that ended the connection: `timeouts.command`, `timeouts.body`,
   * `timeouts.total`, `limits.minRate`, `totalTimeout` (that of a call) and so on.
   */
  declare readonly limit?: string;

  constructor(code: Pop3ErrorCode, message: string, details: Pop3ErrorDetails = {}) {
    super(code, message, details);
    if (details.limit !== undefined) this.limit = details.limit;
  }

  static {
    Object.defineProperty(this.prototype, "name", { value: "Pop3ConnectionError", configurable: true });
  }

  override forCommand(command: string): Pop3ConnectionError {
    return new Pop3ConnectionError(this.code, this.message, { command, cause: this, limit: this.limit });
  }
}

/** The call was given up by its own `AbortSignal`; `cause` is the signal's reason. */
export class Pop3AbortError extends Pop3Error {
  static {
    // The platform's name for it, so that code which knows only AbortSignal recognises it.
    Object.defineProperty(this.prototype, "name", { value: "AbortError", configurable: true });
  }

  constructor(reason: unknown, command?: string) {
    super("POP3_ABORTED", "the call was aborted", { cause: reason, command });
  }
}
