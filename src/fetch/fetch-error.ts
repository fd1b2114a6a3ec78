// The error of a failed run: its cause, the report of what was done before, and when to try again.
import {
  isMarked,
  markErrors,
  Pop3Error,
  Pop3HostBusyError,
  Pop3ReplyError,
  type AnyPop3Error,
  type OAuthRefusal,
  type Pop3ErrorCode,
} from "../errors.ts";
import type { FetchReport } from "./report.ts";
import { scopeOf, type FetchScope } from "./scope.ts";
import { messageOf } from "../protocol/foreign-error.ts";
import { printable } from "../protocol/printable.ts";
import { wallTime } from "../system/clock.ts";

/** The parts of a {@link FetchError}. */
export interface FetchErrorDetails {
  /** The code to use if `cause` has none. @default "POP3_CALLER" */
  readonly code?: Pop3ErrorCode;
  /** The error that ended the run. */
  readonly cause: unknown;
  /** Whether a later run may succeed without any change to the configuration. */
  readonly temporary: boolean;
  /** What the run did before it failed. */
  readonly report: FetchReport;
}

/**
 * The error that `fetchMail` rejects with. It has the `code` and `command` of its `cause`, and the server's
 * reply (`text`, `responseCode`, `oauth`). `code` is `POP3_CALLER` if one of your functions threw the cause:
 * a function that returns a password, `onEvent`, or your own ledger. Messages that were delivered before are
 * recorded in the ledger and are not retrieved again.
 *
 * @example
 * ```ts
 * if (FetchError.is(error) && error.temporary) console.log("next try:", new Date(error.report.nextPollAt));
 * if (FetchError.is(error) && error.scope === "host") console.log("the other mailboxes of this host can wait, too");
 * ```
 */
export class FetchError extends Pop3Error {
  /** The text of the server's reply, if it refused a command. See {@link Pop3ReplyError}. */
  declare readonly text?: string;
  /** The response code of that reply. */
  declare readonly responseCode?: string;
  /** The server's reason for refusing an access token. */
  declare readonly oauth?: OAuthRefusal;
  /** For `POP3_HOST_BUSY`: when to try again. See {@link Pop3HostBusyError}. */
  declare readonly comeAt?: number;
  /** Whether a later run may succeed without any change to the configuration. */
  readonly temporary: boolean;
  /** What failed: this mailbox only, the whole host, the destination, the ledger, or the caller. */
  readonly scope: FetchScope;
  /** What the run did before it failed. */
  readonly report: FetchReport;

  constructor({ code = "POP3_CALLER", cause, temporary, report }: FetchErrorDetails) {
    const words = messageOf(cause);
    const known = Pop3Error.is(cause) ? cause : undefined;
    const { command, marked, session } = known ?? {};
    super(known?.code ?? code, `${printable(report.mailbox)}: ${known?.message ?? printable(words)}`, {
      cause,
      command,
      marked,
      session,
    });
    // Copy the fields that belong to the code, because code that narrows by `code` reads them.
    if (Pop3ReplyError.is(cause)) {
      this.text = cause.text;
      if (cause.responseCode !== undefined) this.responseCode = cause.responseCode;
      if (cause.oauth !== undefined) this.oauth = cause.oauth;
    }
    if (Pop3HostBusyError.is(cause)) this.comeAt = cause.comeAt;
    this.temporary = temporary;
    // A destination may fail with an error of another server of ours.
    this.scope = code === "POP3_DESTINATION" ? "destination" : scopeOf(cause, code);
    this.report = report;
  }

  /** Milliseconds from now until another run makes sense; 0 if it does now. */
  get retryAfterMs(): number {
    return Math.max(0, this.report.nextPollAt - wallTime());
  }

  /** See {@link FetchReport.committed}. */
  get committed(): FetchReport["committed"] {
    return this.report.committed;
  }

  static {
    markErrors(this, "FetchError");
  }

  /** Returns whether `value` is a `FetchError`, from the ESM or the CommonJS build of this package. */
  static override is(this: void, value: unknown): value is FetchError & AnyPop3Error {
    return isMarked(value, "FetchError");
  }
}
