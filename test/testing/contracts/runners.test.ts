// The cases of a contract run under node:test, under Vitest, and under a runner that has neither a context nor a way to
// skip a test. A case that is not run says so in each.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { ledgerContract, type ContractCase } from "../../../src/testing/index.ts";
import { cases } from "./runners/cases.ts";
import type { LedgerFlaw } from "./store-ledger.ts";

const root = join(import.meta.dirname, "../../..");
const runners = join(import.meta.dirname, "runners");
const tsx = pathToFileURL(join(root, "node_modules/tsx/dist/esm/index.mjs")).href;

/** What a runner says of a test. */
interface Result {
  readonly name: string;
  readonly status: "passed" | "failed" | "skipped";
  readonly message: string;
}

interface Ended {
  readonly code: number | null;
  readonly results: readonly Result[];
}

async function run(
  args: readonly string[],
  flaw: LedgerFlaw | "",
  read: (output: string) => readonly Result[],
): Promise<Ended> {
  const env: NodeJS.ProcessEnv = { ...process.env, NO_COLOR: "1" };
  // Inside another test runner, node:test reports in a form of its own, and Vitest behaves as a worker.
  for (const name of Object.keys(env))
    if (/^(?:VITEST|NODE_TEST_CONTEXT|NODE_OPTIONS|TEST$|NODE_ENV$)/.test(name))
      Reflect.deleteProperty(env, name);
  if (flaw !== "") env["CONTRACT_FLAW"] = flaw;
  const child = spawn(process.execPath, args, { cwd: root, env, stdio: ["ignore", "pipe", "inherit"] });
  const [output, [code]] = await Promise.all([
    text(child.stdout),
    once(child, "close") as Promise<[number | null]>,
  ]);
  return { code, results: read(output) };
}

/** Lines such as `not ok 3 - name # SKIP reason`, and the message in the lines after one that has failed. */
function readTap(output: string): Result[] {
  return [...output.matchAll(/^(not )?ok \d+ - (.*?)(?: # SKIP(.*))?$([^]*?)^ {2}\.\.\.$/gm)].map(
    ([, not, name = "", skipped, details = ""]): Result => ({
      name: name.replaceAll("\\#", "#"),
      status: skipped !== undefined ? "skipped" : not === undefined ? "passed" : "failed",
      message: skipped?.trim() ?? details,
    }),
  );
}

interface VitestReport {
  readonly testResults: readonly {
    readonly assertionResults: readonly {
      readonly title: string;
      readonly status: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

function readJson(output: string): Result[] {
  const { testResults } = JSON.parse(output) as VitestReport;
  return testResults.flatMap(({ assertionResults }) =>
    assertionResults.map(({ title, status, failureMessages }) => ({
      name: title,
      status: status === "passed" || status === "failed" ? status : "skipped",
      message: failureMessages.join("\n"),
    })),
  );
}

/** As Jest: a function with a parameter is given a callback, which must be called. */
async function runLikeJest(each: ContractCase): Promise<Result> {
  const { name, run: body } = each;
  if (body.length > 0) throw new Error(`${name} takes a callback and returns a promise`);
  try {
    await body();
    return { name, status: "passed", message: "" };
  } catch (error) {
    return { name, status: "failed", message: (error as Error).message };
  }
}

const RUNNERS: Readonly<Record<string, (flaw: LedgerFlaw | "") => Promise<Ended>>> = {
  "node:test": (flaw) =>
    run(
      ["--import", tsx, "--test", "--test-reporter=tap", join(runners, "with-node-test.ts")],
      flaw,
      readTap,
    ),
  Vitest: (flaw) =>
    run(
      [
        join(root, "node_modules/vitest/vitest.mjs"),
        ...["run", `--config=${join(runners, "vitest.config.ts")}`, "--reporter=json"],
      ],
      flaw,
      readJson,
    ),
};

const names = cases.map(({ name }) => name);
const notRun = cases.filter((each) => each.notRun !== undefined).map(({ name }) => name);

describe.each(Object.entries(RUNNERS))("%s", (_runner, start) => {
  test("runs each case, and skips those that need what was not given", async () => {
    const { code, results } = await start("");
    expect(results.map(({ name }) => name)).toEqual(names);
    expect(results.filter(({ status }) => status === "failed")).toEqual([]);
    expect(results.filter(({ status }) => status === "skipped").map(({ name }) => name)).toEqual(notRun);
    expect(code).toBe(0);
  });

  test("shows which promise is broken, and how", async () => {
    const { code, results } = await start("close forgets its changes");
    const failed = results.filter(({ status }) => status === "failed");
    const name = "close(changes) records the changes, and then releases the mailbox";
    expect(failed.map((each) => each.name)).toContain(name);
    expect(failed.find((each) => each.name === name)?.message).toContain(
      `Broken promise: ${name}. How: after close(changes), the next open() gives no entry "a"`,
    );
    expect(code).toBe(1);
  });
});

test("a runner that passes nothing to a test runs each case", async () => {
  const results = [];
  for (const each of cases) results.push(await runLikeJest(each));
  expect(results.map(({ name }) => name)).toEqual(names);
  expect(results.filter(({ status }) => status !== "passed")).toEqual([]);
});

test("a case that is not run says what it needs, in its name and in the reason of the skipped test", async () => {
  expect(notRun.length).toBeGreaterThan(5);
  for (const each of cases.filter(({ name }) => notRun.includes(name))) {
    expect(each.name).toMatch(/^[a-z].* \(not run: give the option \w+(?: and \w+)*\)$/);
    expect(each.name).toContain(`(not run: ${each.notRun ?? ""})`);
    const reasons: unknown[] = [];
    await each.run({ skip: (reason) => reasons.push(reason) });
    expect(reasons).toEqual([`not run: ${each.notRun ?? ""}`]);
  }
});

test("a case about a method that the ledger does not have is skipped when it runs", async () => {
  const bare = {
    open: () => Promise.reject(new Error("not used")),
    read: () => Promise.reject(new Error("not used")),
  };
  const optional = ledgerContract(() => bare).filter(({ name }) => name.includes("if the ledger has it"));
  expect(optional.length).toBe(5);
  for (const each of optional) {
    const reasons: unknown[] = [];
    await each.run({ skip: (reason) => reasons.push(reason) });
    expect(reasons).toEqual([
      expect.stringMatching(/^not run: the ledger has no (?:mailboxes|delete|rename)\(\)$/),
    ]);
    await each.run();
  }
});
