// `npm run test:storm`: two fleets while everything fails around them. Prints what happened, and fails if a message is
// lost, is there twice, or if something else is not as promised. `-- --help` has the options.
import { parseArgs } from "node:util";
import { comparisonOf, problemsOf, tableOf } from "./judge.ts";
import { FAULTS, oneHostGone, scheduleOf, type Fault } from "./schedule.ts";
import { Storm, type StormResult } from "./storm.ts";

const USAGE = `npm run test:storm -- [--seconds N] [--seed N] [--faults KIND,...]
  --seconds  how long mail comes in and faults happen (60)
  --seed     what the schedule of the faults is drawn with (1939)
  --faults   only these kinds, of the same schedule: ${FAULTS.join(", ")}; "none" for none
  --compare  instead: the lag of the others while one host is gone, and without any fault
It needs PostgreSQL and redis-server: bash .ci/servers installs them.
`;

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    seed: { type: "string", default: "1939" },
    faults: { type: "string", default: FAULTS.join(",") },
    compare: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

const print = (text: string): void => void process.stdout.write(`${text}\n`);

function numberOf(name: "seconds" | "seed"): number {
  const number = Number(values[name]);
  if (Number.isInteger(number) && number >= 1) return number;
  throw new Error(`--${name} must be a whole number >= 1 (got ${values[name]})`);
}

function kinds(): readonly string[] {
  const given = values.faults === "none" ? [] : values.faults.split(",");
  const unknown = given.find((kind) => !FAULTS.some((known) => known === kind));
  if (unknown === undefined) return given;
  throw new Error(`--faults has an unknown kind: ${unknown}. The kinds are ${FAULTS.join(", ")}`);
}

/** Runs one storm. Prints its figures, and what was not as promised. */
async function run(seed: number, seconds: number, faults: readonly Fault[]): Promise<StormResult> {
  print(`a storm of ${String(seconds)} s, seed ${String(seed)}`);
  const storm = await Storm.start();
  try {
    const result = await storm.run(seed, seconds, faults, print);
    print(`\n${tableOf(result)}`);
    const problems = problemsOf(result);
    for (const problem of problems) process.stderr.write(`${problem}\n`);
    if (problems.length > 0) process.exitCode = 1;
    print(problems.length === 0 ? "everything as promised" : `${String(problems.length)} problems`);
    return result;
  } finally {
    await storm.stop();
  }
}

async function main(): Promise<void> {
  if (values.help) {
    print(USAGE);
    return;
  }
  const [seconds, seed] = [numberOf("seconds"), numberOf("seed")];
  if (values.compare) {
    const calm = await run(seed, seconds, []);
    print(comparisonOf(calm, await run(seed, seconds, oneHostGone(seconds))));
    return;
  }
  const wanted = kinds();
  await run(
    seed,
    seconds,
    scheduleOf(seed, seconds).filter(({ kind }) => wanted.includes(kind)),
  );
}

await main();
