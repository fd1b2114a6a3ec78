// Runs an example as it is, in a process of its own, and gives what it prints.
import { spawn, type ChildProcess } from "node:child_process";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { pathToFileURL } from "node:url";
import { onTestFinished } from "vitest";

const root = join(import.meta.dirname, "../..");
const tsx = pathToFileURL(join(root, "node_modules/tsx/dist/esm/index.mjs")).href;

export interface Program {
  readonly child: ChildProcess;
  /** Resolves with the match when the standard output has one. Rejects if the process ends before. */
  until(wanted: RegExp): Promise<RegExpExecArray>;
  /** Resolves when the process has ended. */
  readonly outcome: Promise<{
    readonly stdout: string;
    readonly stderr: string;
    readonly code: number | null;
  }>;
}

/** Starts `examples/with-packages/NAME` in the folder, with these variables of the environment. */
export function start(
  [name = "", ...args]: readonly string[],
  folder: string,
  env: Readonly<Record<string, string>>,
): Program {
  const file = join(root, "examples/with-packages", name);
  const child = spawn(process.execPath, ["--import", tsx, file, ...args], {
    cwd: folder,
    env: {
      ...process.env,
      TSX_TSCONFIG_PATH: join(root, "examples/with-packages/tsconfig.json"),
      NODE_EXTRA_CA_CERTS: join(folder, "ca.pem"),
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let stdout = "";
  const closed = new Promise<number | null>((resolve) => child.once("close", resolve));
  const errors = text(child.stderr);
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    stdout += chunk;
  });
  return {
    child,
    until: (wanted) =>
      new Promise((resolve, reject) => {
        const check = (): void => {
          const match = wanted.exec(stdout);
          if (match !== null) resolve(match);
        };
        child.stdout.on("data", check);
        child.stdout.once("end", () => {
          void errors.then((stderr) =>
            reject(new Error(`it ended without ${String(wanted)}: ${stdout}${stderr}`)),
          );
        });
        check();
      }),
    outcome: Promise.all([errors, closed]).then(([stderr, code]) => ({ stdout, stderr, code })),
  };
}
