// Measures the package itself: the bytes to install, the milliseconds to load.
import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { PEERS } from "../contenders/names.ts";
import { bench, installed, root } from "../stage.ts";
import { median } from "../statistics.ts";
import { number, type Cell, type Row } from "../table.ts";
import type { Measure } from "./measure.ts";

const run = promisify(execFile);
const ENTRIES: readonly string[] = ["popwright", "popwright/parse", "popwright/testing"];

export const packageMeasure: Measure = {
  name: "package",
  async run(_stage, plan) {
    // Without "prepack", to measure the existing build.
    const pack = ["pack", "--dry-run", "--json", "--ignore-scripts"];
    const [packed] = JSON.parse((await run("npm", pack, { cwd: root })).stdout) as [
      { size: number; unpackedSize: number; entryCount: number },
    ];
    return [
      {
        id: "package",
        title: "The package, without its dependencies",
        columns: ["kB packed", "kB unpacked", "files"],
        rows: [
          {
            name: "popwright",
            cells: [
              number(packed.size / 1000),
              number(packed.unpackedSize / 1000),
              number(packed.entryCount),
            ],
          },
        ],
      },
      {
        id: "load",
        title: "Loading it: a new process that imports it, minus one that imports nothing",
        columns: ["ms", "ms, fastest", "CPU ms", "CPU ms, fastest"],
        rows: await loadTimes(plan.loads),
      },
    ];
  },
};

async function loadTimes(loads: number): Promise<Row[]> {
  // Below the copy of the package and the other clients, so that imports by name find all of them.
  const script = async (name: string, code: string): Promise<string> => {
    const path = join(bench, "dist", `load-${name.replaceAll("/", "-")}.mjs`);
    await writeFile(
      path,
      `${code}const { user, system } = process.cpuUsage();\nconsole.log(user + system);\n`,
    );
    return path;
  };
  const none = await script("nothing", "");
  const names = [...ENTRIES, ...PEERS];
  const scripts = await Promise.all(names.map((name) => script(name, `import "${name}";\n`)));
  const all = [none, ...scripts];
  const costs = all.map((): Load[] => []);
  // One run is not measured: it brings the files into the cache.
  for (const path of all) await start(path);
  for (let load = 0; load < loads; load++) {
    for (const [index, path] of all.entries()) costs[index]?.push(await start(path));
  }
  const [nothing = [], ...loaded] = costs;
  return names.map((name, index): Row => {
    const more = (value: keyof Load, of: (values: readonly number[]) => number): Cell => {
      const [own = NaN, empty = NaN] = [loaded[index] ?? [], nothing].map((some) =>
        of(some.map((load) => load[value])),
      );
      return number(own - empty);
    };
    return {
      name,
      cells: [more("ms", median), more("ms", fastest), more("cpu", median), more("cpu", fastest)],
    };
  });
}

function fastest(values: readonly number[]): number {
  return Math.min(...values);
}

/** What one process costs, in milliseconds. */
interface Load {
  readonly ms: number;
  readonly cpu: number;
}

async function start(script: string): Promise<Load> {
  const began = performance.now();
  const { stdout } = await run(process.execPath, [script], { cwd: installed });
  return { ms: performance.now() - began, cpu: Number(stdout) / 1000 };
}
