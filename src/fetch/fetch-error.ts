// How a run fails: with what ended it, what it did before, and when to come again.
import { Pop3Error, type Pop3ErrorCode } from "../errors.ts";
import type { FetchReport } from "./report.ts";

export interface FetchErrorDetails {
  /** That of a `cause` that has none. @default "POP3_CALLER" */
  readonly code?: Pop3ErrorCode;
  readonly cause: unknown;
  readonly temporary: boolean;
  readonly report: FetchReport;
}

/**
 * What `fetchMail` rejects with. `code` is that of its `cause`, or `POP3_CALLER` where that is what a function of yours
 * threw: one that gives a password, `onEvent`, a ledger of your own. What was delivered before is safe in the ledger, and
 * is not retrieved again.
 */
export class FetchError extends Pop3Error {
  /** Whether a later run may succeed without anybody changing anything. */
  readonly temporary: boolean;
  /** What the run had done. */
  readonly report: FetchReport;

  constructor({ code = "POP3_CALLER", cause, temporary, report }: FetchErrorDetails) {
    const words = cause instanceof Error ? cause.message : String(cause);
    super(Pop3Error.is(cause) ? cause.code : code, `${report.mailbox}: ${words}`, { cause });
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
    Object.defineProperty(this.prototype, "name", { value: "FetchError", configurable: true });
  }
}
