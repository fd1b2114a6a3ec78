// What goes wrong in a session of the soak: a fault of the server at random, and the codes that may come of it.
import type { Fault } from "popwright/testing";
import type { Random } from "../../bench/random.ts";

/** A fault, and what calls may fail with because of it. */
export interface Trouble {
  readonly fault: Fault;
  readonly codes: readonly string[];
}

const PLACES = [
  ...["greeting", "CAPA", "STLS", "USER", "PASS", "APOP", "AUTH", "AUTH-RESPONSE"],
  ...["STAT", "LIST", "UIDL", "RETR", "RETR", "RETR", "TOP", "NOOP", "DELE", "RSET", "QUIT", "*"],
];

/** How many octets go out before the connection ends. */
const someOctets = (random: Random): number =>
  random.of([0, 1, 3, random.below(20), random.below(200), random.below(3000), Infinity]);

const KINDS: Readonly<Record<string, (random: Random) => { fault: Omit<Fault, "on">; codes: string[] }>> = {
  close: (random) => ({
    fault: { close: someOctets(random) },
    codes: ["POP3_CLOSED", "POP3_TRUNCATED", "POP3_AUTH_CLOSED", "POP3_TLS_HANDSHAKE", "POP3_RESET"],
  }),
  cut: (random) => ({
    fault: { cut: someOctets(random) },
    codes: ["POP3_CLOSED", "POP3_TRUNCATED", "POP3_AUTH_CLOSED", "POP3_TLS_HANDSHAKE", "POP3_RESET"],
  }),
  reset: (random) => ({
    fault: { reset: someOctets(random) },
    codes: ["POP3_RESET", "POP3_TLS_HANDSHAKE", "POP3_CLOSED"],
  }),
  stall: (random) => ({
    fault: { stall: someOctets(random) },
    codes: [
      ...["POP3_GREETING_TIMEOUT", "POP3_COMMAND_TIMEOUT", "POP3_IDLE_TIMEOUT", "POP3_TLS_TIMEOUT"],
      // The lowest rate has the same grace as the longest pause: on a busy machine it may be noticed first.
      "POP3_TOTAL_TIMEOUT",
      "POP3_ABANDONED",
    ],
  }),
  split: (random) => ({ fault: { split: 1 + random.below(40) }, codes: [] }),
  refusal: () => ({
    fault: { reply: "-ERR [SYS/TEMP] not now\r\n" },
    codes: [
      ...["POP3_REFUSED", "POP3_TEMPORARY", "POP3_AUTH_REJECTED", "POP3_GREETING_REJECTED"],
      ...["POP3_TLS_REQUIRED", "POP3_COMMIT_FAILED", "POP3_AUTH_NO_MECHANISM"],
    ],
  }),
  garbage: (random) => ({
    fault: { [random.of(["reply", "before", "after", "later"])]: "\xff garbage\r\n" },
    codes: [
      "POP3_PROTOCOL",
      "POP3_BAD_GREETING",
      "POP3_UNSOLICITED",
      "POP3_TLS_INJECTION",
      "POP3_TLS_HANDSHAKE",
    ],
  }),
  flood: () => ({
    fault: { reply: "A".repeat(100_000) },
    codes: ["POP3_LINE_TOO_LONG", "POP3_CHALLENGE_TOO_LARGE"],
  }),
};

/** Whether the clocks of the client have to be short ones, for it to end by itself. */
export function isSilent({ fault }: Trouble): boolean {
  return fault.stall !== undefined;
}

export function randomTrouble(random: Random): Trouble {
  const kind = random.of(Object.keys(KINDS));
  const { fault, codes } = (KINDS[kind] as (typeof KINDS)[string])(random);
  const on = random.of(PLACES);
  // A long message octet by octet takes its time.
  const split = /^(?:RETR|TOP|\*)$/.test(on) && fault.split !== undefined ? { split: 50 * fault.split } : {};
  return { fault: { on, nth: 1 + random.below(3), ...fault, ...split }, codes };
}
