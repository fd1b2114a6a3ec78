// The error with which a ledger rejects. It says whether a later run may succeed, and whether the lease is lost.
import { isMarked, markErrors, Pop3Error } from "../../errors.ts";
import { checkBoolean, checkNames, checkObject, argumentError } from "../../options/checks.ts";
import { foreignError } from "../../protocol/foreign-error.ts";

/** What a {@link LedgerError} says about the next run. */
export interface LedgerErrorOptions {
  /** The error that caused this one. @default none */
  readonly cause?: unknown;
  /**
   * Whether a later run may succeed without any change: for example, the database does not answer now.
   * @default `leaseLost`
   */
  readonly temporary?: boolean;
  /**
   * Whether another run has taken over the mailbox. The code is then `POP3_LEASE_LOST`, and the run records
   * nothing more. @default false
   */
  readonly leaseLost?: boolean;
}

/**
 * The error with which a ledger rejects, with the code `POP3_LEDGER` or `POP3_LEASE_LOST`. A ledger of your own
 * should throw it, because after any other error the next poll comes only after the longest pause.
 *
 * @example
 * ```ts
 * throw new LedgerError("the database does not answer", { temporary: true });
 * ```
 */
export class LedgerError extends Pop3Error {
  declare readonly code: "POP3_LEDGER" | "POP3_LEASE_LOST";
  /** Whether a later run may succeed without any change. */
  readonly temporary: boolean;

  /** Throws `POP3_INVALID_ARGUMENT` for an unknown option. */
  constructor(message: string, options: LedgerErrorOptions = {}) {
    checkObject("options", options, argumentError);
    checkNames("options", options, ["cause", "temporary", "leaseLost"], argumentError);
    const { cause, leaseLost = false } = options;
    checkBoolean("leaseLost", leaseLost, argumentError);
    const { temporary = leaseLost } = options;
    checkBoolean("temporary", temporary, argumentError);
    super(leaseLost ? "POP3_LEASE_LOST" : "POP3_LEDGER", message, { cause: foreignError(cause) });
    this.temporary = temporary;
  }

  static {
    markErrors(this, "LedgerError");
  }

  /** Tells whether `value` is an error of a ledger, from either build of this package. */
  static override is(this: void, value: unknown): value is LedgerError {
    return isMarked(value, "LedgerError");
  }
}
