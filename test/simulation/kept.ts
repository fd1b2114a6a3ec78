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
    promised: "DELE is sent only for what the ledger keeps",
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
      messages: 3,
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
    ],
  },
];
