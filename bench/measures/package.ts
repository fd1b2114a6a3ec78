// Measures the package itself: the bytes to install, the milliseconds to load.
import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { PEERS } from "../contenders/names.ts";
import { bench, installed, root } from "../stage.ts";
import { median } from "../statistics.ts";
import { number, type Row } from "../table.ts";
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
        title: "Loading it, ms: a new process that imports it, minus one that imports nothing",
        columns: ["median", "fastest"],
        rows: await loadTimes(plan.loads),
      },
    ];
  },
};

async function loadTimes(loads: number): Promise<Row[]> {
  // Below the copy of the package and the other clients, so that imports by name find all of them.
  const script = async (name: string, code: string): Promise<string> => {
    const path = join(bench, "dist", `load-${name.replaceAll("/", "-")}.mjs`);
    await writeFile(path, code);
    return path;
  };
  const empty = await script("nothing", "");
  const names = [...ENTRIES, ...PEERS];
  const scripts = await Promise.all(names.map((name) => script(name, `import "${name}";\n`)));
  const all = [empty, ...scripts];
  const times = all.map((): number[] => []);
  // One run is not measured: it brings the files into the cache.
  for (const path of all) await start(path);
  for (let load = 0; load < loads; load++) {
    for (const [index, path] of all.entries()) times[index]?.push(await start(path));
  }
  const [nothing = [], ...loaded] = times;
  return names.map((name, index): Row => {
    const own = loaded[index] ?? [];
    const fastest = Math.min(...own) - Math.min(...nothing);
    return { name, cells: [number(median(own) - median(nothing)), number(fastest)] };
  });
}

async function start(script: string): Promise<number> {
  const began = performance.now();
  await run(process.execPath, [script], { cwd: installed });
  return performance.now() - began;
}
