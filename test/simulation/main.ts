// `npm run simulate`: fetches mail in simulated worlds, and fails if a promise is broken in one of them. `-- --help` has
// the options.
import { parseArgs } from "node:util";
import { BUGS } from "./bugs.ts";
import { Bundle } from "./bundle.ts";
import { tableOf, Total } from "./total.ts";
import { World, type Result } from "./world.ts";

const USAGE = `npm run simulate -- [--seeds N] [--from N] [--seconds S] [--table]
  --seeds    how many worlds (100)
  --from     the seed of the first one (1)
  --seconds  begins no other world after this time
  --table    prints how often each fault happened at each step
  --replay SEED [--without N,...]   prints the history of one world, without some of its faults
  --shrink SEED                     prints which of its faults a failure needs
  --bugs     plants one bug after the other, and tells after how many seeds it was found
`;

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "100" },
    from: { type: "string", default: "1" },
    seconds: { type: "string", default: "Infinity" },
    replay: { type: "string" },
    without: { type: "string", default: "" },
    shrink: { type: "string" },
    bugs: { type: "boolean", default: false },
    table: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

const print = (text: string): void => void process.stdout.write(`${text}\n`);

function numberOf(name: "seeds" | "from" | "seconds" | "replay" | "shrink"): number {
  const number = Number(values[name]);
  if (number >= 0 && (Number.isInteger(number) || name === "seconds")) return number;
  throw new Error(`--${name} must be a whole number (got ${String(values[name])})`);
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** Runs the worlds of many seeds. Prints what went wrong, with the end of its history. */
async function simulate(): Promise<void> {
  const bundle = await Bundle.build();
  const total = new Total();
  const until = performance.now() + numberOf("seconds") * 1000;
  const from = numberOf("from");
  for (let seed = from; seed < from + numberOf("seeds") && performance.now() < until; seed++) {
    const result = await new World({ seed, bundle }).run();
    total.add(result);
    if (result.violation !== undefined) printFailure(result);
  }
  print(total.text());
  print(`${cpuSeconds().toFixed(1)} s of CPU`);
  if (values.table) print(tableOf(total.coverage));
  if (total.failed.length > 0) process.exitCode = 1;
}

function printFailure({ seed, violation, last }: Result): void {
  print(last.slice(-40).join("\n"));
  print(`seed ${seed}: ${String(violation?.message)}`);
  print(`npm run simulate -- --replay ${seed}    npm run simulate -- --shrink ${seed}\n`);
}

/** Prints the whole history of one world. */
async function replay(): Promise<void> {
  const without = new Set(values.without.split(",").filter(Boolean).map(Number));
  const world = new World({ seed: numberOf("replay"), bundle: await Bundle.build(), without, onLine: print });
  const { digest, violation } = await world.run();
  print(`${digest} ${violation?.message ?? "no promise was broken"}`);
  if (violation !== undefined) process.exitCode = 1;
}

/** Leaves out one fault after the other, as long as the same promise is broken. */
async function shrink(): Promise<void> {
  const [seed, bundle] = [numberOf("shrink"), await Bundle.build()];
  const first = await new World({ seed, bundle }).run();
  const promised = first.violation?.promised;
  if (promised === undefined) {
    print(`seed ${seed}: no promise is broken`);
    return;
  }
  let without = new Set<number>();
  let { faults } = first;
  for (const fault of first.faults) {
    const fewer = new Set(without).add(fault);
    const result = await new World({ seed, bundle, without: fewer }).run();
    if (result.violation?.promised !== promised) continue;
    without = fewer;
    ({ faults } = result);
  }
  print(`seed ${seed}: "${promised}" needs ${faults.length} of ${first.faults.length} faults`);
  print(`npm run simulate -- --replay ${seed} --without ${[...without].join(",")}`);
}

/** Plants each bug, and prints after how many seeds a promise is broken. */
async function findBugs(): Promise<void> {
  let found = 0;
  for (const { name, patches } of BUGS) {
    const bundle = await Bundle.build(patches);
    let result: Result | undefined;
    let seed = numberOf("from");
    for (const end = seed + numberOf("seeds"); seed < end && result?.violation === undefined; seed++)
      result = await new World({ seed, bundle }).run();
    const violation = result?.violation;
    if (violation !== undefined) found++;
    const count = seed - numberOf("from");
    const what =
      violation === undefined ? `NOT FOUND in ${count} seeds` : `${count} seeds: ${violation.promised}`;
    print(`${name.padEnd(52)} ${what}`);
  }
  print(`found: ${found} of ${BUGS.length}, in ${cpuSeconds().toFixed(1)} s of CPU`);
  if (found < BUGS.length) process.exitCode = 1;
}

if (values.help) print(USAGE);
else if (values.replay !== undefined) await replay();
else if (values.shrink !== undefined) await shrink();
else if (values.bugs) await findBugs();
else await simulate();
