// Runs the command line: takes the arguments, and returns the exit code.
import { Pop3Error } from "../index.ts";
import { nearest } from "../options/checks.ts";
import type { Subcommand } from "./command.ts";
import { COMMANDS, HELP } from "./command-list.ts";
import { EXIT, exitCodeOf, type ExitCode } from "./exit-codes.ts";
import { AccountError, explain } from "./explain.ts";
import { paintFor } from "./colour.ts";
import type { Help } from "./help.ts";
import { helpText } from "./help-text.ts";
import { isInterrupted, isReaderGone, masked, type Output, type Streams } from "./io.ts";
import { linesText } from "./text.ts";
import { ConfigurationError, NoMessageError, SignInError, UsageError } from "./usage-error.ts";
import { quoted } from "./usage.ts";
import { printable } from "../protocol/printable.ts";

/** Runs a command. Never rejects: an error is printed to stderr, and determines the exit code. */
export async function run(args: readonly string[], streams: Streams, version: string): Promise<ExitCode> {
  const io = masked(streams);
  const [name, ...rest] = args;
  try {
    if (name !== undefined && ["version", "--version", "-V", "-v"].includes(name)) {
      await streams.stdout.write(`${version}\n`);
      return EXIT.ok;
    }
    if (name === undefined || name === "--help" || name === "-h" || name === "help") {
      const wished = name === "help" && rest[0] !== undefined ? commandNamed(rest[0]) : undefined;
      await tellHelp(wished?.help ?? HELP, name === undefined ? streams.stderr : streams.stdout);
      return name === undefined ? EXIT.usage : EXIT.ok;
    }
    const command = commandNamed(name);
    if (rest.includes("--help") || rest.includes("-h")) {
      await tellHelp(command.help, streams.stdout);
      return EXIT.ok;
    }
    const code = await command.run(rest, io);
    return isInterrupted(io) ? EXIT.interrupted : code;
  } catch (error) {
    if (isInterrupted(io)) return EXIT.interrupted;
    // What is wrong with the arguments or the configuration is said in words of ours and of the user.
    const isOurs = error instanceof UsageError || error instanceof ConfigurationError;
    return tell(error, name, isOurs ? streams : io);
  }
}

function tellHelp(help: Help, output: Output): Promise<void> {
  return output.write(helpText(help, output.columns));
}

/** Finds a command. Throws {@link UsageError} if no command has this name. */
function commandNamed(name: string): Subcommand {
  const command = COMMANDS.find((each) => each.name === name);
  if (command !== undefined) return command;
  if (name.startsWith("-"))
    throw new UsageError(`unknown option ${quoted(name)}: options come after the name of the command`);
  const near = nearest(
    name,
    COMMANDS.map((each) => each.name),
  );
  const hint = name.includes("://")
    ? `: a command comes before the URL, as in \`popwright list URL\``
    : near === undefined
      ? ""
      : `: did you mean ${near}?`;
  throw new UsageError(`unknown command ${quoted(name)}${printable(hint)}`);
}

/** The beginning of each error. */
const NAME = "popwright:";

async function tell(error: unknown, name: string | undefined, { stderr, env }: Streams): Promise<ExitCode> {
  // The reader closed the pipe because it has enough: this is not a failure.
  if (isReaderGone(error)) return EXIT.ok;
  const code = exitCodeOf(error);
  const [what, ...advice] = explain(error);
  if (error instanceof UsageError) {
    const known = COMMANDS.some((command) => command.name === name);
    advice.push(`Run \`popwright ${known ? `${String(name)} ` : ""}--help\` for usage`);
  }
  // An internal error is printed with its stack.
  const text = isUnforeseen(error)
    ? `${NAME} ${error.stack ?? error.message}\n`
    : linesText([`${NAME} ${what ?? ""}`, ...advice], stderr.columns);
  await stderr.write(text.replace(NAME, paintFor(stderr, env)("red", NAME))).catch(() => undefined);
  return code;
}

/** Whether an error is an internal one: it comes neither from popwright nor from the operating system. */
function isUnforeseen(error: unknown): error is Error {
  const foreseen = [AccountError, UsageError, ConfigurationError, NoMessageError, SignInError].some(
    (kind) => error instanceof kind,
  );
  return error instanceof Error && !foreseen && !Pop3Error.is(error) && !("code" in error);
}
