// Measures which lines of the sources run in the simulated processes, by the coverage of V8.
import { readdir, readFile } from "node:fs/promises";
import { Session, type Profiler } from "node:inspector/promises";
import { SourceMap } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { transform } from "esbuild";
import type { Bundle } from "./bundle.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** What the simulation is for. */
const FOLDERS = ["src/fetch", "src/pool", "src/session", "src/net"];

export class Reach {
  readonly #session: Session;

  private constructor(session: Session) {
    this.#session = session;
  }

  /** Begins to count. Bundles that are built later are counted. */
  static async begin(): Promise<Reach> {
    const session = new Session();
    session.connect();
    await session.post("Profiler.enable");
    await session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
    return new Reach(session);
  }

  /** Returns a line for each folder, and for each file of which less than a half has run. */
  async text(bundle: Bundle): Promise<string> {
    const { result } = await this.#session.post("Profiler.takePreciseCoverage");
    this.#session.disconnect();
    const script = result.find(({ url }) => url === bundle.filename);
    if (script === undefined) throw new Error("V8 has not counted the simulated program");
    const counts = countsOf(script.functions, bundle.source.length);
    const ran = new Set<string>();
    const start = bundle.source.indexOf(bundle.code);
    for (const { file, line, at } of placesOf(bundle.code, bundle.map))
      if ((counts[start + at] ?? 0) > 0) ran.add(`${/src\/.*/.exec(file)?.[0] ?? ""}:${String(line)}`);
    const text: string[] = [];
    for (const folder of FOLDERS) {
      const files = await Promise.all((await sourcesIn(folder)).map((file) => linesOf(file, ran)));
      const [done, all] = [sum(files.map(({ done: some }) => some)), sum(files.map(({ all: some }) => some))];
      text.push(`${folder}: ${share(done, all)} of ${String(all)} lines with code have run`);
      for (const each of files)
        if (each.done < each.all / 2) text.push(`  ${each.file}: ${share(each.done, each.all)}`);
    }
    return text.join("\n");
  }
}

interface Lines {
  readonly file: string;
  /** How many of its lines have run, and how many have code. */
  readonly done: number;
  readonly all: number;
}

async function linesOf(file: string, ran: ReadonlySet<string>): Promise<Lines> {
  const source = await readFile(join(ROOT, file), "utf8");
  const { code, map } = await transform(source, { loader: "ts", sourcemap: true, target: "node20" });
  const lines = [...new Set([...placesOf(code, map)].map(({ line }) => line))];
  return { file, done: lines.filter((line) => ran.has(`${file}:${String(line)}`)).length, all: lines.length };
}

async function sourcesIn(folder: string): Promise<string[]> {
  const names = await readdir(join(ROOT, folder), { recursive: true });
  return names
    .filter((name) => name.endsWith(".ts"))
    .map((name) => `${folder}/${name}`)
    .sort();
}

/** Returns where each word of the code comes from. */
function* placesOf(
  code: string,
  map: string,
): Generator<{ readonly file: string; readonly line: number; readonly at: number }> {
  const origins = new SourceMap(JSON.parse(map) as ConstructorParameters<typeof SourceMap>[0]);
  let start = 0;
  for (const [number, text] of code.split("\n").entries()) {
    for (const { index } of text.matchAll(/\w+/g)) {
      const found = origins.findEntry(number, index);
      if ("originalSource" in found)
        yield { file: found.originalSource, line: found.originalLine, at: start + index };
    }
    start += text.length + 1;
  }
}

/** Returns how often each character of the script has run. Ranges within a range come after it. */
function countsOf(functions: readonly Profiler.FunctionCoverage[], length: number): Uint32Array {
  const counts = new Uint32Array(length);
  const ranges = functions
    .flatMap((each) => each.ranges)
    .sort((a, b) => a.startOffset - b.startOffset || b.endOffset - a.endOffset);
  for (const { startOffset, endOffset, count } of ranges) counts.fill(count, startOffset, endOffset);
  return counts;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}

function share(part: number, whole: number): string {
  return `${((100 * part) / Math.max(1, whole)).toFixed(1)} %`;
}
