// A server that does not start says why, and leaves nothing running.
import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { ServerProcess, type ServerProcessOptions } from "./process.ts";
import { notInstalled } from "./tool.ts";

/** Milliseconds a server may take to start, on a machine that has ten times more to do than it can. */
const START_LIMIT = 60_000;

export interface Launch {
  /** What the server is called in errors. */
  readonly name: string;
  readonly processes: readonly ServerProcessOptions[];
  /** Whether the server does all that it is there for. */
  readonly ready: (processes: readonly ServerProcess[]) => Promise<boolean>;
  /** Log files of the server, in addition to the output of its processes. */
  readonly logs?: readonly string[];
}

/** Starts the processes of a server. Rejects with its own words if one of them ends, or if it takes too long. */
export async function launch({ name, processes, ready, logs = [] }: Launch): Promise<ServerProcess[]> {
  const running: ServerProcess[] = [];
  try {
    for (const options of processes) running.push(await ServerProcess.spawn(options));
    const deadline = Date.now() + START_LIMIT;
    while (!(await ready(running))) {
      if (!running.every((process) => process.running)) throw new Error("It ended at once.");
      if (Date.now() > deadline) throw new Error("It took too long.");
      await delay(5);
    }
    return running;
  } catch (error) {
    await stopAll(running);
    const missing = notInstalled(name, error);
    if (missing !== undefined) throw missing;
    const words = await readAll([...processes.map(({ output }) => output), ...logs]);
    throw new Error(`${name} did not start: ${String(error)} ${words}`, { cause: error });
  }
}

/** Ends the processes of a server. */
export async function stopAll(processes: readonly ServerProcess[]): Promise<void> {
  await Promise.all(processes.map((process) => process.stop()));
}

async function readAll(paths: readonly string[]): Promise<string> {
  const texts = [...new Set(paths)].map((path) => readFile(path, "utf8").catch(() => ""));
  return (await Promise.all(texts)).join("");
}
