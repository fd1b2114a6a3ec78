// How a destination says no: to one message, or to all of them.
import { isMarked, markErrors, Pop3Error } from "../../errors.ts";

export interface DestinationErrorOptions {
  readonly cause?: unknown;
  /**
   * Whether it would refuse every other message, too: the disk is full, the service is down. The run ends then, and
   * no message is blamed for it. @default false
   */
  readonly down?: boolean;
  /** Whether it says nothing against the message: it is tried again for ever. @default false */
  readonly later?: boolean;
}

/** What a destination rejects with. Any other error it throws counts as a refusal of the one message. */
export class DestinationError extends Pop3Error {
  declare readonly code: "POP3_DESTINATION";
  /** Whether it would refuse every other message, too. */
  readonly down: boolean;
  /** Whether it says nothing against the message. */
  readonly later: boolean;

  constructor(message: string, { cause, down = false, later = down }: DestinationErrorOptions = {}) {
    super("POP3_DESTINATION", message, { cause });
    this.down = down;
    this.later = later;
  }

  static {
    markErrors(this, "DestinationError");
  }

  /** Whether `value` is a refusal by a destination, from either build of this package. */
  static override is(this: void, value: unknown): value is DestinationError {
    return isMarked(value, "DestinationError");
  }
}

/** What no message can be blamed for: no space, no right, no such place, nobody there. */
const DOWN: ReadonlySet<string> = new Set([
  ...[
    "ENOSPC",
    "EDQUOT",
    "EROFS",
    "EACCES",
    "EPERM",
    "EIO",
    "EBUSY",
    "ENOENT",
    "ENOTDIR",
    "EMFILE",
    "ENFILE",
  ],
  ...["ECONNREFUSED", "ECONNRESET", "ENOTFOUND", "EAI_AGAIN", "ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH"],
]);

/** Whether an error of the system says that the destination as a whole is of no use now. */
export function isDown(error: unknown): boolean {
  if (DestinationError.is(error)) return error.down;
  const code = typeof error === "object" && error !== null ? (error as { code?: unknown }).code : undefined;
  return typeof code === "string" && DOWN.has(code);
}

/** Whether an error says nothing against the message that met it. */
export function isLater(error: unknown): boolean {
  return isDown(error) || (DestinationError.is(error) && error.later);
}
