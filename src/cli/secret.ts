// Where a secret comes from: the environment, a command, or a prompt. Never an argument, which everybody on the
// machine can read.
import { execFile } from "node:child_process";
import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { wordsOfCommand } from "./fetch/command-words.ts";
import { ConfigurationError, UsageError } from "./usage.ts";
import type { Io } from "./io.ts";

/** Milliseconds that a command may take: it may ask somebody. */
const PATIENCE = 120_000;

export interface SecretSource {
  /** The name of a variable. */
  readonly variable?: string | undefined;
  /** A program and its arguments, or both as one line: see {@link wordsOfCommand}. Its first line is the secret. */
  readonly command?: string | readonly string[] | undefined;
}

/** Gives the secret when it is asked for. Nothing is asked for before that. */
export function secretFrom(source: SecretSource, what: string, io: Io): () => Promise<string> {
  const { command, variable } = source;
  if (command !== undefined) {
    let printed: string | undefined;
    return async () => {
      // Whoever ends may have something to delete yet, and a session to log in to for that.
      if (io.stop.aborted && printed !== undefined) return printed;
      return (printed = await printedBy(command, io.stop));
    };
  }
  let entered: Promise<string> | undefined;
  return async () => {
    const value = variable === undefined ? undefined : io.env[variable];
    if (value !== undefined && value !== "") return value;
    // Asked once: who polls for days is not asked each time.
    if (io.stdin.isTTY === true && io.stderr.columns !== undefined)
      return (entered ??= ask(what, io).catch((error: unknown) => {
        entered = undefined;
        throw error;
      }));
    throw new UsageError(`no ${what}: set ${variable ?? "a variable"}, or give a command that prints it`);
  };
}

function printedBy(command: string | readonly string[], signal: AbortSignal): Promise<string> {
  const [program = "", ...args] = typeof command === "string" ? wordsOfCommand(command) : command;
  return new Promise((resolve, reject) => {
    const child = execFile(
      program,
      args,
      { timeout: PATIENCE, encoding: "utf8", signal },
      (error, stdout) => {
        const [secret = ""] = stdout.split(/\r?\n/, 1);
        // Neither its output nor its arguments: either may have a secret in it.
        if (error !== null)
          reject(
            new ConfigurationError(`the command ${program} did not give the secret: ${reasonOf(error)}`),
          );
        else if (secret === "") reject(new ConfigurationError(`the command ${program} printed no secret`));
        else resolve(secret);
      },
    );
    // One that reads would wait for what nobody types.
    child.stdin?.end();
  });
}

function reasonOf(error: Error & { code?: string | number | null; signal?: string | null }): string {
  if (typeof error.code === "string") return error.code;
  return typeof error.signal === "string"
    ? `it was ended by ${error.signal}`
    : `exit code ${String(error.code)}`;
}

/** The terminal is one: several questions are asked one after the other. */
let answered: Promise<unknown> = Promise.resolve();

function ask(what: string, io: Io): Promise<string> {
  const answer = answered.then(() => prompt(what, io));
  answered = answer.catch(() => undefined);
  return answer;
}

/** Asks at the terminal, without showing what is typed. */
async function prompt(what: string, io: Io): Promise<string> {
  await io.stderr.write(`${what}: `);
  const silent = new Writable({
    write(_chunk, _encoding, done) {
      done();
    },
  });
  const lines = createInterface({ input: io.stdin, output: silent, terminal: true, signal: io.stop });
  try {
    return await new Promise<string>((resolve, reject) => {
      lines.once("line", resolve);
      lines.once("close", () => {
        reject(new UsageError("nothing was entered"));
      });
    });
  } finally {
    lines.close();
    await io.stderr.write("\n");
  }
}
