// The layers of src/ hold, and each rule that checks them can fail.
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "../..");
const config = join(root, ".dependency-cruiser.cjs");
const cruise = join(root, "node_modules/dependency-cruiser/bin/dependency-cruise.mjs");

interface Report {
  readonly summary: {
    readonly violations: readonly {
      readonly rule: { readonly name: string };
      readonly from: string;
      readonly to: string;
    }[];
    readonly totalCruised: number;
  };
}

/** Gives what the rules forbid in a directory's src/ and examples/, as `rule: from -> to`. */
async function violations(directory: string): Promise<string[]> {
  // With this reporter the exit code is 0, whatever is found.
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [cruise, "--config", config, "--output-type", "json", "src", "examples"],
    { cwd: directory, maxBuffer: Infinity },
  );
  const { summary } = JSON.parse(stdout) as Report;
  expect(summary.totalCruised).toBeGreaterThan(10);
  return summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${place(to)}`);
}

/** A package counts as a whole, wherever it lies. */
const place = (path: string): string => path.replace(/^.*(node_modules\/[^/]+).*$/, "$1");

test("src/ and examples/ violate no rule", async () => {
  expect(await violations(root)).toEqual([]);
});

/** For each rule an import that breaks it, and no other: rule, file, statement, what the statement reaches. */
const broken: readonly (readonly [rule: string, from: string, statement: string, to: string])[] = [
  ["no-way-up-from-node-pop3", "src/node-pop3/sasl.ts", 'import "../cli/main.ts";', "src/cli/main.ts"],
  ["no-way-up-from-bullmq", "src/bullmq/worker.ts", 'import "../cli/main.ts";', "src/cli/main.ts"],
  ["no-way-up-from-stores", "src/sqlite/store.ts", 'import "../cli/main.ts";', "src/cli/main.ts"],
  ["no-way-up-from-store", "src/store/text.ts", 'import "../sqlite/options.ts";', "src/sqlite/options.ts"],
  ["no-way-up-from-fetch", "src/fetch/run/run.ts", 'import "../../cli/main.ts";', "src/cli/main.ts"],
  ["no-way-up-from-index", "src/index.ts", 'import "./fetch/options.ts";', "src/fetch/options.ts"],
  ["no-way-up-from-pool", "src/pool/pool.ts", 'import "../index.ts";', "src/index.ts"],
  ["no-way-up-from-client", "src/client.ts", 'import "./pool/scheduler.ts";', "src/pool/scheduler.ts"],
  ["no-way-up-from-session", "src/session/login.ts", 'import "../client.ts";', "src/client.ts"],
  ["no-way-up-from-advice", "src/advice/explain.ts", 'import "../session/login.ts";', "src/session/login.ts"],
  ["no-way-up-from-options", "src/options/url.ts", 'import "../session/sasl.ts";', "src/session/sasl.ts"],
  ["no-way-up-from-net", "src/net/dial.ts", 'import "../options/auth.ts";', "src/options/auth.ts"],
  ["no-way-up-from-retry", "src/retry.ts", 'import "./net/dial.ts";', "src/net/dial.ts"],
  ["no-way-up-from-protocol-and-auth", "src/auth/plain.ts", 'import "../net/proxy.ts";', "src/net/proxy.ts"],
  ["no-way-up-from-errors", "src/errors.ts", 'import "./protocol/reply.ts";', "src/protocol/reply.ts"],
  ["no-way-up-from-system", "src/system/random.ts", 'import "../errors.ts";', "src/errors.ts"],
  ["every-file-in-a-layer", "src/other/file.ts", 'import "../fetch/options.ts";', "src/fetch/options.ts"],
  ["cli-uses-the-entries", "src/cli/run.ts", 'import "../pool/pool.ts";', "src/pool/pool.ts"],
  [
    "testing-uses-protocol-and-errors",
    "src/testing/index.ts",
    'import "../net/proxy.ts";',
    "src/net/proxy.ts",
  ],
  [
    "testing-knows-fetch-by-its-types",
    "src/testing/contracts/case.ts",
    'import "../../fetch/ledger/ledger.ts";',
    "src/fetch/ledger/ledger.ts",
  ],
  [
    "mechanisms-of-testing-know-no-server",
    "src/testing/mechanisms/plain.ts",
    'import "../offer.ts";',
    "src/testing/offer.ts",
  ],
  [
    "parse-uses-errors-and-checks",
    "src/parse/index.ts",
    'import "../protocol/reply.ts";',
    "src/protocol/reply.ts",
  ],
  ["oauth2-uses-errors-and-checks", "src/oauth2/index.ts", 'import "../net/proxy.ts";', "src/net/proxy.ts"],
  ["node-pop3-uses-the-client", "src/node-pop3/text.ts", 'import "../net/proxy.ts";', "src/net/proxy.ts"],
  [
    "nothing-uses-the-other-entries",
    "src/fetch/many.ts",
    'import "../parse/index.ts";',
    "src/parse/index.ts",
  ],
  [
    "protocol-and-auth-are-pure",
    "src/protocol/reader.ts",
    'import "node:timers/promises";',
    "timers/promises",
  ],
  [
    "protocol-and-auth-know-no-clock",
    "src/protocol/reply.ts",
    'import "../system/clock.ts";',
    "src/system/clock.ts",
  ],
  ["fetch-plan-is-pure", "src/fetch/plan/plan.ts", 'import "node:child_process";', "child_process"],
  [
    "fetch-plan-uses-values",
    "src/fetch/plan/policy.ts",
    'import "../ledger/journal.ts";',
    "src/fetch/ledger/journal.ts",
  ],
  [
    "ledger-and-destinations-know-no-run",
    "src/fetch/ledger/changes.ts",
    'import "../run/delivery.ts";',
    "src/fetch/run/delivery.ts",
  ],
  [
    "stores-know-no-other-store",
    "src/postgres/table.ts",
    'import "../sqlite/options.ts";',
    "src/sqlite/options.ts",
  ],
  [
    "fetch-files-know-no-mail",
    "src/fetch/files/lock.ts",
    'import "../destinations/places.ts";',
    "src/fetch/destinations/places.ts",
  ],
  ["protocol-needs-no-package", "src/protocol/lines.ts", 'import "debug";', "node_modules/debug"],
  ["sockets-in-net-and-testing", "src/options/client.ts", 'import "node:dns/promises";', "dns/promises"],
  ["files-in-fetch-files", "src/fetch/ledger/journal.ts", 'import "node:fs/promises";', "fs/promises"],
  ["no-undeclared-package", "src/cli/main.ts", 'await import("publint");', "node_modules/publint"],
  ["packages-are-loaded-late", "src/parse/headers.ts", 'import "mailparser";', "node_modules/mailparser"],
  ["nothing-outside-src", "src/cli/list.ts", 'import "../../test/server.ts";', "test/server.ts"],
  [
    "examples-use-the-entries",
    "examples/demo.ts",
    'import "../src/options/client.ts";',
    "src/options/client.ts",
  ],
  ["no-cycles", "src/net/deadline-timer.ts", 'import "./deadline-timer.ts";', "src/net/deadline-timer.ts"],
  ["no-missing-files", "src/net/proxy.ts", 'import "./socks.ts";', "./socks.ts"],
];

test("each rule reports an import that violates it", async () => {
  const { forbidden } = createRequire(import.meta.url)(config) as { forbidden: { name: string }[] };
  expect(broken.map(([rule]) => rule)).toEqual(forbidden.map(({ name }) => name));

  const directory = await mkdtemp(join(tmpdir(), "popwright-layers-"));
  try {
    for (const name of ["package.json", "tsconfig.json"]) await cp(join(root, name), join(directory, name));
    await symlink(join(root, "node_modules"), join(directory, "node_modules"));
    const files = new Map(broken.map(([, , , to]) => [to, "export {};\n"]));
    for (const [, from, statement] of broken) files.set(from, `${statement}\nexport {};\n`);
    for (const [name, content] of files) {
      if (!/^(src|test|examples)\//.test(name)) continue;
      await mkdir(dirname(join(directory, name)), { recursive: true });
      await writeFile(join(directory, name), content);
    }
    const expected = broken.map(([rule, from, , to]) => `${rule}: ${from} -> ${to}`);
    expect((await violations(directory)).sort()).toEqual(expected.sort());
  } finally {
    await rm(directory, { recursive: true });
  }
});
