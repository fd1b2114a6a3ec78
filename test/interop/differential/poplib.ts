// Runs cases through Python's poplib: all of them in one process, with one session for each.
import { fileURLToPath } from "node:url";
import { run } from "../../servers/tool.ts";
import type { Outcome } from "../../support/exchange.ts";
import type { Stage, Task } from "./stage.ts";

const SCRIPT = fileURLToPath(new URL("poplib_session.py", import.meta.url));
/** Without what the environment or the user has Python load. */
const PYTHON = ["python3", "-I"] as const;

/** What poplib's release is that of. */
export function pythonVersion(): Promise<string> {
  return run([...PYTHON, "--version"]);
}

/**
 * Returns the outcomes of each task's lines. Each message has its own session, too: if poplib ends a message
 * too early, it would give the rest to the next one.
 */
export async function poplibOutcomes({ password }: Stage, tasks: readonly Task[]): Promise<Outcome[][]> {
  const input = JSON.stringify([password, tasks.map(({ port, user, lines }) => [port, user, lines])]);
  return JSON.parse(await run([...PYTHON, SCRIPT], { input })) as Outcome[][];
}
