// Lists the server programs that announce PIPELINING but break it: how to recognise them, and what not to
// send to them.
import type { Capabilities } from "./capabilities.ts";

/** A fault of a server program with several commands in flight. */
export interface PipeliningFault {
  /** The program or service, with the affected versions. */
  readonly name: string;
  /**
   * - `"messages"`: no command may follow RETR or TOP before the whole message has arrived.
   * - `"all"`: no two commands may be in flight.
   */
  readonly breaks: "messages" | "all";
  /** What happens otherwise, in one sentence. */
  readonly effect: string;
}

interface KnownFault extends PipeliningFault {
  /** Tests whether a server is this program, by the text of its greeting and its capabilities. */
  matches(greeting: string, capabilities: Capabilities): boolean;
}

const KNOWN: readonly KnownFault[] = [
  {
    // Fixed in 1.46.15 by https://github.com/zone-eu/wildduck/pull/950.
    name: "WildDuck before 1.46.15",
    breaks: "messages",
    effect: "It writes the reply to the next command before the last line of a message.",
    matches(greeting, { implementation }) {
      const version = /^WildDuck-v(\d+(?:\.\d+)*)/i.exec(implementation ?? "")?.[1];
      // The administrator can hide the version. Then assume an old one.
      if (version === undefined) return implementation === undefined && /\bwildduck\b/i.test(greeting);
      return isBefore(version, [1, 46, 15]);
    },
  },
  {
    // https://github.com/jstedfast/MailKit/issues/174
    name: "poczta.o2.pl",
    breaks: "all",
    effect: "It closes the connection when ten commands are in flight.",
    matches: (greeting, { all }) => greeting === "POP3 ready" && all.has("LAST"),
  },
];

/** Returns the known fault of a server, or `undefined`. */
export function pipeliningFault(
  greeting: string | undefined,
  capabilities: Capabilities,
): PipeliningFault | undefined {
  if (!capabilities.pipelining) return undefined;
  return KNOWN.find((fault) => fault.matches(greeting ?? "", capabilities));
}

function isBefore(version: string, fixed: readonly number[]): boolean {
  const numbers = version.split(".").map(Number);
  for (const [place, number] of fixed.entries()) {
    const given = numbers[place] ?? 0;
    if (given !== number) return given < number;
  }
  return false;
}
