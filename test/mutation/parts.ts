// The parts of `npm run test:mutation`: what is changed in one run, and the tests that have to notice. Few tests for
// each part, and fast ones: they run again for each change.
import { MOCKING_AUTH } from "../../vitest.config.ts";

export interface Part {
  /** The sources that are changed. */
  readonly sources: readonly string[];
  /** The tests that share a process. */
  readonly together: readonly string[];
  /** The tests that replace modules, or break what a process remembers: each file has its own process. */
  readonly apart?: readonly string[];
  /** Runs only if it is named: its survivors have not all been looked at. */
  readonly onlyByName?: true;
}

/** Files of a folder, by their names. */
const sources = (folder: string, names: readonly string[]): string[] =>
  names.map((name) => `src/${folder}/${name}.ts`);
const tests = (folder: string, ...names: readonly string[]): string[] =>
  names.map((name) => `test/${folder}/${name}.test.ts`);

/** How a ledger is written: without files. */
const RECORDS = sources("fetch/ledger", [
  ...["journal-line", "journal-contents", "journal-records", "journal-header", "ledger-error", "explained"],
  ...["file-name", "changes"],
]);
/** What every ledger does, in memory or in files. */
const MEMORY = sources("fetch/ledger", [
  ...["another-try", "memory-ledger", "renaming", "rehearsal", "open-options"],
]);
/** The files of a mailbox. */
const JOURNAL = sources("fetch/ledger", ["journal", "journal-mark", "state-file", "file-reading"]);
/** Who comes next: without sockets. */
const TURNS = sources("pool", ["heap", "scheduler", "options"]);
/** Which sessions are the same. */
const ACCOUNTS = sources("pool", ["account", "copy", "fingerprint"]);
const except = (files: readonly string[]): string[] => files.map((file) => `!${file}`);

export const PARTS: Readonly<Record<string, Part>> = {
  protocol: {
    sources: ["src/protocol/**/*.ts"],
    together: ["test/{protocol,auth}/**/*.test.ts"],
    apart: MOCKING_AUTH,
  },
  auth: {
    sources: ["src/auth/**/*.ts"],
    together: ["test/{protocol,auth}/**/*.test.ts"],
    apart: MOCKING_AUTH,
  },
  plan: {
    sources: ["src/fetch/plan/**/*.ts"],
    together: ["test/fetch/plan/**/*.test.ts"],
  },
  records: {
    sources: RECORDS,
    together: tests(
      "fetch/ledger",
      ...[
        "file-name",
        "journal-line",
        "journal-contents",
        "journal-header",
        "journal-formats",
        "ledger-error",
      ],
    ),
  },
  memory: {
    sources: MEMORY,
    together: tests("fetch/ledger", "rehearsal", "upkeep", "contract"),
    onlyByName: true,
  },
  journal: {
    sources: JOURNAL,
    together: tests(
      "fetch/ledger",
      ...["journal", "journal-mark", "state-file", "file-ledger", "fences", "foreign-files"],
      ...["replaced-journal", "lost-lease", "upkeep"],
    ),
    onlyByName: true,
  },
  ledger: {
    sources: ["src/fetch/ledger/**/*.ts", ...except([...RECORDS, ...MEMORY, ...JOURNAL])],
    together: tests(
      "fetch/ledger",
      ...["file-ledger", "upkeep", "fences", "state-file", "foreign-files", "ledger-directory"],
      ...["lost-lease", "replaced-journal", "journal"],
    ),
    apart: tests("fetch/ledger", "held-files", "renaming"),
    onlyByName: true,
  },
  turns: {
    sources: TURNS,
    together: tests("pool", "heap", "scheduler", "scheduler-random", "options"),
    onlyByName: true,
  },
  accounts: {
    sources: ACCOUNTS,
    together: tests("pool", "account"),
  },
  pool: {
    sources: ["src/pool/**/*.ts", ...except([...TURNS, ...ACCOUNTS])],
    together: tests(
      "pool",
      ...["abort", "close", "listeners", "log", "places", "reuse", "statistics", "retry", "use"],
    ),
    apart: tests("pool", "retry", "use"),
    onlyByName: true,
  },
  headers: {
    sources: sources("parse", ["headers", "fields", "message-id"]),
    together: tests("parse", "headers", "message-id"),
  },
  words: {
    sources: sources("parse", ["encoded-words"]),
    together: tests("parse", "encoded-words"),
    onlyByName: true,
  },
  dates: {
    sources: sources("parse", ["date-time"]),
    together: tests("parse", "date-time"),
  },
};
