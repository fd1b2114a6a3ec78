// A program that gets each message on its standard input. It gets none of our secrets.
import { Command } from "../../../fetch/index.ts";
import type { PlaceKind } from "./place.ts";

/** A program and its arguments. */
export const command: PlaceKind<readonly string[]> = {
  read: (path, value, fields) => fields.command(path, value) ?? [],
  shown: ([program = ""]) => program,
  create: ([program = "", ...args], { env }) => new Command(program, args, { env }),
};
