// The inputs that are kept in the tree: for each target a folder of small files, named by their content.
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { ROOT } from "./target.ts";

/** Inputs that were found to break a target once. They are never removed. */
const FOUND = "found-";

function folderOf(target: string): string {
  return `${ROOT}test/fuzz/corpus/${target}`;
}

async function namesIn(target: string): Promise<string[]> {
  try {
    return (await readdir(folderOf(target))).toSorted();
  } catch {
    // The target is new.
    return [];
  }
}

/** Reads the inputs of a target, in the order of their names. */
export async function readCorpus(target: string): Promise<Buffer[]> {
  const names = await namesIn(target);
  return Promise.all(names.map((name) => readFile(`${folderOf(target)}/${name}`)));
}

/** Replaces the inputs of a target, except those that broke it once. */
export async function writeCorpus(target: string, inputs: readonly Buffer[]): Promise<void> {
  await mkdir(folderOf(target), { recursive: true });
  const names = new Map(inputs.map((data) => [nameOf(data), data]));
  for (const name of await namesIn(target))
    if (!name.startsWith(FOUND) && !names.has(name)) await rm(`${folderOf(target)}/${name}`);
  for (const [name, data] of names) await writeFile(`${folderOf(target)}/${name}`, data);
}

/** Keeps an input that broke the target. */
export async function keepFound(target: string, data: Buffer): Promise<string> {
  await mkdir(folderOf(target), { recursive: true });
  const path = `${folderOf(target)}/${FOUND}${nameOf(data)}`;
  await writeFile(path, data);
  return path.slice(ROOT.length);
}

function nameOf(data: Buffer): string {
  return createHash("sha256").update(data).digest("hex").slice(0, 12);
}
