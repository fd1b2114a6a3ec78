// Reads a secret from the environment, a file, standard input, a command or a prompt. A secret is never an
// argument: other users of the machine can read arguments.
import { execFile } from "node:child_process";
import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { wordsOfCommand } from "./fetch/command-words.ts";
import { ConfigurationError, InterruptedError, UsageError } from "./usage-error.ts";
import { keepSecret, type Io } from "./io.ts";
import { printable } from "../protocol/printable.ts";
import { readFile } from "../fetch/files/read-whole.ts";

/** The time limit of a command, in milliseconds. The command may prompt the user. */
const PATIENCE = 120_000;

export interface SecretSource {
  /** The name of an environment variable. */
  readonly variable?: string | undefined;
  /**
   * A program and its arguments, or both as one line: see {@link wordsOfCommand}. The first line of its
   * output is the secret.
   */
  readonly command?: string | readonly string[] | undefined;
  /** The path of a file whose first line is the secret; `-`: standard input. */
  readonly file?: string | undefined;
  /** The options for the command and the file, as an error names them. */
  readonly options?: string | undefined;
}

/**
 * Returns a function that reads the secret. Before the first call no command runs and no prompt appears.
 * `what` names the secret for the user. `env`: the environment of the command.
 */
export function secretFrom(
  source: SecretSource,
  what: string,
  io: Io,
  env: NodeJS.ProcessEnv = io.env,
): () => Promise<string> {
  const { command, file, variable, options = "a command that prints it, or a file" } = source;
  const value = variable === undefined ? undefined : io.env[variable];
  if (value !== undefined && command === undefined && file === undefined) keepSecret(value, io);
  if (command !== undefined) {
    let printed: string | undefined;
    return async () => {
      // A run that is stopping may have to log in once more, to delete delivered messages.
      if (io.stop.aborted && printed !== undefined) return printed;
      printed = await printedBy(command, env, io);
      keepSecret(printed, io);
      return printed;
    };
  }
  let entered: Promise<string> | undefined;
  if (file === "-") return () => (entered ??= firstLineOfInput(what, io));
  // The file is read for each login: it may have been replaced since.
  if (file !== undefined) return () => firstLineOf(file, what, io);
  return async () => {
    if (value !== undefined && value !== "") return value;
    // The prompt appears once: a run that polls for days must not prompt for each login.
    if (io.stdin.isTTY === true && io.stderr.columns !== undefined)
      return (entered ??= ask(what, io).catch((error: unknown) => {
        entered = undefined;
        throw error;
      }));
    throw new UsageError(
      `the ${what} is missing: set ${printable(variable ?? "an environment variable")}, or give ${printable(options)}`,
    );
  };
}

async function firstLineOf(path: string, what: string, io: Io): Promise<string> {
  let text: string;
  try {
    text = (await readFile(path)).toString("utf8");
  } catch (error) {
    throw new ConfigurationError(
      `cannot read the ${what} in ${printable(path)}: ${printable((error as Error).message)}`,
      { cause: error },
    );
  }
  return secretIn(text, `the file ${printable(path)} must have the ${what} in its first line`, io);
}

async function firstLineOfInput(what: string, { stdin, ...io }: Io): Promise<string> {
  let text = "";
  stdin.setEncoding("utf8");
  for await (const piece of stdin) {
    text += String(piece);
    if (text.includes("\n") || text.length > LONGEST) break;
  }
  return secretIn(text, `standard input must have the ${what} in its first line`, { stdin, ...io });
}

/** The most characters of standard input that are read before its first line ends. */
const LONGEST = 100_000;

function secretIn(text: string, expected: string, io: Io): string {
  const [secret = ""] = text.replace(/^\ufeff/, "").split(/\r?\n/, 1);
  if (secret === "") throw new ConfigurationError(`${expected}, which is empty`);
  keepSecret(secret, io);
  return secret;
}

async function printedBy(
  command: string | readonly string[],
  env: NodeJS.ProcessEnv,
  { stop: signal, stderr }: Io,
): Promise<string> {
  const [program = "", ...args] = typeof command === "string" ? wordsOfCommand(command) : command;
  if (program === "") throw new UsageError("the command is empty: it must name a program");
  return new Promise((resolve, reject) => {
    const child = execFile(
      program,
      args,
      { timeout: PATIENCE, encoding: "utf8", env, signal },
      (error, stdout) => {
        const [secret = ""] = stdout.split(/\r?\n/, 1);
        // The message has neither its output nor its arguments: both may contain the secret.
        if (error !== null)
          reject(
            new ConfigurationError(
              `the command ${printable(program)} must print the secret: ${printable(reasonOf(error))}. ${adviceOn(error)}`,
            ),
          );
        else if (secret === "")
          reject(
            new ConfigurationError(
              `the command ${printable(program)} must print the secret: its first line is empty. Run it in this shell to see what it prints`,
            ),
          );
        else resolve(secret);
      },
    );
    // Its output may be incomplete: a part of the secret would count as a wrong password.
    child.stdout?.on("error", (error) => {
      reject(
        new ConfigurationError(
          `cannot read what the command ${printable(program)} prints: ${printable(error.message)}`,
          { cause: error },
        ),
      );
    });
    for (const stream of [child.stdin, child.stderr]) stream?.on("error", () => undefined);
    // Without this, a program that reads its standard input would wait forever.
    child.stdin?.end();
    // It says what is wrong, or what it waits for: a card, a passphrase.
    child.stderr?.on("data", (piece: string) => {
      stderr.write(piece).catch(() => undefined);
    });
  });
}

function adviceOn({ code }: { code?: string | number | null }): string {
  if (code === "ENOENT") return "There is no such program: check its name, and PATH";
  if (code === "EACCES") return "The file is not a program that this user may run";
  return "Run it in this shell to see why";
}

function reasonOf(error: Error & { code?: string | number | null; signal?: string | null }): string {
  if (typeof error.code === "string") return error.code;
  return typeof error.signal === "string"
    ? `it was killed by ${printable(error.signal)}`
    : `it failed with exit code ${String(error.code)}`;
}

/** The last prompt. There is one terminal, so each prompt waits for the one before it. */
let answered: Promise<unknown> = Promise.resolve();

function ask(what: string, io: Io): Promise<string> {
  const answer = answered.then(() => prompt(what, io));
  answered = answer.catch(() => undefined);
  return answer;
}

/** Prompts at the terminal, without showing the input. */
async function prompt(what: string, io: Io): Promise<string> {
  await io.stderr.write(`${what}: `);
  const silent = new Writable({
    write(_chunk, _encoding, done) {
      done();
    },
  });
  const lines = createInterface({ input: io.stdin, output: silent, terminal: true, signal: io.stop });
  try {
    const secret = await new Promise<string>((resolve, reject) => {
      lines.once("line", resolve);
      // In raw mode the terminal sends no signal.
      lines.once("SIGINT", () => {
        const error = new InterruptedError("Ctrl+C was pressed at the prompt");
        io.interrupt?.(error);
        reject(error);
      });
      lines.once("close", () => {
        reject(new UsageError("nothing was entered at the prompt"));
      });
    });
    keepSecret(secret, io);
    return secret;
  } finally {
    lines.close();
    await io.stderr.write("\n");
  }
}
