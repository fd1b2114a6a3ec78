// What a seed decides before anything happens: the mail, the policy, the destination, and the server.
import type { FetchPolicy } from "../../src/fetch/index.ts";
import { MAILBOX } from "../crash/places.ts";
import type { Chance } from "./chance.ts";
import type { PlaceName } from "./program/main.ts";
import type { Character } from "./server.ts";
import { widened } from "./wide.ts";

/** A mailbox at a server. */
export interface SimulatedMailbox {
  readonly name: string;
  readonly user: string;
  readonly host: string;
}

/** The only mailbox of most worlds. */
const ONE: SimulatedMailbox = { name: MAILBOX, user: "ann", host: "pop.simulated.test" };

export interface Scenario {
  readonly place: PlaceName;
  readonly policy: FetchPolicy;
  readonly server: Character;
  /** How many processes fetch from the mailbox at the same time. */
  readonly fetchers: number;
  /** How many messages come in all. */
  readonly messages: number;
  /** How long faults happen; milliseconds. */
  readonly duration: number;
  readonly logs: boolean;
  /** What wide worlds have in addition. Kinds of faults that came later happen in them alone. */
  readonly wide?: Wide | undefined;
}

/** One process, one message, a server without faults, and no log. */
export const PLAIN: Scenario = {
  place: "Maildir",
  policy: {
    delete: "delivered",
    tries: 1e9,
    retry: { first: "1 min", longest: "30 min" },
    poll: { shortest: "1 min", longest: "30 min" },
  },
  server: {
    loginDelay: 0,
    pipelining: true,
    broken: undefined,
    top: true,
    locks: true,
    hides: false,
    wrongSizes: 0,
  },
  fetchers: 1,
  messages: 1,
  duration: 60 * 60_000,
  logs: false,
  wide: undefined,
};

interface Wide {
  /** How probable it is that a message comes with a unique-id that another one has, or has had. */
  readonly repeatedUids: number;
  readonly fleet?: Fleet;
  readonly memory?: Memory;
}

/** Large messages, and a slow destination. What a process may hold is set so low that a few messages exceed it. */
export interface Memory {
  /** Octets that are asked for ahead. */
  readonly window: number;
  /** The largest message that is held in memory; octets. No message of this world is larger. */
  readonly limit: number;
  /** How many messages the destination may have that it has not committed yet. */
  readonly group: { readonly messages: number; readonly bytes: number };
  /** Each message has this many lines of 80 octets more. */
  readonly lines: number;
}

/** Many mailboxes, fetched by `fetchAll`. */
export interface Fleet {
  readonly mailboxes: readonly SimulatedMailbox[];
  /** The mailboxes of each process: numbers in `mailboxes`. */
  readonly targets: readonly (readonly number[])[];
  readonly maxSessions: number;
  readonly maxPerHost: number;
  /** How long a loop goes on; milliseconds. 0: it runs once over each mailbox. */
  readonly lasts: number;
}

/** `wide`: chances of their own, so that the worlds that are not wide stay as they were. */
export function scenarioOf(chance: Chance, wide: Chance): Scenario {
  const scenario = narrow(chance);
  return wide.happens(0.5) ? scenario : widened(scenario, wide);
}

function narrow(chance: Chance): Scenario {
  const deletes = chance.pick(["delivered", "delivered", "never", { afterDays: 0.02 }] as const);
  const pipelining = chance.happens(0.7);
  return {
    place: chance.pick(["Maildir", "Maildir", "eml", "eml", "mbox"]),
    policy: {
      delete: deletes,
      // No fault is to put a message into quarantine for good.
      tries: 1e9,
      retry: { first: "1 min", longest: "30 min" },
      poll: { shortest: "1 min", longest: "30 min" },
      order: chance.pick(["oldest", "newest"]),
      ...(chance.happens(0.3) ? { commitEvery: 1 + chance.below(4) } : {}),
      ...(chance.happens(0.3) ? { limits: { messages: 1 + chance.below(5) } } : {}),
    },
    server: {
      loginDelay: chance.happens(0.3) ? Math.round(chance.between(5, 600)) : 0,
      pipelining,
      broken: pipelining && chance.happens(0.3) ? chance.pick(["drops", "mixes"] as const) : undefined,
      top: chance.happens(0.8),
      locks: chance.happens(0.7),
      hides: chance.happens(0.25),
      wrongSizes: chance.happens(0.15) ? chance.below(200) - 100 : 0,
    },
    fetchers: chance.pick([1, 1, 1, 2, 2, 3]),
    messages: 1 + chance.below(9),
    duration: chance.between(5 * 60_000, 4 * 60 * 60_000),
    logs: chance.happens(0.2),
  };
}

/** Returns a message: short or long, with lines that have to be stuffed or quoted, and octets that are not ASCII. */
export function messageOf(chance: Chance, number: number): string {
  const lines = [
    `Message-ID: <${String(number)}@mail.test>`,
    ...(chance.happens(0.8)
      ? [`Subject: ${String(number)} ${String.fromCharCode(160 + chance.below(90))}`]
      : []),
    "",
  ];
  for (let count = chance.below(12); count > 0; count--)
    lines.push(
      chance.pick([
        ".",
        "..",
        "From here",
        ">From there",
        "",
        "+OK",
        "x".repeat(chance.below(200)),
        "long ".repeat(Math.floor(chance.between(1, 8000))),
      ]),
    );
  return lines.map((line) => `${line}\r\n`).join("");
}

export function mailboxesOf({ wide }: Scenario): readonly SimulatedMailbox[] {
  return wide?.fleet?.mailboxes ?? [ONE];
}
