// `npm run simulate`: fetches mail in simulated worlds, and fails if a promise is broken in one of them. `-- --help` has
// the options.
import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";
import { BUGS } from "./bugs.ts";
import { Bundle } from "./bundle.ts";
import { faultOf, nameOf, pairOf, type Pair } from "./faults.ts";
import { plantAll } from "./plant.ts";
import { Reach } from "./reach.ts";
import { shrink } from "./shrink.ts";
import { Total } from "./total.ts";
import { World, type Result } from "./world.ts";

const USAGE = `npm run simulate -- [--seeds N] [--from N | --from fresh] [--seconds S] [--table] [--everywhere] [--reach]
  --seeds       how many worlds (100)
  --from        the seed of the first one (1); fresh: a random one, which is printed
  --seconds     begins no other world after this time
  --table       prints how often each fault happened at each step
  --everywhere  aims at each pair of fault and step that did not happen, and fails if one cannot be reached
  --reach       prints how much of the sources has run
  --replay SEED [--faults "kill@connect#2, ..."] [--aim kill@connect]
                prints the history of one world; with just these faults, or with one that is aimed at
  --shrink SEED finds the fewest faults with which the same promise is broken
  --bugs [--named TEXT]
                plants one bug after the other, and fails if one is not found within its number of seeds
`;

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "100" },
    from: { type: "string", default: "1" },
    seconds: { type: "string", default: "Infinity" },
    replay: { type: "string" },
    faults: { type: "string" },
    aim: { type: "string" },
    shrink: { type: "string" },
    bugs: { type: "boolean", default: false },
    named: { type: "string", default: "" },
    table: { type: "boolean", default: false },
    reach: { type: "boolean", default: false },
    everywhere: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

/** Fresh seeds are below this number. */
const SEEDS = 2 ** 31;

const print = (text: string): void => void process.stdout.write(`${text}\n`);

function numberOf(name: "seeds" | "seconds" | "replay" | "shrink"): number {
  const number = Number(values[name]);
  if (number >= 0 && (Number.isInteger(number) || name === "seconds")) return number;
  throw new Error(`--${name} must be a whole number (got ${String(values[name])})`);
}

function firstSeed(): number {
  const { from } = values;
  if (from === "fresh") {
    const seed = randomInt(SEEDS);
    print(`--from ${seed}`);
    return seed;
  }
  const seed = Number(from);
  if (Number.isInteger(seed) && seed >= 0) return seed;
  throw new Error(`--from must be a whole number, or "fresh" (got ${from})`);
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** Runs the worlds of many seeds. Prints what went wrong, with the end of its history. */
async function simulate(): Promise<void> {
  const reach = values.reach ? await Reach.begin() : undefined;
  const bundle = await Bundle.build();
  const total = new Total();
  const until = performance.now() + numberOf("seconds") * 1000;
  const from = firstSeed();
  for (let seed = from; seed < from + numberOf("seeds") && performance.now() < until; seed++) {
    const result = await new World({ seed, bundle }).run();
    total.add(result);
    if (result.violation !== undefined) printFailure(result);
  }
  print(total.text());
  const isEverywhere = !values.everywhere || (await goEverywhere(bundle, total));
  print(`${cpuSeconds().toFixed(1)} s of CPU`);
  if (values.table) print(total.coverage.text());
  if (reach !== undefined) print(await reach.text(bundle));
  if (total.failed.length > 0 || !isEverywhere) process.exitCode = 1;
}

/** Aims at each pair that did not happen yet. Returns whether all of them were reached. */
async function goEverywhere(bundle: Bundle, total: Total): Promise<boolean> {
  const { coverage } = total;
  const before = coverage.missing().length;
  for (const { seed, ...aim } of coverage.missing()) {
    // Another one may have come to it.
    if (seed === undefined || coverage.count(aim.kind, aim.step) > 0) continue;
    const result = await new World({ seed, bundle, aim }).run();
    total.add(result, true);
    if (result.violation !== undefined) printFailure(result, aim);
  }
  const missing = coverage.missing();
  const { never, unlisted } = coverage.wrongSteps();
  print(
    `${coverage.pairs} pairs of fault and step; ${before} were aimed at; ${missing.length} were not reached`,
  );
  for (const { kind, step } of missing) print(`not reached: ${kind}@${step}`);
  for (const step of never) print(`no world came to this step, which STEPS of step.ts lists: ${step}`);
  for (const step of unlisted) print(`STEPS of step.ts does not list this step: ${step}`);
  return missing.length + never.length === 0;
}

function printFailure({ seed, violation, last }: Result, aim?: Pair): void {
  print(last.slice(-40).join("\n"));
  print(`seed ${seed}: ${String(violation?.message)}`);
  const aimed = aim && ` --aim "${aim.kind}@${aim.step}"`;
  print(`npm run simulate -- --replay ${seed}${aimed ?? `    npm run simulate -- --shrink ${seed}`}\n`);
}

/** Prints the whole history of one world. */
async function replay(): Promise<void> {
  const faults = values.faults?.split(",").map((name) => faultOf(name.trim()));
  const aim = values.aim === undefined ? undefined : pairOf(values.aim);
  const bundle = await Bundle.build();
  const world = new World({ seed: numberOf("replay"), bundle, faults, aim, onLine: print });
  const { digest, violation } = await world.run();
  print(`${digest} ${violation?.message ?? "no promise was broken"}`);
  if (violation !== undefined) process.exitCode = 1;
}

/** Prints what a failure needs. */
async function printLeast(): Promise<void> {
  const seed = numberOf("shrink");
  const { first, least } = await shrink(seed, await Bundle.build());
  if (least.violation === undefined) {
    print(`seed ${seed}: no promise is broken`);
    return;
  }
  const { faults, scenario, violation } = least;
  print(`seed ${seed}: "${violation.promised}" needs ${faults.length} of ${first.faults.length} faults`);
  print(JSON.stringify({ seed, scenario, faults: faults.map(nameOf) }, undefined, 2));
  print(`npm run simulate -- --replay ${seed} --faults "${faults.map(nameOf).join(", ")}"`);
}

/** Plants each bug, and prints after how many seeds a promise is broken. */
async function findBugs(): Promise<void> {
  const bugs = BUGS.filter(({ name }) => name.includes(values.named));
  const survived = await plantAll(bugs, firstSeed(), print);
  print(`found: ${bugs.length - survived} of ${bugs.length}, in ${cpuSeconds().toFixed(1)} s of CPU`);
  if (survived > 0) process.exitCode = 1;
}

if (values.help) print(USAGE);
else if (values.replay !== undefined) await replay();
else if (values.shrink !== undefined) await printLeast();
else if (values.bugs) await findBugs();
else await simulate();
