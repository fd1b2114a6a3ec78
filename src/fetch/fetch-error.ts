// How a run fails: with what ended it, what it did before, and when to come again.
import {
  isMarked,
  markErrors,
  Pop3Error,
  Pop3ReplyError,
  type AnyPop3Error,
  type OAuthRefusal,
  type Pop3ErrorCode,
} from "../errors.ts";
import type { FetchReport } from "./report.ts";

export interface FetchErrorDetails {
  /** That of a `cause` that has none. @default "POP3_CALLER" */
  readonly code?: Pop3ErrorCode;
  readonly cause: unknown;
  readonly temporary: boolean;
  readonly report: FetchReport;
}

/**
 * What `fetchMail` rejects with. `code`, `command` and what the server said (`text`, `responseCode`, `oauth`) are those
 * of its `cause`; `code` is `POP3_CALLER` if the cause is what a function of yours threw: one that gives a password,
 * `onEvent`, a ledger of your own. What was delivered before is safe in the ledger, and is not retrieved again.
 */
export class FetchError extends Pop3Error {
  /** The server's own words, if it refused something: see {@link Pop3ReplyError}. */
  declare readonly text?: string;
  /** The response code of that refusal. */
  declare readonly responseCode?: string;
  /** What the server said of an access token that it refused. */
  declare readonly oauth?: OAuthRefusal;
  /** Whether a later run may succeed without anybody changing anything. */
  readonly temporary: boolean;
  /** What the run had done. */
  readonly report: FetchReport;

  constructor({ code = "POP3_CALLER", cause, temporary, report }: FetchErrorDetails) {
    const words = cause instanceof Error ? cause.message : String(cause);
    const known = Pop3Error.is(cause) ? cause : undefined;
    const { command, marked } = known ?? {};
    super(known?.code ?? code, `${report.mailbox}: ${words}`, { cause, command, marked });
    // The fields that belong to the code, so that what narrows by it finds them.
    if (Pop3ReplyError.is(cause)) {
      this.text = cause.text;
      if (cause.responseCode !== undefined) this.responseCode = cause.responseCode;
      if (cause.oauth !== undefined) this.oauth = cause.oauth;
    }
    this.temporary = temporary;
    this.report = report;
  }

  /** Milliseconds, from the end of the run on, after which another one makes sense. */
  get retryAfterMs(): number {
    return Math.max(0, this.report.nextPollAt - Date.now());
  }

  /** See {@link FetchReport.committed}. */
  get committed(): FetchReport["committed"] {
    return this.report.committed;
  }

  static {
    markErrors(this, "FetchError");
  }

  /** Whether `value` is what a run rejects with, from either build of this package. */
  static override is(this: void, value: unknown): value is FetchError & AnyPop3Error {
    return isMarked(value, "FetchError");
  }
}
