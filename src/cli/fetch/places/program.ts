// A program that gets each message on its standard input. It gets none of our secrets.
import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { Command } from "../../../fetch/index.ts";
import { printable } from "../../../protocol/printable.ts";
import type { PlaceKind } from "./place.ts";

/** A program and its arguments. */
export const command: PlaceKind<readonly string[]> = {
  read: (path, value, fields) => fields.command(path, value) ?? [],
  shown: ([program = ""]) => program,
  create: ([program = "", ...args], { env }) => new Command(program, args, { env }),
  // The program is not started: it would wait for a message, and may store an empty one.
  async check([program = ""], { env }) {
    const path = await pathOfProgram(program, env["PATH"] ?? env["Path"] ?? "");
    const text = path === undefined ? `${program} was not found, or cannot be executed` : `${path} was found`;
    return { lines: [{ name: "program", ok: path !== undefined, text: printable(text) }] };
  },
};

async function pathOfProgram(program: string, searched: string): Promise<string | undefined> {
  const isPath = /[/\\]/.test(program);
  const directories = isPath ? [""] : searched.split(delimiter).filter((directory) => directory !== "");
  // Windows adds the extension.
  const endings = process.platform === "win32" ? ["", ".exe", ".com"] : [""];
  for (const directory of directories) {
    for (const ending of endings) {
      const path = `${directory === "" ? program : join(directory, program)}${ending}`;
      try {
        await access(path, constants.X_OK);
        return path;
      } catch {
        // It is not there.
      }
    }
  }
  return undefined;
}
