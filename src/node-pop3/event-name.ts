// The property `eventName` that node-pop3 adds to its errors.
import { Pop3ConnectionError, Pop3Error, Pop3ProtocolError, Pop3ReplyError } from "../errors.ts";

/** What node-pop3 calls the kind of a failure. */
export type NodePop3EventName = "error" | "close" | "timeout" | "end" | "bad-server-response" | "no-socket";

/** The codes of a connection that could not be opened, or that the network broke. */
const NETWORK = /^POP3_(?:CONNECT|RESET|TLS_)/;

/** Adds `eventName` to an error of ours, and returns the error. */
export function withEventName(error: unknown, given?: NodePop3EventName): unknown {
  const eventName = given ?? eventNameOf(error);
  if (eventName === undefined || !Pop3Error.is(error)) return error;
  return Object.assign(error, { eventName });
}

function eventNameOf(error: unknown): NodePop3EventName | undefined {
  if (error instanceof Pop3ReplyError) return "error";
  if (error instanceof Pop3ProtocolError) return "bad-server-response";
  if (!(error instanceof Pop3ConnectionError)) return undefined;
  if (error.code.endsWith("_TIMEOUT")) return "timeout";
  return NETWORK.test(error.code) ? "error" : "close";
}
