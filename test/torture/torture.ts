// One run of the command line in which one system call fails, and what is wrong after it.
import { COMMANDS, type Command } from "./commands.ts";
import { faultNamed, nameOf, textOf, type Fault, type LoggedCall } from "./shim.ts";
import { World, type Ended } from "./world.ts";

/** The exit codes that docs/command-line.md has for a failure at a place, in addition to 0. */
const CODES: Readonly<Record<string, readonly number[]>> = {
  socket: [69],
  stdout: [73],
  stderr: [73],
  state: [74],
  home: [74],
  // The directory above the ledger and the places.
  root: [73, 74],
  config: [78],
  // A program that takes mail, or one that prints a secret.
  process: [73, 78],
  pipe: [73, 78],
  ca: [78],
};
/** A place of mail. */
const DESTINATION = [73];

export interface Torture {
  readonly ended: Ended;
  /** What is wrong; an empty list if nothing is. */
  readonly wrong: readonly string[];
}

/** Runs a command without a fault. Resolves with its calls. Throws if it does not succeed. */
export async function callsOf(command: Command, library: string): Promise<readonly LoggedCall[]> {
  await using world = await World.create(command.world);
  await command.prepare(world);
  const ended = await world.run(command.words(world), library);
  const wrong = [...faultsOf(ended), ...(await command.judge(world, ended))];
  if (ended.code !== 0 || wrong.length > 0)
    throw new Error(`popwright ${command.name} failed without a fault: ${told(ended, wrong)}`);
  return ended.calls;
}

export async function torture(command: Command, fault: Fault, library: string): Promise<Torture> {
  await using world = await World.create(command.world);
  await command.prepare(world);
  const ended = await world.run(command.words(world), library, fault);
  const wrong = [...faultsOf(ended), ...(await command.judge(world, ended))];
  if (wrong.length === 0) return { ended, wrong };
  const repeat = `POPWRIGHT_TORTURE="${command.name}: ${textOf(fault)}" npm run test:torture`;
  const at = ended.hit === undefined ? "not reached" : `${nameOf(ended.hit)} ${ended.hit.path}`.trim();
  return {
    ended,
    wrong: [`popwright ${command.name}: ${textOf(fault)} (${at})\n${repeat}\n${told(ended, wrong)}`],
  };
}

function told({ code, stderr, stdout }: Ended, wrong: readonly string[]): string {
  const outputs = `exit code ${String(code)}\nstdout: ${stdout.toString().slice(0, 2000)}\nstderr: ${stderr}`;
  return `${wrong.map((each) => `- ${each}`).join("\n")}\n${outputs}`;
}

/** Returns what is wrong with the end of a process, whatever it was to do. */
function faultsOf({ code, signal, hung, stdout, stderr, hit }: Ended): string[] {
  if (hung) return ["it does not end"];
  if (signal !== null) return [`${signal} ended it`];
  const wrong: string[] = [];
  const said = `${stdout.toString()}${stderr}`;
  if (/^\s+at |node:internal|Unhandled|\bReferenceError|\bTypeError/m.test(said))
    wrong.push("it shows an internal error");
  if (code === null || code === 0) return wrong;
  const codes = hit === undefined ? [] : (CODES[hit.place] ?? DESTINATION);
  const isLogin = code === 77 && said.includes("instead of replying to the login");
  if (!codes.includes(code) && !isLogin)
    wrong.push(`exit code ${String(code)} instead of 0 or ${codes.join(", ")}`);
  const isSilenced = hit?.place === "stderr" || hit?.place === "stdout";
  if (!isSilenced && !/^(?:popwright|ann@[\d.]+:\d+): \S|^FAIL /m.test(said))
    wrong.push("it does not say what happened");
  return wrong;
}

/** Parses "fetch into Maildir: write Mail 2: ENOSPC". */
export function tortureNamed(text: string): readonly [Command, Fault] {
  const command = COMMANDS.find(({ name }) => text.startsWith(`${name}: `));
  if (command === undefined)
    throw new Error(`"${text}" must begin with one of: ${COMMANDS.map(({ name }) => name).join(", ")}`);
  return [command, faultNamed(text.slice(command.name.length + 2))];
}
