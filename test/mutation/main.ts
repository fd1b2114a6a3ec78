// `npm run test:mutation`: small changes of the sources, one at a time, and whether a test notices each. Runs Stryker once
// for each part, with the tests of that part alone, and prints the scores by folder. `-- --help` has the options.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { PARTS } from "./parts.ts";

/** The parts that run if none is named. */
const USUAL: readonly string[] = Object.keys(PARTS).filter((part) => PARTS[part]?.onlyByName !== true);

const USAGE = `npm run test:mutation -- [PART...] [options of Stryker]
  PART              which parts: ${Object.keys(PARTS).join(", ")}
                    (those whose survivors were looked at: ${USUAL.join(", ")})
  --mutate FILE,... only these files of one part
  --incremental     only what has changed since the last run, in the sources or in the tests
  --concurrency N   how many changes are tried at the same time (the processors, less one)
The survivors are printed, and are in reports/mutation-PART.json.
`;

const ROOT = join(import.meta.dirname, "../..");
const print = (text: string): void => void process.stdout.write(`${text}\n`);

/** The part of a report of Stryker that is counted here. */
interface Report {
  readonly files: Readonly<Record<string, { readonly mutants: readonly { readonly status: string }[] }>>;
}

const COLUMNS = ["Killed", "Timeout", "Survived", "NoCoverage"];

/** Counts the mutants of a part by what became of them. */
function rowOf(part: string, minutes: number): string {
  if (!existsSync(reportOf(part))) return row([part, "no report"]);
  const report = JSON.parse(readFileSync(reportOf(part), "utf8")) as Report;
  const states = Object.values(report.files).flatMap(({ mutants }) => mutants.map(({ status }) => status));
  const counts = COLUMNS.map((column) => states.filter((status) => status === column).length);
  const [killed = 0, late = 0] = counts;
  const all = counts.reduce((sum, count) => sum + count, 0);
  const score = `${((100 * (killed + late)) / all).toFixed(1)} %`;
  return row([part, String(all), ...counts.map(String), score, minutes.toFixed(1)]);
}

function row(cells: readonly string[]): string {
  return cells.map((cell, at) => (at === 0 ? cell.padEnd(10) : cell.padStart(11))).join("");
}

function reportOf(part: string): string {
  return join(ROOT, "reports", `mutation-${part}.json`);
}

/** Runs Stryker over a part. Returns whether it has reached its score. */
function mutate(part: string, options: readonly string[]): boolean {
  const { sources = [] } = PARTS[part] ?? {};
  const which = options.some((option) => /^(?:-m|--mutate)(?:=|$)/.test(option))
    ? []
    : ["--mutate", sources.join(",")];
  rmSync(reportOf(part), { force: true });
  const { status } = spawnSync("npx", ["--no-install", "stryker", "run", ...which, ...options], {
    cwd: ROOT,
    stdio: "inherit",
    env: { ...process.env, MUTATION_PART: part },
  });
  return status === 0;
}

function main(given: readonly string[]): void {
  if (given.includes("--help")) {
    print(USAGE);
    return;
  }
  const first = given.findIndex((word) => word.startsWith("-"));
  const [parts, options] = first === -1 ? [given, []] : [given.slice(0, first), given.slice(first)];
  const unknown = parts.find((part) => !Object.hasOwn(PARTS, part));
  if (unknown !== undefined)
    throw new Error(`unknown part ${unknown}: the parts are ${Object.keys(PARTS).join(", ")}`);
  const rows = [row(["", "mutants", "killed", "timed out", "survived", "uncovered", "score", "minutes"])];
  for (const part of parts.length > 0 ? parts : USUAL) {
    const began = performance.now();
    if (!mutate(part, options)) process.exitCode = 1;
    rows.push(rowOf(part, (performance.now() - began) / 60_000));
  }
  print(`\n${rows.join("\n")}`);
}

main(process.argv.slice(2));
