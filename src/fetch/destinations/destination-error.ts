// The error with which a destination refuses one message, or all of them.
import { foreignError } from "../../protocol/foreign-error.ts";
import { checkNames, checkObject } from "../../options/checks.ts";
import { isMarked, markErrors, Pop3Error } from "../../errors.ts";
import { isOutage } from "../files/outage.ts";

/** What a {@link DestinationError} says about the next messages. */
export interface DestinationErrorOptions {
  /** The error that caused this one. @default none */
  readonly cause?: unknown;
  /**
   * Whether the destination would refuse every other message, too: for example the disk is full, or the
   * service is down. The run ends then, and no message is blamed.
   * @default false
   */
  readonly down?: boolean;
  /** Whether the message itself is not the cause. It is then tried again without a limit. @default `down` */
  readonly later?: boolean;
}

/**
 * The error with which a destination rejects. Any other error counts as a refusal of the one message.
 *
 * @example
 * ```ts
 * throw new DestinationError("the mail store is not reachable", { down: true });
 * ```
 */
export class DestinationError extends Pop3Error {
  declare readonly code: "POP3_DESTINATION";
  /** Whether the destination would refuse every other message, too. */
  readonly down: boolean;
  /** Whether the message itself is not the cause. */
  readonly later: boolean;

  /** Throws `POP3_CONFIG` for an unknown option: a typo would put the blame on a message. */
  constructor(message: string, options: DestinationErrorOptions = {}) {
    checkObject("options", options);
    checkNames("options", options, ["cause", "down", "later"]);
    const { cause, down = false, later = down } = options;
    super("POP3_DESTINATION", message, { cause: foreignError(cause) });
    this.down = down;
    this.later = later;
  }

  static {
    markErrors(this, "DestinationError");
  }

  /** Tells whether `value` is a refusal by a destination, from either build of this package. */
  static override is(this: void, value: unknown): value is DestinationError {
    return isMarked(value, "DestinationError");
  }
}

/** Tells whether an error means that the destination as a whole does not work now. */
export function isDown(error: unknown): boolean {
  return DestinationError.is(error) ? error.down : isOutage(error);
}

/** Tells whether the message itself is not the cause of an error. */
export function isLater(error: unknown): boolean {
  return isDown(error) || (DestinationError.is(error) && error.later);
}
