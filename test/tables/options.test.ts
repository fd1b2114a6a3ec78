// Each option is documented, and each documented option exists.
import { describe, expect, test } from "vitest";
import { COMMANDS } from "../../src/cli/command-list.ts";
import { helpText } from "../../src/cli/help-text.ts";
import { firstColumn, numbersThatAreTimes, propertiesOf, sectionOf, stringsOf, textOf } from "./source.ts";

interface Options {
  readonly of: string;
  /** The interfaces, as folder and name. */
  readonly types: readonly (readonly [folder: string, name: string])[];
  readonly file: string;
  /** The heading above the table; `undefined`: the whole document. */
  readonly heading: string | undefined;
  /** The header of the first column, if other tables are below the heading. */
  readonly header?: string;
  /** Whether each option has a row of its own, and the table has no other rows. @default true */
  readonly isTable?: boolean;
}

const CLIENT = "src/options";
const POLICY = "src/fetch";

const OPTIONS: readonly Options[] = [
  {
    of: "the client",
    types: [[CLIENT, "Pop3ClientOptions"]],
    file: "docs/options.md",
    heading: "# Options",
    header: "option",
  },
  { of: "auth", types: [["src/options", "Pop3Auth"]], file: "docs/options.md", heading: "## `auth`" },
  { of: "timeouts", types: [[CLIENT, "Pop3Timeouts"]], file: "docs/options.md", heading: "## `timeouts`" },
  { of: "limits", types: [[CLIENT, "Pop3Limits"]], file: "docs/options.md", heading: "## `limits`" },
  {
    of: "pipelining",
    types: [[CLIENT, "Pop3Window"]],
    file: "docs/options.md",
    heading: "## `pipelining`",
    isTable: false,
  },
  {
    of: "auth.scram",
    types: [["src/auth", "ScramOptions"]],
    file: "docs/options.md",
    heading: "## `auth`",
    isTable: false,
  },
  {
    of: "a call",
    types: [
      ["src", "CallOptions"],
      ["src", "ResponseOptions"],
    ],
    file: "docs/commands.md",
    heading: "## Options of the calls",
    isTable: false,
  },
  {
    of: "the pool",
    types: [["src/pool", "Pop3PoolOptions"]],
    file: "docs/pool.md",
    heading: "# Many mailboxes: `Pop3Pool`",
    header: "option",
  },
  {
    of: "pool.use",
    types: [["src/pool", "UseOptions"]],
    file: "docs/pool.md",
    heading: "# Many mailboxes: `Pop3Pool`",
    isTable: false,
  },
  {
    of: "fetchMail",
    types: [["src/fetch", "FetchOptions"]],
    file: "docs/fetching.md",
    heading: "## One mailbox, many, or message by message",
    header: "option",
  },
  {
    of: "fetchAll and newMail",
    types: [
      ["src/fetch", "FetchAllOptions"],
      ["src/fetch", "NewMailOptions"],
    ],
    file: "docs/fetching.md",
    heading: "## One mailbox, many, or message by message",
    isTable: false,
  },
  {
    of: "a policy",
    types: [[POLICY, "FetchPolicy"]],
    file: "docs/fetching.md",
    heading: "## Policy",
  },
  {
    of: "delete, limits, retry and poll of a policy",
    types: ["DeleteWhen", "RunLimits", "RetryPauses", "PollPauses"].map((name) => [POLICY, name] as const),
    file: "docs/fetching.md",
    heading: "## Policy",
    isTable: false,
  },
  {
    of: "FileLedger",
    types: [["src/fetch", "FileLedgerOptions"]],
    file: "docs/fetching.md",
    heading: "## Ledgers",
    isTable: false,
  },
  {
    of: "PostgresStore",
    types: [["src/postgres", "PostgresStoreOptions"]],
    file: "docs/postgres.md",
    heading: "## The database",
  },
  {
    of: "deliver of PostgresStore",
    types: [["src/postgres", "PostgresDeliverOptions"]],
    file: "docs/postgres.md",
    heading: "## The handler",
    isTable: false,
  },
  {
    of: "createFetchWorker",
    types: [["src/bullmq", "FetchWorkerOptions"]],
    file: "docs/fleet.md",
    heading: "### The worker",
  },
  {
    of: "an account of a fleet",
    types: [["src/bullmq", "FleetAccount"]],
    file: "docs/fleet.md",
    heading: "### The accounts",
  },
  {
    of: "Fleet",
    types: [["src/bullmq", "FleetOptions"]],
    file: "docs/fleet.md",
    heading: "### The application",
    isTable: false,
  },
  {
    of: "RedisLedger",
    types: [["src/redis", "RedisLedgerOptions"]],
    file: "docs/redis.md",
    heading: "## `RedisLedger`",
  },
  {
    of: "RedisPlaces",
    types: [["src/redis", "RedisPlacesOptions"]],
    file: "docs/redis.md",
    heading: "## `RedisPlaces`",
  },
  {
    of: "SqliteStore",
    types: [["src/sqlite", "SqliteStoreOptions"]],
    file: "docs/sqlite.md",
    heading: "## The database",
  },
  {
    of: "deliver of SqliteStore",
    types: [["src/sqlite", "SqliteDeliverOptions"]],
    file: "docs/sqlite.md",
    heading: "## The handler",
    isTable: false,
  },
  ...(
    [
      ["Maildir"],
      ["EmlFolder"],
      ["Mbox"],
      ["Command"],
      ["ImapAppend"],
      ["Webhook"],
      ["Function", "## A function"],
    ] as const
  ).map(([name, heading = `## ${name}`]): Options => ({
    of: name,
    types: [["src/fetch/destinations", `${name}Options`]],
    file: "docs/destinations.md",
    heading,
    isTable: false,
  })),
  {
    of: "Lmtp",
    types: [["src/fetch/destinations/lmtp", "LmtpOptions"]],
    file: "docs/destinations.md",
    heading: "## Lmtp",
    isTable: false,
  },
  {
    of: "GmailImport",
    types: [["src/fetch/destinations/gmail", "GmailImportOptions"]],
    file: "docs/destinations.md",
    heading: "## GmailImport",
    header: "option",
  },
  {
    of: "verifyWebhook",
    types: [["src/fetch", "VerifyWebhookOptions"]],
    file: "docs/destinations.md",
    heading: "### Receiving",
    isTable: false,
  },
  ...(
    [
      ["Pop3Trace", "### `popwright:command`"],
      ["Pop3PoolTrace", "### `popwright:pool`"],
      ["Pop3FetchTrace", "### `popwright:fetch`"],
      ["Pop3MessageTrace", "### `popwright:message`"],
      ["Pop3MalformedTrace", "### `popwright:malformed`"],
    ] as const
  ).map(([name, heading]): Options => ({
    of: name,
    types: [["src", name]],
    file: "docs/observability.md",
    heading,
    header: "field",
  })),
  {
    of: "popwright/node-pop3",
    types: [["src/node-pop3", "NodePop3Options"]],
    file: "docs/migration.md",
    heading: "### Without changing the program",
    isTable: false,
  },
  {
    of: "refreshedToken",
    types: [["src/oauth2", "RefreshedTokenOptions"]],
    file: "docs/oauth2.md",
    heading: "## Refresh tokens",
  },
  ...(
    [
      ["ClientCredentials", "## Applications"],
      ["TokenRequest", "## One request"],
    ] as const
  ).map(([name, heading]): Options => ({
    of: name,
    types: [["src/oauth2", `${name}Options`]],
    file: "docs/oauth2.md",
    heading,
    isTable: false,
  })),
  {
    of: "Pop3Server",
    types: [["src/testing", "Pop3ServerOptions"]],
    file: "docs/testing.md",
    heading: "# `popwright/testing`",
    header: "option",
  },
  {
    of: "a user of Pop3Server",
    types: [["src/testing", "Pop3ServerUser"]],
    file: "docs/testing.md",
    heading: "# `popwright/testing`",
    isTable: false,
  },
  {
    of: "a fault",
    types: [["src/testing", "Fault"]],
    file: "docs/testing.md",
    heading: "## Faults",
    header: "property",
  },
  {
    of: "Pop3Server.replay",
    types: [["src/testing", "ReplayOptions"]],
    file: "docs/testing.md",
    heading: "## Replaying a session",
    header: "option",
  },
  {
    of: "ledgerContract",
    types: [["src/testing", "LedgerContractOptions"]],
    file: "docs/your-own.md",
    heading: "### Options of `ledgerContract`",
  },
  {
    of: "destinationContract",
    types: [["src/testing", "DestinationContractOptions"]],
    file: "docs/your-own.md",
    heading: "### Options of `destinationContract`",
  },
  {
    of: "scram and digestMd5 of Pop3Server",
    types: [
      ["src/testing", "ScramServerOptions"],
      ["src/testing", "DigestMd5ServerOptions"],
    ],
    file: "docs/testing.md",
    heading: "## Logins",
    isTable: false,
  },
];

