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
}

const ledger = (...names: string[]): string[] => names.map((name) => `test/fetch/ledger/${name}.test.ts`);
const parse = (...names: string[]): string[] => names.map((name) => `test/parse/${name}.test.ts`);

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
  ledger: {
    sources: ["src/fetch/ledger/**/*.ts"],
    together: ["test/fetch/ledger/**/*.test.ts"],
    apart: ledger("held-files", "renaming"),
  },
  pool: {
    sources: ["src/pool/**/*.ts"],
    together: ["test/pool/**/*.test.ts"],
    apart: ["test/pool/{retry,use}.test.ts"],
  },
  headers: {
    sources: ["src/parse/{headers,fields,encoded-words,date-time,message-id}.ts"],
    together: parse("headers", "encoded-words", "date-time", "message-id"),
  },
};
