// The error of a request to a token server: what the server said, and whether the same request may succeed later.
import { isMarked, markErrors, Pop3Error, type Pop3ErrorDetails } from "../errors.ts";

/** Codes of {@link OAuth2Error}. */
export type OAuth2ErrorCode = "POP3_TOKEN_REFUSED" | "POP3_TOKEN_UNAVAILABLE";

/** The parts of an {@link OAuth2Error}. */
export interface OAuth2ErrorDetails extends Pick<Pop3ErrorDetails, "cause"> {
  /** Whether the same request may succeed later although nothing is changed. */
  readonly temporary: boolean;
  /** The error code of the server (RFC 6749 section 5.2). It must be safe to print. */
  readonly error?: string | undefined;
  /** The explanation of the server. It must be safe to print. */
  readonly description?: string | undefined;
  /** The HTTP status of the reply. */
  readonly status?: number | undefined;
  /** How long the server wants to be left alone, in milliseconds. */
  readonly retryAfter?: number | undefined;
}

/**
 * Codes of the server with which only the user can help: by signing in again. RFC 6749 section 5.2 has the first, OpenID
 * Connect section 3.1.2.6 the others.
 */
const SIGN_IN_AGAIN = ["invalid_grant", "login_required", "interaction_required", "consent_required"];

/**
 * The token server refused the request (`POP3_TOKEN_REFUSED`), or did not answer it with a token
 * (`POP3_TOKEN_UNAVAILABLE`). It contains no token and no secret, also if the server repeats them.
 *
 * @example
 * ```ts
 * if (OAuth2Error.is(error) && error.signInAgain) console.log("the user must sign in again");
 * ```
 */
export class OAuth2Error extends Pop3Error {
  declare readonly code: OAuth2ErrorCode;
  /** Whether the same request may succeed later although nothing is changed: the network, 429, 5xx. */
  readonly temporary: boolean;
  /** The error code of the server: `invalid_grant`, `invalid_client`, ... (RFC 6749 section 5.2). */
  declare readonly error?: string;
  /** The explanation of the server, escaped and cut for printing. */
  declare readonly description?: string;
  /** The HTTP status of the reply. `undefined`: there was no reply. */
  declare readonly status?: number;
  /** How long the server wants to be left alone, in milliseconds: its `Retry-After`, at most an hour. */
  declare readonly retryAfter?: number;

  constructor(code: OAuth2ErrorCode, message: string, details: OAuth2ErrorDetails) {
    super(code, message, { cause: details.cause });
    this.temporary = details.temporary;
    if (details.error !== undefined) this.error = details.error;
    if (details.description !== undefined) this.description = details.description;
    if (details.status !== undefined) this.status = details.status;
    if (details.retryAfter !== undefined) this.retryAfter = details.retryAfter;
  }

  static {
    markErrors(this, "OAuth2Error");
  }

  /** Whether the refresh token is no longer valid, or does not suffice: only a new sign-in of the user helps. */
  get signInAgain(): boolean {
    return SIGN_IN_AGAIN.includes(this.error ?? "");
  }

  /** Tests whether `value` is an {@link OAuth2Error}, from the ESM or the CommonJS build. */
  static override is(this: void, value: unknown): value is OAuth2Error {
    return isMarked(value, "OAuth2Error");
  }
}
