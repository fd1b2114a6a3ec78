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

/** What a ledger keeps, and how that is written: most of it without files. */
const RECORDS = sources("fetch/ledger", [
  ...["journal-line", "journal-contents", "journal-records", "journal-header", "ledger-error", "explained"],
  ...["file-name", "changes", "another-try", "memory-ledger", "renaming", "rehearsal", "open-options"],
]);
/** Who comes next, and which sessions are the same: without sockets. */
const TURNS = sources("pool", ["heap", "scheduler", "account", "copy", "fingerprint", "options"]);
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
      ...["journal-line", "journal-contents", "journal-header", "journal-formats", "ledger-error"],
      ...["rehearsal", "upkeep", "contract"],
    ),
    onlyByName: true,
  },
  ledger: {
    sources: ["src/fetch/ledger/**/*.ts", ...except(RECORDS)],
    together: ["test/fetch/ledger/**/*.test.ts"],
    apart: tests("fetch/ledger", "held-files", "renaming"),
    onlyByName: true,
  },
  turns: {
    sources: TURNS,
    together: tests("pool", "heap", "scheduler", "scheduler-random", "account", "options"),
    onlyByName: true,
  },
  pool: {
    sources: ["src/pool/**/*.ts", ...except(TURNS)],
    together: ["test/pool/**/*.test.ts"],
    apart: tests("pool", "retry", "use"),
    onlyByName: true,
  },
  headers: {
    sources: sources("parse", ["headers", "fields", "encoded-words", "date-time", "message-id"]),
    together: tests("parse", "headers", "encoded-words", "date-time", "message-id"),
    onlyByName: true,
  },
};
