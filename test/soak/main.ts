// `npm run test:soak`: what only shows in the long run. Prints its figures, and fails if one of them is not as it
// has to be. `-- --help` tells how it is told otherwise.
import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { floodProcess, type Flooded } from "./flood.ts";
import { serveOrder } from "./flood-client.ts";
import { FLOODS } from "./floods.ts";
import { loopDelays, type LoopDelay } from "./loop-delay.ts";
import { soak, type Sessions } from "./sessions.ts";
import { mib, table } from "./table.ts";

const USAGE = `npm run test:soak -- [--sessions N] [--seconds N] [--together N] [--seed N] [--json FILE] [sessions] [delay] [floods]
  --sessions  how many sessions there are, at least (10000)
  --seconds   how long they last, at least (0)
  --together  how many there are at the same time (8)
  --seed      what their faults are drawn with (1939)
  --json      where the figures are written to, too; or SOAK_JSON in the environment
Without a name all three parts are run.
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    sessions: { type: "string", default: "10000" },
    seconds: { type: "string", default: "0" },
    together: { type: "string", default: "8" },
    seed: { type: "string", default: "1939" },
    json: { type: "string", default: process.env["SOAK_JSON"] ?? "" },
    help: { type: "boolean", default: false },
  },
});

const print = (text: string): void => void process.stdout.write(text);

async function sessions(): Promise<Sessions> {
  const done = await soak({
    sessions: Number(values.sessions),
    seconds: Number(values.seconds),
    together: Number(values.together),
    seed: Number(values.seed),
  });
  const { tally, heap } = done;
  const failed = [...tally.failed].sort(([, a], [, b]) => b - a);
  print(`${done.sessions} sessions with random faults, seed ${done.seed}: ${done.seconds.toFixed(1)} s\n`);
  print(`${tally.whole} ended by QUIT; ${tally.resolved} calls with the right answer, and with a code:\n`);
  print(`${failed.map(([code, count]) => `${code} ${count}`).join(", ")}\n`);
  print(`heap: ${mib(done.base)} warmed up, ${mib(heap.at(-1) ?? 0)} at the end\n`);
  print(`after each batch: ${heap.map(mib).join(", ")}\n\n`);
  return done;
}

async function delay(): Promise<LoopDelay[]> {
  const all: LoopDelay[] = [];
  for await (const each of loopDelays()) all.push(each);
  const rows = all.map(({ name, bound, wall, cpu, share, runs, seconds }) => [
    ...[name, `${wall.toFixed(1)} ms`, `${cpu.toFixed(1)} ms`, `${(100 * share).toFixed(0)} %`],
    ...[`${bound} ms`, String(runs), `${seconds.toFixed(1)} s`],
  ]);
  print(
    `${table([["the loop stands still for", "at most", "of our own", "processor", "may be", "runs", "took"], ...rows])}\n`,
  );
  return all;
}

async function floods(): Promise<Flooded[]> {
  const all: Flooded[] = [];
  const waiting = [...FLOODS.entries()];
  const oneByOne = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [index, flood] = next;
      all[index] = await floodProcess(flood, fileURLToPath(import.meta.url));
    }
  };
  // Two at a time: most of it is the start of the processes.
  await Promise.all([oneByOne(), oneByOne()]);
  const rows = all.map(({ name, outcome, sent, before, octets, bound }) => [
    name,
    outcome,
    mib(sent),
    mib(before),
    mib(octets),
    mib(bound),
  ]);
  print(`${table([["a flood", "came to", "sent", "memory", "growth", "may be"], ...rows])}\n`);
  return all;
}

async function main(): Promise<void> {
  if (values.help) {
    print(USAGE);
    return;
  }
  const wanted = (part: string): boolean => positionals.length === 0 || positionals.includes(part);
  const figures = {
    node: process.version,
    processors: cpus().length,
    sessions: wanted("sessions") ? await sessions() : undefined,
    delay: wanted("delay") ? await delay() : [],
    floods: wanted("floods") ? await floods() : [],
  };
  if (values.json !== "") writeFileSync(values.json, `${JSON.stringify(figures, replacer, 2)}\n`);
  const problems = [
    ...(figures.sessions?.problems ?? []),
    ...[...figures.delay, ...figures.floods].flatMap(({ name, problem }) =>
      problem === undefined ? [] : [`${name}: ${problem}`],
    ),
  ];
  for (const problem of problems) process.stderr.write(`${problem}\n`);
  if (problems.length > 0) process.exitCode = 1;
  print(
    `${problems.length === 0 ? "everything as it has to be" : `${problems.length} problems`}: ${performance.now().toFixed(0)} ms\n`,
  );
}

/** A Map is an object in JSON. */
function replacer(_key: string, value: unknown): unknown {
  return value instanceof Map ? Object.fromEntries(value as Map<string, unknown>) : value;
}

if (positionals[0] === "flood-client") serveOrder();
else await main();
