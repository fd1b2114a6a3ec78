/**
 * Reads the code blocks of the documentation that are marked `ts`, `js node` or `js program`, each a module of its own, and
 * the `@example` blocks of doc comments.
 */
import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";

export interface Block {
  /** File and line: `README.md:12`. */
  readonly place: string;
  readonly code: string;
  /** Marked `js node` or `js program`: JavaScript that Node runs unchanged. */
  readonly javascript: boolean;
  /** Marked `ts recipe`: uses a connected `client`, and a `save` function of the reader. */
  readonly recipe: boolean;
  /** Marked `ts program` or `js program`: runs alone, and prints the comments after `console.log`. */
  readonly program: boolean;
  /** Marked `ts fetch`: a program that fetches into a destination, and prints how many messages were new. */
  readonly fetches: boolean;
}

export async function codeBlocks(file: string): Promise<Block[]> {
  const lines = (await readFile(file, "utf8")).split("\n");
  const blocks: Block[] = [];
  for (let at = 0; at < lines.length; at++) {
    const fence = /^```(?:ts(?: (\w+))?|js (node|program))(?: \[.+\])?$/.exec(lines[at] ?? "");
    if (fence === null) continue;
    const end = lines.indexOf("```", at);
    blocks.push({
      place: `${basename(file)}:${at + 1}`,
      code: lines.slice(at + 1, end).join("\n"),
      javascript: fence[2] !== undefined,
      recipe: fence[1] === "recipe",
      program: fence[1] === "program" || fence[2] === "program",
      fetches: fence[1] === "fetch",
    });
    at = end;
  }
  return blocks;
}

/** An `@example` of a doc comment. */
export interface Example {
  /** File and line of the `@example`. */
  readonly place: string;
  /** `undefined` if it is not a block marked `ts`. */
  readonly code: string | undefined;
}

/** Reads the `@example` blocks of a source file. `path` names the file in the result. */
export async function examplesIn(root: string, path: string): Promise<Example[]> {
  const lines = (await readFile(join(root, path), "utf8")).split("\n");
  const examples: Example[] = [];
  for (const [at, line] of lines.entries()) {
    if (!/^ *\* @example$/.test(line)) continue;
    const text = lines.slice(at + 1).map((row) => row.replace(/^ *\* ?/, ""));
    const code = text[0] === "```ts" ? text.slice(1, text.indexOf("```", 1)).join("\n") : undefined;
    examples.push({ place: `${path}:${at + 1}`, code });
  }
  return examples;
}
