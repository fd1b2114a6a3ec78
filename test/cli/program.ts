// Programs that the command line is to start, on every platform: scripts of the Node that runs the tests.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { newDirectory } from "./place.ts";

/** The words that run a module with this text; it gets the arguments that come after them. */
export async function programOf(text: string): Promise<[program: string, script: string]> {
  const script = join(await newDirectory(), "program.mjs");
  await writeFile(script, text);
  return [process.execPath, script];
}

/** The same as a line of a command. */
export async function lineOf(text: string): Promise<string> {
  return (await programOf(text)).map((word) => `"${word}"`).join(" ");
}
