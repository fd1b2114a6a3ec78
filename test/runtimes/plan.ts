// Which tests run where. Without `--ci` nearly all of them run everywhere; with it, what depends on the runtime most, as far
// as seven minutes on two processors go.
import type { RuntimeName } from "./binaries.ts";

export interface Suite {
  /** The script of package.json that runs it on the current Node. */
  readonly name: "test" | "test:programs" | "test:hostile" | "test:sqlite" | "test:endurance";
  readonly config: string;
  /** Only files whose path has one of these in it; none: all of them. */
  readonly only: readonly string[];
}

const NPM_TEST = { name: "test", config: "vitest.alone.config.ts" } as const;
const PROGRAMS_TEST = { name: "test:programs", config: "vitest.programs.config.ts" } as const;
const HOSTILE = { name: "test:hostile", config: "vitest.hostile.config.ts" } as const;

/** Where there is node:sqlite. */
const SQLITE: Suite = { name: "test:sqlite", config: "vitest.sqlite.config.ts", only: [] };

const ENDURANCE = { name: "test:endurance", config: "vitest.endurance.config.ts" } as const;

const SESSIONS: readonly Suite[] = [
  { ...NPM_TEST, only: ["test/client/", "test/net/", "test/testing/", "test/faults/"] },
  { ...HOSTILE, only: [] },
];
const CLIENT: readonly Suite[] = [{ ...NPM_TEST, only: ["test/client/", "test/net/"] }];

/** Pool, fetching and command line were not looked at there. */
const WITHOUT_FETCHING = [
  "auth",
  "client",
  "docs",
  "faults",
  "net",
  "node-pop3",
  "oauth2",
  "parse",
  "protocol",
  "testing",
].map((room) => `test/${room}/`);

/** Of the endurance tests what kills processes, and needs neither Dovecot nor a disk of its own. */
const KILLED: Suite = {
  ...ENDURANCE,
  only: ["crash", "destinations", "ledger"].map((name) => `endurance/${name}.test.ts`),
};

/** What the shorter list for Windows has, too. */
const PROGRAMS = [
  ...["commands", "fetch", "process"].map((name) => `test/cli/${name}.test.ts`),
  "test/fetch/fetch-mail.test.ts",
];

/**
 * What touches files and processes: the rest does not depend on the platform. Not destinations.test.ts: the contracts
 * start hundreds of programs, which takes ten minutes under Wine.
 */
const WINDOWS: readonly Suite[] = [
  {
    ...NPM_TEST,
    only: [
      ...PROGRAMS,
      ...["eml-folder", "group", "maildir", "mbox", "spool-file", "windows-path"].map(
        (name) => `test/fetch/destinations/${name}`,
      ),
      "test/fetch/ledger/",
    ],
  },
  KILLED,
];
const FILES: readonly Suite[] = [
  {
    ...NPM_TEST,
    only: [
      ...PROGRAMS,
      ...["eml-folder", "group", "maildir", "mbox", "spool-file", "windows-path"].map(
        (name) => `test/fetch/destinations/${name}.test.ts`,
      ),
      // Not contract.test.ts and what waits for files that another program holds.
      ...["file-ledger", "journal", "lock", "state-file"].map((name) => `test/fetch/ledger/${name}.test.ts`),
    ],
  },
  { ...KILLED, only: ["endurance/destinations.test.ts", "endurance/ledger.test.ts"] },
];

const CI: Readonly<Record<RuntimeName, readonly Suite[]>> = {
  node22: [...CLIENT, SQLITE],
  node24: [],
  node26: [...SESSIONS, SQLITE],
  bun: CLIENT,
  deno: CLIENT,
  windows: FILES,
};

export function suitesFor(name: RuntimeName, ci: boolean): readonly Suite[] {
  if (ci) return CI[name];
  if (name === "windows") return WINDOWS;
  return [
    { ...NPM_TEST, only: name === "deno" ? WITHOUT_FETCHING : [] },
    { ...PROGRAMS_TEST, only: name === "deno" ? WITHOUT_FETCHING : [] },
    { ...HOSTILE, only: [] },
    ...(name.startsWith("node") ? [SQLITE] : []),
  ];
}
