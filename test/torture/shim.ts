// Builds the shim that makes one system call of a program fail, and reads its log.
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { constants } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const SOURCE = join(import.meta.dirname, "shim.c");

/** A system call of a run, see shim.c: the n-th one of a function at a place. */
export interface Call {
  readonly function: string;
  readonly place: string;
  readonly nth: number;
}

/** A system call in the log of a run. */
export interface LoggedCall extends Call {
  /** The path below the root, if the call has one. */
  readonly path: string;
  readonly isChosen: boolean;
}

/** What happens to a call, and whether the later calls of its function at its place share that. */
export interface Fault {
  readonly call: Call;
  /** `ENOSPC`; `late EIO`: the call is carried out, and then fails; `short`; `end`. */
  readonly what: string;
  readonly andLater: boolean;
}

/** Compiles the shim into a directory. Resolves with the path of the library. */
export async function buildShim(directory: string): Promise<string> {
  if (process.platform !== "linux")
    throw new Error(`npm run test:torture needs Linux with glibc, and this is ${process.platform}`);
  const library = join(directory, "shim.so");
  const flags = ["-std=gnu11", "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror"];
  const words = [...flags, "-o", library, SOURCE, "-ldl", "-lpthread"];
  for (const compiler of ["cc", "gcc", "clang"]) {
    try {
      await promisify(execFile)(compiler, words);
      return library;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }
  throw new Error(
    "npm run test:torture needs a C compiler (cc, gcc or clang), and none is in PATH. On Debian: apt-get install gcc libc6-dev",
  );
}

/** Returns the variables that load the shim. Without a fault, the calls are only written to the log. */
export function shimVariables(
  library: string,
  { root, log, fault }: { readonly root: string; readonly log: string; readonly fault: Fault | undefined },
): Record<string, string> {
  const variables: Record<string, string> = { LD_PRELOAD: library, TORTURE_ROOT: root, TORTURE_LOG: log };
  if (fault === undefined) return variables;
  variables["TORTURE_CALL"] = nameOf(fault.call);
  variables["TORTURE_FAULT"] = faultFor(fault.what);
  if (fault.andLater) variables["TORTURE_REST"] = "1";
  return variables;
}

function faultFor(what: string): string {
  if (what === "short" || what === "end") return what;
  const [, late, code = ""] = /^(late )?(E\w+)$/.exec(what) ?? [];
  const number = (constants.errno as Readonly<Record<string, number | undefined>>)[code];
  if (number === undefined) throw new Error(`"${what}" must be an error of the system, short or end`);
  return `${late === undefined ? "fail" : "late"} ${String(number)}`;
}

export function nameOf({ function: name, place, nth }: Call): string {
  return `${name} ${place} ${String(nth)}`;
}

export async function readLog(log: string): Promise<LoggedCall[]> {
  const lines = (await readFile(log, "utf8")).split("\n");
  return lines
    .filter((line) => line !== "")
    .map((line) => {
      const [, chosen = "", name = "", place = "", nth = "", path = ""] =
        /^(\* )?(\S+) (\S+) (\d+) (.*)$/.exec(line) ?? [];
      return { function: name, place, nth: Number(nth), path, isChosen: chosen !== "" };
    });
}

/** Parses "write Mail 2: ENOSPC", or "write Mail 2 and later: ENOSPC". */
export function faultNamed(text: string): Fault {
  const [, name = "", place = "", nth = "", later, what = ""] =
    /^(\S+) (\S+) (\d+)( and later)?: (.+)$/.exec(text) ?? [];
  if (what === "") throw new Error(`"${text}" must be like "write Mail 2: ENOSPC"`);
  return { call: { function: name, place, nth: Number(nth) }, what, andLater: later !== undefined };
}

/** The text that {@link faultNamed} parses. */
export function textOf({ call, what, andLater }: Fault): string {
  return `${nameOf(call)}${andLater ? " and later" : ""}: ${what}`;
}
