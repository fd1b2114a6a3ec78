// The option `totalTimeout` of a call.
import type { Total } from "../net/deadline-timer.ts";
import { totalOf } from "../net/deadlines.ts";
import { argumentError, checkDuration, shown } from "./checks.ts";
import type { Duration } from "./duration.ts";

/**
 * The limit that a call sets in place of `timeouts.total`; a number is in milliseconds. Throws `POP3_INVALID_ARGUMENT`.
 */
export function totalOfCall(totalTimeout: Duration | undefined): Total | undefined {
  if (totalTimeout === undefined) return undefined;
  const time = checkDuration("totalTimeout", totalTimeout, "ms", argumentError);
  if (time === 0)
    throw argumentError(
      `totalTimeout must be greater than 0 (got ${shown(totalTimeout)}); Infinity stops the clock`,
    );
  return totalOf(time, "totalTimeout");
}
