// What it takes to have the package: octets to install, milliseconds to load.
import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { PEERS } from "../contenders/names.ts";
import { bench, installed, root } from "../stage.ts";
import { median } from "../statistics.ts";
import { number, runs, type Row } from "../table.ts";
import type { Measure } from "./measure.ts";

const run = promisify(execFile);
const ENTRIES: readonly string[] = ["popwright", "popwright/parse", "popwright/testing"];

export const packageMeasure: Measure = {
  name: "package",
  async run(_stage, plan) {
    // Without "prepack": what was built is what is measured.
    const pack = ["pack", "--dry-run", "--json", "--ignore-scripts"];
    const [packed] = JSON.parse((await run("npm", pack, { cwd: root })).stdout) as [
      { size: number; unpackedSize: number; entryCount: number },
    ];
    return [
      {
        id: "package",
        title: "The package, without what it depends on",
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
        title: `Loading it, ms: a new process that imports it, less one that imports nothing`,
        columns: ["ms"],
        rows: await loadTimes(plan.loads),
      },
    ];
  },
};

async function loadTimes(loads: number): Promise<Row[]> {
  // Beside the copy of the package, and below the peers: all are found by name.
  const script = async (name: string, code: string): Promise<string> => {
    const path = join(bench, "dist", `load-${name.replaceAll("/", "-")}.mjs`);
    await writeFile(path, code);
    return path;
  };
  const empty = await script("nothing", "");
  const names = [...ENTRIES, ...PEERS];
  const scripts = await Promise.all(names.map((name) => script(name, `import "${name}";\n`)));
  const times = names.map((): number[] => []);
  // Once unmeasured: the files are to be in memory.
  for (const path of [empty, ...scripts]) await start(path);
  for (let load = 0; load < loads; load++) {
    const nothing = await start(empty);
    for (const [index, path] of scripts.entries()) times[index]?.push((await start(path)) - nothing);
  }
  return names.map((name, index): Row => {
    const all = times[index] ?? [];
    // The spread is that of starting a process, twice.
    return { name, cells: [loads > 9 ? runs(all) : number(median(all))] };
  });
}

async function start(script: string): Promise<number> {
  const began = performance.now();
  await run(process.execPath, [script], { cwd: installed });
  return performance.now() - began;
}
