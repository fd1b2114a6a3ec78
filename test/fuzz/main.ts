// `npm run fuzz`: searches for inputs that break a parser. `-- --help` has the options.
import { existsSync, readFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { parseArgs } from "node:util";
import { keepFound, readCorpus, writeCorpus } from "./corpus.ts";
import { failureOf, minimised, type Failure } from "./failure.ts";
import { Fuzzer } from "./fuzzer.ts";
import { growthOf } from "./growth.ts";
import { loadModule, loadTarget, ROOT, type Target } from "./target.ts";
import { Watchdog } from "./watchdog.ts";

const USAGE = `npm run fuzz -- [--seconds S] [--target NAME,...]
  --seconds  how long, all targets together (60)
  --inputs   how many inputs for each target, in place of --seconds: then each run is the same
  --target   which targets (all of test/fuzz/targets/)
  --seed     another seed finds other inputs (1939)
  --save     writes the inputs that the coverage needs to test/fuzz/corpus/
  --missed   prints the branches that no input has taken
  --repeat INPUT   runs one input: base64, or the path of a file. With --save it is kept
`;

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    inputs: { type: "string" },
    target: { type: "string" },
    seed: { type: "string", default: "1939" },
    save: { type: "boolean", default: false },
    missed: { type: "boolean", default: false },
    repeat: { type: "string" },
    help: { type: "boolean", default: false },
  },
});

const FOLDER = "test/fuzz/targets";

const print = (text: string): void => void process.stdout.write(`${text}\n`);

function numberOf(name: "seconds" | "inputs" | "seed", text: string): number {
  const number = Number(text);
  if (number >= 0 && (Number.isInteger(number) || name === "seconds")) return number;
  throw new Error(`--${name} must be a number >= 0 (got ${text})`);
}

async function targetNames(): Promise<string[]> {
  const names = (await readdir(`${ROOT}${FOLDER}`)).map((file) => file.replace(/\.ts$/, "")).toSorted();
  if (values.target === undefined) return names;
  const wanted = values.target.split(",");
  for (const name of wanted)
    if (!names.includes(name))
      throw new Error(`--target ${name} is unknown: it must be one of ${names.join(", ")}`);
  return wanted;
}

/** How long a target is fuzzed: a number of inputs, or milliseconds. */
interface Share {
  readonly inputs: number;
  readonly milliseconds: number;
}

interface Result {
  readonly row: string;
  readonly failure: Failure | undefined;
}

async function fuzzTarget(name: string, share: Share, watchdog: Watchdog): Promise<Result> {
  const target = await loadTarget(`${FOLDER}/${name}.ts`);
  const fuzzer = new Fuzzer(target, numberOf("seed", values.seed));
  watchdog.target(name);
  fuzzer.onInput = (data) => {
    watchdog.begins(data);
  };
  const began = performance.now();
  const failure = (await search(target, fuzzer, share)) ?? (await grow(target, fuzzer, share));
  watchdog.rests();
  const seconds = (performance.now() - began) / 1000;
  if (values.save) await writeCorpus(name, fuzzer.needed());
  const reached = `${fuzzer.reached} of ${target.branches.length}`;
  const row = [
    name.padEnd(18),
    String(fuzzer.inputs).padStart(9),
    String(Math.round(fuzzer.inputs / seconds)).padStart(9),
    reached.padStart(12),
    `${((100 * fuzzer.reached) / target.branches.length).toFixed(1)} %`.padStart(8),
    String(fuzzer.features).padStart(9),
  ].join(" ");
  if (values.missed) print(`${name}: no input takes ${fuzzer.missed.join(" ")}`);
  return { row, failure: failure && (await minimised(target, failure)) };
}

/** Tries the corpus, and then changed inputs. */
async function search(target: Target, fuzzer: Fuzzer, share: Share): Promise<Failure | undefined> {
  const known = [Buffer.alloc(0), ...(await readCorpus(target.name)), ...tokensOf(target)];
  for (const data of known) {
    const failure = await fuzzer.try(data);
    if (failure !== undefined) return failure;
  }
  const until = performance.now() + share.milliseconds;
  while (fuzzer.inputs < share.inputs && performance.now() < until) {
    const failure = await fuzzer.step();
    if (failure !== undefined) return failure;
  }
  return undefined;
}

async function grow(target: Target, fuzzer: Fuzzer, share: Share): Promise<Failure | undefined> {
  for (const data of [...fuzzer.needed(), ...tokensOf(target)]) {
    fuzzer.onInput(data);
    // Time is not a part of a run that must be the same each time.
    const why = await growthOf(target, data, share.inputs === Infinity);
    if (why !== undefined) return { data, error: new Error(why) };
  }
  return undefined;
}

function tokensOf({ TOKENS }: Target): Buffer[] {
  return TOKENS.map((token) => Buffer.from(token, "latin1"));
}

function printFailure(name: string, { data, error }: Failure): void {
  const [stack = ""] = String(error.stack).split(/\n +at (?:async )?failureOf/);
  print(`\n${name}: ${stack}`);
  print(`  ${data.length} octets: ${JSON.stringify(data.toString("latin1"))}`);
  print(`  npm run fuzz -- --target ${name} --repeat ${data.toString("base64") || "''"}\n`);
}

/** Runs one input without counters, so that the error has the lines of the sources. */
async function repeat(input: string): Promise<void> {
  const [name = "", ...others] = await targetNames();
  if (others.length > 0) throw new Error("--repeat needs --target NAME");
  const data = existsSync(input) ? readFileSync(input) : Buffer.from(input, "base64");
  const path = `${FOLDER}/${name}.ts`;
  let failure = await failureOf(await loadModule(path), data);
  const target = await loadTarget(path);
  failure ??= await new Fuzzer(target, 0).try(data);
  const growth = failure === undefined ? await growthOf(target, data, true) : undefined;
  if (growth !== undefined) failure = { data, error: new Error(growth) };
  if (values.save) print(await keepFound(name, data));
  if (failure === undefined) print(`${name}: nothing is wrong with this input`);
  else {
    printFailure(name, failure);
    process.exitCode = 1;
  }
}

async function fuzz(): Promise<void> {
  const names = await targetNames();
  const milliseconds = (numberOf("seconds", values.seconds) * 1000) / names.length;
  const share =
    values.inputs === undefined
      ? { inputs: Infinity, milliseconds }
      : { inputs: numberOf("inputs", values.inputs), milliseconds: Infinity };
  const watchdog = new Watchdog();
  print("target                inputs  a second     branches              features");
  for (const name of names) {
    const { row, failure } = await fuzzTarget(name, share, watchdog);
    print(row);
    if (failure === undefined) continue;
    printFailure(name, failure);
    process.exitCode = 1;
  }
}

if (values.help) print(USAGE);
else if (values.repeat !== undefined) await repeat(values.repeat);
else await fuzz();
