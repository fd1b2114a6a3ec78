// Wine, in which Node for Windows runs on Linux: its files, and what Wine 8 lacks of what vitest needs.
import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { forwardingDll } from "./forwarding-dll.ts";

const execute = promisify(execFile);

/** A program for Windows and its arguments, as Linux starts it. */
export function underWine(program: string, args: readonly string[]): [file: string, args: string[]] {
  return ["wine", [program, ...args]];
}

/** The path under which a program for Windows finds a file of this machine. */
function windowsPath(path: string): string {
  return `Z:${path.replaceAll("/", "\\")}`;
}

/** `modules`: where packages are found that a program's own directory does not have, as Windows sees no symbolic links. */
export function wineEnvironment(prefix: string, modules: readonly string[]): NodeJS.ProcessEnv {
  return {
    ...process.env,
    WINEPREFIX: prefix,
    WINEDEBUG: "-all",
    NODE_PATH: modules.map(windowsPath).join(";"),
    // Wine calls itself Windows 7 to some questions.
    NODE_SKIP_PLATFORM_CHECK: "1",
  };
}

/** Makes the directory in which Wine keeps its files. */
export async function makePrefix(prefix: string, env: NodeJS.ProcessEnv): Promise<void> {
  try {
    await execute("wine", ["wineboot", "--init"], { env });
  } catch (cause) {
    throw new Error("Node for Windows needs Wine: apt-get install --no-install-recommends wine wine64", {
      cause,
    });
  }
  // The compiler that vitest uses takes its random numbers from there; Wine has it from version 9 on.
  const dll = "bcryptprimitives.dll";
  const random = forwardingDll({ dll, name: "ProcessPrng", target: "advapi32.SystemFunction036" });
  await writeFile(join(prefix, "drive_c/windows/system32", dll), random);
}

/** Ends what still runs there, and waits until it is gone. */
export async function endWine(env: NodeJS.ProcessEnv): Promise<void> {
  // It fails if nothing runs any more.
  await execute("wineserver", ["--kill"], { env }).catch(() => undefined);
  await execute("wineserver", ["--wait"], { env }).catch(() => undefined);
}
