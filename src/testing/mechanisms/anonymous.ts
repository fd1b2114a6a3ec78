// ANONYMOUS (RFC 4505): every client may log in, with optional trace information; all share one maildrop.
import { EMPTY, type ServerMechanism } from "./mechanism.ts";

/**
 * The maximum characters of a token (RFC 4505 section 2). An address may be longer; the test server limits
 * both.
 */
const TRACE = 255;

/** `user`: the user whose maildrop is opened. */
export function anonymous(user: string): ServerMechanism {
  return {
    name: "ANONYMOUS",
    initialResponse: true,
    *exchange(accounts) {
      const trace = (yield EMPTY).toString("utf8");
      return [...trace].length > TRACE ? "the trace is too long" : accounts.find(user);
    },
  };
}
