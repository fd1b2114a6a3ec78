// Server programs that list PIPELINING and break it: how they are recognised, and what must not be sent to them.
import type { Capabilities } from "./capabilities.ts";

/** What a server program does wrong with commands that are sent together. */
export interface PipeliningFault {
  /** The program or the service, and its versions. */
  readonly name: string;
  /**
   * - `"messages"`: no command may follow RETR or TOP before the whole message has come.
   * - `"all"`: no two commands may be in flight.
   */
  readonly breaks: "messages" | "all";
  /** What happens otherwise; one sentence. */
  readonly effect: string;
}

interface KnownFault extends PipeliningFault {
  /** Whether a server is this program, by the text of its greeting and by what CAPA lists. */
  matches(greeting: string, capabilities: Capabilities): boolean;
}

const KNOWN: readonly KnownFault[] = [
  {
    // https://github.com/zone-eu/wildduck/pull/950 fixed it in 1.46.15.
    name: "WildDuck before 1.46.15",
    breaks: "messages",
    effect: "It writes the reply to the next command before the last line of a message.",
    matches(greeting, { implementation }) {
      const version = /^WildDuck-v(\d+(?:\.\d+)*)/i.exec(implementation ?? "")?.[1];
      // Its administrator can hide the version: then it may be an old one.
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

/** What is known of a server; `undefined`: nothing that is wrong. */
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
