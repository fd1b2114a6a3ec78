// npm run test:runtimes -- [--ci] [name...]: the same tests on other runtimes, one runtime after the other, and a
// program that uses the built package by `import` and by `require`. It fails where anything differs that known.ts does
// not know.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { cp, mkdtemp, mkdir, open, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import {
  commandFor,
  endRuntime,
  environmentFor,
  installRuntimes,
  NAMES,
  prepareRuntime,
  versionOf,
  type RuntimeName,
} from "./binaries.ts";
import { judge } from "./judge.ts";
import { KNOWN, type Known } from "./known.ts";
import { OUTCOME_FILE, type Outcome } from "./outcome.ts";
import { suitesFor, type Suite } from "./plan.ts";

const root = join(import.meta.dirname, "../..");
const vitest = join(root, "node_modules/vitest/vitest.mjs");

/** For one suite on one runtime, and for one program; milliseconds. What takes so long hangs. */
const SUITE = 30 * 60_000;
const PROGRAM = 60_000;

/** What the programs of test/runtimes/smoke print. */
const SAID = ["tls", "stls"].map((how) => `${how}: 3 saved, three, then 0, POP3_AUTH_REJECTED`).join("\n");

interface Ended {
  readonly output: string;
  /** `undefined` if it had to be killed. */
  readonly code: number | undefined;
}

interface RunOptions {
  readonly cwd: string;
  /** For files of this run. */
  readonly directory: string;
  /** In addition to that of this process, and of the runtime. */
  readonly env?: NodeJS.ProcessEnv;
  readonly timeout: number;
}

async function run(name: RuntimeName, program: readonly string[], options: RunOptions): Promise<Ended> {
  const { cwd, directory, env, timeout } = options;
  // Not to a pipe: under Wine process.stdout cannot be one.
  const path = join(directory, "output");
  const output = await open(path, "w");
  try {
    const child = spawn(...commandFor(name, program), {
      cwd,
      env: { ...environmentFor(name, directory), ...env },
      timeout,
      killSignal: "SIGKILL",
      stdio: ["ignore", output.fd, output.fd],
    });
    const [code] = (await once(child, "close")) as [number | null];
    return { output: await readFile(path, "utf8"), code: code ?? undefined };
  } finally {
    await output.close();
    await rm(path);
  }
}

async function runSuite(name: RuntimeName, { config, only }: Suite, directory: string): Promise<Outcome> {
  const file = join(directory, "outcome.json");
  const excluded = KNOWN[name].filter(({ tests }) => tests === undefined);
  const { output, code } = await run(
    name,
    [
      vitest,
      "run",
      `--config=${config}`,
      "--reporter=./test/runtimes/outcome.ts",
      // Wine takes its time over processes and files.
      ...(name === "windows" ? ["--testTimeout=600000", "--hookTimeout=120000"] : []),
      ...excluded.map((each) => `--exclude=${each.file}`),
      ...only,
    ],
    { cwd: root, directory, env: { [OUTCOME_FILE]: file, NO_COLOR: "1" }, timeout: SUITE },
  );
  if (!existsSync(file)) throw new Error(`vitest has ended with ${String(code)}\n${output}`);
  const outcome = JSON.parse(await readFile(file, "utf8")) as Outcome;
  await rm(file);
  return outcome;
}

/** A user's project: the package as it was built, and what it depends on. */
async function makeProject(directory: string): Promise<string> {
  const project = join(directory, "project");
  const installed = join(project, "node_modules/popwright");
  await mkdir(installed, { recursive: true });
  await cp(join(root, "package.json"), join(installed, "package.json"));
  await cp(join(root, "dist"), join(installed, "dist"), { recursive: true });
  const { dependencies } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as {
    dependencies: Readonly<Record<string, string>>;
  };
  for (const each of Object.keys(dependencies)) {
    const link = join(project, "node_modules", each);
    // The directory of a scope.
    await mkdir(dirname(link), { recursive: true });
    await symlink(join(root, "node_modules", each), link);
  }
  await writeFile(join(project, "package.json"), JSON.stringify({ dependencies: { popwright: "*" } }));
  await cp(join(import.meta.dirname, "smoke"), project, { recursive: true });
  return project;
}

const seconds = (since: number): string => `${((performance.now() - since) / 1000).toFixed(0)} s`;

/** Returns what is to be complained about. */
async function testRuntime(name: RuntimeName, ci: boolean, directory: string): Promise<string[]> {
  const suites = suitesFor(name, ci);
  if (suites.length === 0) return [];
  await prepareRuntime(name, directory);
  console.log(`\n${name}: ${await versionOf(name, directory)}`);
  const complaints: string[] = [];
  const project = await makeProject(directory);
  for (const program of ["import.mjs", "require.cjs"]) {
    const since = performance.now();
    const { output, code } = await run(name, [program], { cwd: project, directory, timeout: PROGRAM });
    console.log(`  ${program.padEnd(12)} ${code === 0 ? "ok" : "failed"}, ${seconds(since)}`);
    if (code !== 0 || output.trim().replaceAll("\r", "") !== SAID)
      complaints.push(`${program}: ${String(code)}\n${output}`);
  }
  tell(complaints);
  await rm(project, { recursive: true });
  for (const suite of suites) {
    const since = performance.now();
    const outcome = await runSuite(name, suite, directory);
    const { passed, known, complaints: more } = judge(outcome, KNOWN[name]);
    const failing = [...known.values()].reduce((sum, count) => sum + count, 0);
    console.log(
      `  ${suite.name.padEnd(12)} ${passed} passed, ${failing} known to fail, ${more.length} complaints, ${seconds(since)}`,
    );
    for (const [{ file, why }, count] of known) console.log(`    ${count} in ${file}: ${why}`);
    // At once: the next suite may take half an hour.
    tell(more);
    complaints.push(...more);
  }
  for (const { file, why } of KNOWN[name].filter(isWhole)) console.log(`  not run: ${file}: ${why}`);
  return complaints;
}

function tell(complaints: readonly string[]): void {
  for (const complaint of complaints) console.log(`\n  ! ${complaint.replaceAll("\n", "\n    ")}`);
}

function isWhole({ tests }: Known): boolean {
  return tests === undefined;
}

const given = process.argv.slice(2);
const ci = given.includes("--ci");
const wished = given.filter((each) => each !== "--ci");
const unknown = wished.filter((each) => !(NAMES as readonly string[]).includes(each));
if (unknown.length > 0) throw new Error(`${unknown.join(", ")}: the runtimes are ${NAMES.join(", ")}`);
const names = NAMES.filter((name) => wished.length === 0 || wished.includes(name));

await installRuntimes(names);
const directory = await mkdtemp(join(tmpdir(), "popwright-runtimes-"));
try {
  const failed: RuntimeName[] = [];
  for (const name of names) {
    try {
      if ((await testRuntime(name, ci, directory)).length > 0) failed.push(name);
    } finally {
      await endRuntime(name, directory);
    }
  }
  console.log(failed.length === 0 ? "\neverything is as expected" : `\nfailed: ${failed.join(", ")}`);
  if (failed.length > 0) process.exitCode = 1;
} finally {
  await rm(directory, { recursive: true });
}