/** The words in code font or in a block of code. */
function wordsInCode(text: string): Set<string> {
  const code = Array.from(text.matchAll(/^```[^]*?^```$|`[^`]+`/gm), ([found]) => found);
  return new Set(code.flatMap((each) => each.match(/\w+/g) ?? []));
}

describe.each(OPTIONS)("the options of $of", ({ types, file, heading, header, isTable = true }) => {
  const names = types.flatMap(([folder, name]) => propertiesOf(folder, name));
  const documented = (): readonly string[] =>
    isTable
      ? firstColumn(file, heading, header).filter((code) => /^\w+$/.test(code))
      : [...wordsInCode(sectionOf(file, heading))];
  const place = `${heading === undefined ? "" : `"${heading}" in `}${file}`;

  test("are documented", () => {
    const known = documented();
    expect(
      names
        .filter((name) => !known.includes(name))
        .map((name) => `${name} is not documented: add it to ${place}`),
    ).toEqual([]);
  });

  if (isTable)
    test("are all that the documentation names", () => {
      expect(
        documented()
          .filter((name) => !names.includes(name))
          .map((name) => `there is no option ${name}: correct ${place}`),
      ).toEqual([]);
    });
});

describe.each(COMMANDS.map((command) => [command.name, command] as const))(
  "popwright %s",
  (name, { options, help }) => {
    test("has each option in its help", () => {
      // Without the examples, which explain nothing.
      const explained = helpText({
        ...help,
        sections: help.sections.filter(({ commands }) => commands === undefined),
      });
      const inHelp = new Set(Array.from(explained.matchAll(/--([a-z-]+)/g), ([, option]) => option));
      expect(
        Object.keys(options)
          .filter((option) => !inHelp.has(option))
          .map(
            (option) => `the help of ${name} does not explain --${option}: add it to the help in src/cli/`,
          ),
      ).toEqual([]);
      const common = ["config", "help", "login", "version"];
      expect(
        [...inHelp]
          .filter((option) => option !== undefined && !(option in options) && !common.includes(option))
          .map((option) => `the help of ${name} explains --${String(option)}, which it does not take`),
      ).toEqual([]);
    });

    test("has each option in docs/command-line.md", () => {
      const text = textOf("docs/command-line.md");
      expect(
        Object.keys(options)
          .filter((option) => !new RegExp(`--${option}\\b`).test(text))
          .map((option) => `--${option} is not documented: add it to docs/command-line.md`),
      ).toEqual([]);
    });
  },
);

test("the keys of the configuration file are documented, and no others", () => {
  const source = "src/cli/fetch/configuration.ts";
  const file = "docs/command-line.md";
  const documented = firstColumn(file, "### The configuration file");
  const keys = stringsOf(source, "TOP", "ACCOUNT");
  expect(
    keys
      .filter((key) => !documented.includes(key))
      .map((key) => `${key} is not documented: add it to ${file}`),
  ).toEqual([]);
  expect(
    documented.filter((key) => !keys.includes(key)).map((key) => `there is no key ${key}: correct ${file}`),
  ).toEqual([]);
  const words = wordsInCode(sectionOf(file, "### The configuration file"));
  expect(
    propertiesOf(POLICY, "FetchPolicy")
      .filter((name) => !words.has(name))
      .map((name) => `${name} of a policy is not documented: add it to the key "policy" in ${file}`),
  ).toEqual([]);
});

test("an option that is a time is a Duration, so it takes a text with a unit", () => {
  // node-pop3 has only numbers.
  expect(numbersThatAreTimes(/Options$|Timeouts$|Limits$|Pauses$|^Fault$/)).toEqual([
    "src/node-pop3/options.ts: timeout",
  ]);
});
