/** The TypeScript in the documentation: what stands in fences marked `ts`, as modules of their own. */
import { readFile } from "node:fs/promises";
import { basename } from "node:path";

export interface Block {
  /** Where it stands: `README.md:12`. */
  readonly place: string;
  readonly code: string;
  /** Begins with a connected `client`, and a `save` of the reader's own. */
  readonly recipe: boolean;
  /** Needs nothing, and prints what stands in the comments behind `console.log`. */
  readonly program: boolean;
}

export async function codeBlocks(file: string): Promise<Block[]> {
  const lines = (await readFile(file, "utf8")).split("\n");
  const blocks: Block[] = [];
  for (let at = 0; at < lines.length; at++) {
    const fence = /^```ts(?: (\w+))?$/.exec(lines[at] ?? "");
    if (fence === null) continue;
    const end = lines.indexOf("```", at);
    blocks.push({
      place: `${basename(file)}:${at + 1}`,
      code: lines.slice(at + 1, end).join("\n"),
      recipe: fence[1] === "recipe",
      program: fence[1] === "program",
    });
    at = end;
  }
  return blocks;
}
