// The commands of the command line, run at a server that repeats some words in everything that it says.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { SECRET } from "../support/foreign-places.ts";
import type { Places } from "../support/foreign-words.ts";
import { newDirectory } from "../support/place.ts";
import { repeatingServer, type Habits } from "./repeating-server.ts";
import { Terminal } from "./terminal.ts";

/** Returns all that the command prints. `habits`: how the server uses the words. */
async function printed(
  words: string,
  [name = "", ...args]: readonly string[],
  habits?: Habits,
): Promise<string> {
  await using server = await repeatingServer(words, habits);
  const terminal = new Terminal();
  terminal.env["POPWRIGHT_PASSWORD"] = SECRET;
  await terminal.run(name, server.url, ...args);
  return terminal.out + terminal.err;
}

/** Fetches messages that cannot be delivered, and shows the ledger. */
async function ledgerOf(words: string, more: readonly string[]): Promise<string> {
  await using server = await repeatingServer(words, { refuse: "RETR" });
  const directory = await newDirectory();
  const state = ["--state", join(directory, "state"), ...more];
  const terminal = new Terminal();
  terminal.env["POPWRIGHT_PASSWORD"] = SECRET;
  await terminal.run("fetch", server.url, "--to", join(directory, "mail"), ...state);
  await terminal.run("ledger", ...state);
  await terminal.run("retry", server.url, ...state);
  return terminal.out + terminal.err;
}

async function recorded(words: string): Promise<string> {
  const path = join(await newDirectory(), "session.txt");
  await printed(words, ["check", "--record", path]);
  return readFile(path, "utf8");
}

const refused = (words: string): Habits => ({ greeting: `-ERR [AUTH] ${words}` });

export const COMMAND_LINES: Places = {
  check: (words) => printed(words, ["check"]),
  "check --json": (words) => printed(words, ["check", "--json"]),
  "check --pipelining": (words) => printed(words, ["check", "--pipelining"]),
  "check --record": recorded,
  "check that is refused": (words) => printed(words, ["check"], refused(words)),
  "check --json that is refused": (words) => printed(words, ["check", "--json"], refused(words)),
  "check of a refused login": (words) => printed(words, ["check"], { refuse: "PASS" }),
  list: (words) => printed(words, ["list"]),
  "list --json": (words) => printed(words, ["list", "--json"]),
  "list that is refused": (words) => printed(words, ["list"], { refuse: "LIST" }),
  "get that is refused": (words) => printed(words, ["get", "1"], { refuse: "RETR" }),
  "get of a greeting that is not one": (words) => printed(words, ["get", "1"], { greeting: `x${words}` }),
  "fetch --dry-run": (words) => printed(words, ["fetch", "--dry-run"]),
  "fetch --dry-run --json": (words) => printed(words, ["fetch", "--dry-run", "--json"]),
  "fetch of a refused login": (words) => printed(words, ["fetch", "--dry-run"], { refuse: "PASS" }),
  "fetch, ledger and retry": (words) => ledgerOf(words, []),
  "fetch, ledger and retry --json": (words) => ledgerOf(words, ["--json"]),
};
