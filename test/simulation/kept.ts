// Worlds in which a promise was broken once, with the fewest faults that this takes. Each has the change of the sources
// that brings the failure back, so a test can show that the world still comes to that place.
import type { Patch } from "./bugs.ts";
import { PLAIN, type Scenario } from "./scenario.ts";
import type { Promised } from "./violation.ts";

export interface KeptWorld {
  /** What was wrong. */
  readonly name: string;
  /** What differs from a plain world, see `PLAIN`. */
  readonly scenario: Partial<Scenario>;
  /** All of its faults, by their names. */
  readonly faults: readonly string[];
  readonly promised: Promised;
  /** Brings the failure back. */
  readonly undo: readonly Patch[];
}

export const KEPT: readonly KeptWorld[] = [
  {
    name: "a run appended to a journal whose name was not durable",
    scenario: {},
    faults: ["sync fails@fsync directory of the ledger#1"],
    promised: "the first run is noted before mail is retrieved",
    undo: [
      {
        file: "src/fetch/ledger/journal.ts",
        find: "must not append to it.\n        this.#lock.leavesFile = true;",
        by: "must not append to it.",
      },
    ],
  },
  {
    name: "a refusal in the middle of a message counted as mail",
    scenario: {
      place: "eml",
      messages: 4,
      server: { ...PLAIN.server, broken: "mixes" },
    },
    faults: ["retr refused@RETR#2"],
    promised: "a message under its name is complete",
    undo: [
      {
        file: "src/protocol/mixed-replies.ts",
        find: "return [...this.#lengths].some((length) => this.isExpected(this.#octets - length));",
        by: "return false;",
      },
      {
        file: "src/fetch/run/delivery.ts",
        find: "if (!isWhole) await context.ensureWhole();",
        by: "",
      },
    ],
  },
  {
    name: "a server that announces too small sizes filled the memory while the destination was slow",
    scenario: {
      place: "function",
      messages: 8,
      server: { ...PLAIN.server, wrongSizes: -1e9 },
      wide: {
        repeatedUids: 0,
        memory: {
          window: 4096,
          limit: 1_300_000,
          group: { messages: 1, bytes: 65_536 },
          lines: 10_000,
        },
      },
    },
    faults: ["delivery hangs@write#1"],
    promised: "memory stays within its bounds",
    undo: [
      {
        file: "src/session/reception.ts",
        find: " && this.#options.mayExceed?.() !== false",
        by: "",
      },
      // Otherwise the wrong size alone ends the session that has asked for more.
      {
        file: "src/fetch/run/delivery.ts",
        find: "if (!isWhole) await context.ensureWhole();",
        by: "",
      },
    ],
  },
  {
    name: "mail that the first run had left out was fetched when all unique-ids had changed",
    scenario: {
      messages: 10,
      policy: {
        ...PLAIN.policy,
        delete: "never",
        firstRun: { newest: 1 },
        uidsChanged: "match",
      },
      server: { ...PLAIN.server, uidsChangeFor: "good" },
    },
    faults: [],
    promised: "what the first run leaves out is never fetched and never deleted",
    undo: [
      {
        file: "src/fetch/run/uid-reset.ts",
        find: "const old = matchedOld(listing, expected, new Set(known.entries.map(({ id }) => id)));",
        by: "const old = { entries: [], forgotten: [] };",
      },
    ],
  },
  {
    name: "a message in an mbox whose sync had failed counted as durable, because it could be read",
    scenario: { place: "mbox", messages: 2 },
    faults: ["sync fails@fsync mbox#1", "kill@fsync mbox#1"],
    promised: "nothing is deleted that was not durable before",
    undo: [
      {
        file: "src/fetch/destinations/mbox-take-back.ts",
        find: "    else await rewrite(file, noted);\n",
        by: "",
      },
    ],
  },
  {
    name: "a record that a killed process could not sync counted as durable, after a run that could not replace the journal",
    scenario: {},
    faults: ["kill@write journal#1", "sync fails@fsync new journal#2"],
    promised: "the first run is noted before mail is retrieved",
    undo: [
      {
        file: "src/fetch/ledger/file-mailbox.ts",
        find: "    if (this.#mustRecord) await this.#record({ state: this.#current });\n    const entries",
        by: "    const entries",
      },
    ],
  },
  {
    name: "a delivered message without a unique-id of its own stayed at the server until a clock that was set back had caught up",
    scenario: { messages: 9, wide: { repeatedUids: 0.9 } },
    faults: ["quit without effect@QUIT#1", "quit without effect@QUIT#2", "clock jump@link lock#3"],
    promised: "the server has what the policy leaves there",
    undo: [
      {
        file: "src/fetch/run/tally.ts",
        find: "Math.min(planned?.firstSeen ?? before?.firstSeen ?? now, now)",
        by: "planned?.firstSeen ?? before?.firstSeen ?? now",
      },
    ],
  },
  {
    name: "a message that the first run had left out was fetched when another one with its unique-id had been deleted",
    scenario: {
      messages: 7,
      policy: { ...PLAIN.policy, firstRun: { newest: 2 } },
      wide: { repeatedUids: 0.3 },
    },
    faults: [],
    promised: "what the first run leaves out is never fetched and never deleted",
    undo: [
      {
        file: "src/fetch/plan/decide.ts",
        find: "  if (contentSizes.has(size)) return byContent(message, entry, surroundings, uid);\n",
        by: "",
      },
    ],
  },
  {
    name: "old mail without unique-ids of its own was fetched, because the limits of the first run left it for the next one",
    scenario: {
      messages: 9,
      policy: { ...PLAIN.policy, firstRun: { newest: 2 }, order: "newest", limits: { messages: 1 } },
      wide: { repeatedUids: 0.3 },
    },
    faults: [],
    promised: "what the first run leaves out is never fetched and never deleted",
    undo: [
      {
        file: "src/fetch/run/tally.ts",
        find: "this.#unseen = left > 0 ? Infinity : ",
        by: "this.#unseen = ",
      },
    ],
  },
];
