// Programs for the command line to start. They are scripts of Node, so they run on every platform.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { newDirectory } from "../support/place.ts";

/** Returns the words that run a module with this text. Words after them are its arguments. */
export async function programOf(text: string): Promise<[program: string, script: string]> {
  const script = join(await newDirectory(), "program.mjs");
  await writeFile(script, text);
  return [process.execPath, script];
}

/** Returns the same words as one line. */
export async function lineOf(text: string): Promise<string> {
  return (await programOf(text)).map((word) => `"${word}"`).join(" ");
}
