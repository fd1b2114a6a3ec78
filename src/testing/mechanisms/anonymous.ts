// ANONYMOUS (RFC 4505): whoever comes leaves a trace at most, and all have one maildrop.
import { EMPTY, type ServerMechanism } from "./mechanism.ts";

/** RFC 4505 section 2: characters of a token. An address may be longer; nobody needs that. */
const TRACE = 255;

/** `user`: whose maildrop it is. */
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
