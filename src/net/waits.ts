// How long each thing that a connection waits for may take, and which error its clock ends in.
import type { Pop3ErrorCode } from "../errors.ts";
import type { Command } from "../protocol/commands.ts";
import type { Wait } from "./watch.ts";

/** Milliseconds. */
export interface ConnectionTimeouts {
  readonly greeting: number;
  readonly command: number;
  readonly body: number;
  readonly quit: number;
  readonly drain: number;
}

/** A wait of fixed length: no octet prolongs it. */
function fixed(total: number, code: Pop3ErrorCode, what: string): Wait {
  return { idle: Infinity, idleCode: code, total, totalCode: code, rate: 0, what };
}

export function greetingWait({ greeting }: ConnectionTimeouts): Wait {
  return fixed(greeting, "POP3_GREETING_TIMEOUT", "the greeting");
}

/** The first line of a reply. */
export function replyWait({ command }: ConnectionTimeouts, { printable }: Command<unknown>): Wait {
  return fixed(command, "POP3_COMMAND_TIMEOUT", `the reply to ${printable}`);
}

export function quitWait({ quit }: ConnectionTimeouts): Wait {
  return fixed(quit, "POP3_COMMAND_TIMEOUT", "the reply to QUIT");
}

/** A block may be of any size, so its total time grows with what has come. `rate`: octets a second; 0: any. */
export function blockWait({ body }: ConnectionTimeouts, rate: number, { printable }: Command<unknown>): Wait {
  return {
    idle: body,
    idleCode: "POP3_IDLE_TIMEOUT",
    total: rate > 0 ? body : Infinity,
    totalCode: "POP3_TOTAL_TIMEOUT",
    rate,
    what: `the rest of ${printable}`,
  };
}

/** The rest of a response that was given up. */
export function drainWait({ drain }: ConnectionTimeouts, { printable }: Command<unknown>): Wait {
  return fixed(drain, "POP3_ABANDONED", `the end of ${printable}, which was given up`);
}

/** A message that its reader leaves alone may take as long as it likes, until somebody waits behind it. */
export function stallWait({ body }: ConnectionTimeouts, { printable }: Command<unknown>): Wait {
  return fixed(body, "POP3_IDLE_TIMEOUT", `the reader of ${printable}, behind which other commands wait`);
}
