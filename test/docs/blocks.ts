/**
 * Reads the code blocks of the documentation that are marked `ts` or `js node`; each is a module of its own.
 */
import { readFile } from "node:fs/promises";
import { basename } from "node:path";

export interface Block {
  /** File and line: `README.md:12`. */
  readonly place: string;
  readonly code: string;
  /** Marked `js node`: JavaScript that Node runs unchanged. */
  readonly javascript: boolean;
  /** Marked `ts recipe`: uses a connected `client`, and a `save` function of the reader. */
  readonly recipe: boolean;
  /** Marked `ts program`: runs alone, and prints the comments after `console.log`. */
  readonly program: boolean;
}

export async function codeBlocks(file: string): Promise<Block[]> {
  const lines = (await readFile(file, "utf8")).split("\n");
  const blocks: Block[] = [];
  for (let at = 0; at < lines.length; at++) {
    const fence = /^```(?:ts(?: (\w+))?|(js) node)$/.exec(lines[at] ?? "");
    if (fence === null) continue;
    const end = lines.indexOf("```", at);
    blocks.push({
      place: `${basename(file)}:${at + 1}`,
      code: lines.slice(at + 1, end).join("\n"),
      javascript: fence[2] === "js",
      recipe: fence[1] === "recipe",
      program: fence[1] === "program",
    });
    at = end;
  }
  return blocks;
}
