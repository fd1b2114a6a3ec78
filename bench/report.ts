// Saves the results: numbers as JSON, tables between two marks in docs/performance.md, the charts next to it.
import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { fetchingChart, retrievalChart } from "./chart.ts";
import { PEERS } from "./contenders/names.ts";
import { peerVersion } from "./contenders/peer.ts";
import { bench, root } from "./stage.ts";
import { toMarkdown, type Table } from "./table.ts";

/** The place, time and plan of a run. */
export interface Circumstances {
  readonly plan: string;
  readonly date: string;
  readonly node: string;
  readonly processor: string;
  readonly cores: number;
  readonly memory: string;
  readonly system: string;
  readonly peers: Readonly<Record<string, string>>;
}

export function circumstances(plan: string): Circumstances {
  return {
    plan,
    date: new Date().toISOString().slice(0, 10),
    node: process.version,
    processor: cpus()[0]?.model ?? "?",
    cores: cpus().length,
    memory: `${Math.round(totalmem() / 1e9)} GB`,
    system: `${process.platform} ${process.arch}`,
    peers: Object.fromEntries(PEERS.map((name) => [name, peerVersion(name)])),
  };
}

export async function writeResults(
  name: string,
  where: Circumstances,
  tables: readonly Table[],
): Promise<void> {
  const directory = join(bench, "results");
  await mkdir(directory, { recursive: true });
  const path = join(directory, `${name}.json`);
  await writeFile(path, JSON.stringify({ circumstances: where, tables }));
  await promisify(execFile)(process.execPath, [
    join(root, "node_modules/prettier/bin/prettier.cjs"),
    "--write",
    path,
  ]);
}

const BEGIN = "<!-- bench:begin -->";
const END = "<!-- bench:end -->";

export async function writeDocumentation(where: Circumstances, tables: readonly Table[]): Promise<void> {
  const path = join(root, "docs/performance.md");
  const before = await readFile(path, "utf8");
  const begin = before.indexOf(BEGIN);
  const end = before.indexOf(END);
  if (begin === -1 || end === -1) throw new Error(`${path} must contain the marks ${BEGIN} and ${END}`);
  const { plan, date, node, processor, cores, memory, system, peers } = where;
  const who = Object.entries(peers).map(([name, version]) => `${name} ${version}`);
  const made = `Made by a ${plan} run on ${date}: Node ${node}, ${system}, ${cores} × ${processor}, ${memory}; ${who.join(", ")}.`;
  const content = [BEGIN, made, ...tables.map(toMarkdown), END].join("\n\n");
  await writeFile(path, before.slice(0, begin) + content + before.slice(end + END.length));
  for (const [name, chart] of [
    ["performance", retrievalChart(tables)],
    ["fetching", fetchingChart(tables)],
  ] as const)
    if (chart !== undefined) await writeFile(join(root, `docs/${name}.svg`), chart);
}
