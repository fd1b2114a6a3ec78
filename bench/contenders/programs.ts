// Clients that are programs. They take part if they are installed. All but Python are measured from their
// start to their end. mpop and fetchmail also deliver the messages.
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { accessSync, constants } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { NoOutcome, type Outcome } from "../job.ts";
import { HOST, PASS, SERVER_NAME, type Target } from "./contender.ts";
import { bench } from "../stage.ts";

/** The parameters of a program in addition to its target. */
interface Errand {
  /** A directory with `ca.pem`, and for the files of the program. */
  readonly directory: string;
  readonly count: number;
  /** The maximum seconds. */
  readonly limit: number;
  /** Whether to measure from the connect to QUIT instead of only RETR. */
  readonly session?: boolean;
}

export interface Program {
  readonly name: string;
  /** The command that must be installed. */
  readonly command: string;
  fetch(target: Target, errand: Errand): Promise<Outcome>;
  /** Returns the SHA-256 of each message, in order, as the program stores it. */
  digests?(target: Target, errand: Errand): Promise<string[]>;
}

/** Finds a command as the shell does, also in the directories of the system administrator. */
function found(command: string): string | undefined {
  return [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/sbin"]
    .map((directory) => join(directory, command))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

export function installedPrograms(): Program[] {
  return programs.filter(({ command }) => found(command) !== undefined);
}

export function isInstalled(command: string): boolean {
  return found(command) !== undefined;
}

/** Runs a program to its end. Resolves with its output and the milliseconds it took. */
function run(
  command: string,
  args: readonly string[],
  limit: number,
  cwd?: string,
  env: Readonly<Record<string, string>> = {},
): Promise<{ out: string; ms: number }> {
  return new Promise((resolve, reject) => {
    const began = performance.now();
    const options = {
      timeout: limit * 1000,
      killSignal: "SIGKILL" as const,
      maxBuffer: Infinity,
      cwd,
      env: { ...process.env, ...env },
    };
    execFile(found(command) ?? command, args, options, (error, out, complaint) => {
      if (error === null) resolve({ out, ms: performance.now() - began });
      else if (error.killed === true) reject(new NoOutcome(`not finished after ${limit} s`));
      else reject(new NoOutcome(firstLine(complaint) || firstLine(error.message)));
    });
  });
}

/** Runs a program to its end. Resolves with the milliseconds and the CPU milliseconds that it took. */
export async function timed(
  command: string,
  args: readonly string[],
  limit: number,
  env: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  // The second line of `times` is about the processes that the shell has started: `0m1.23s 0m0.45s`.
  const script = '"$@" >/dev/null; code=$?; times; exit $code';
  const shell = ["-c", script, "sh", found(command) ?? command, ...args];
  const { out, ms } = await run("sh", shell, limit, undefined, env);
  const seconds = (out.split("\n")[1] ?? "").split(" ").map((time) => {
    const [minutes, rest] = time.split("m");
    return Number(minutes) * 60 + Number.parseFloat(rest ?? "");
  });
  return { ms, cpu: seconds.reduce((sum, each) => sum + each, 0) * 1000 };
}

/** Shortens an error output for the table. */
function firstLine(complaint: string): string {
  return complaint.trim().split("\n", 1)[0]?.slice(0, 60) ?? "";
}

/** Makes a directory for a program and removes it afterwards. */
async function within<T>(errand: Errand, work: (directory: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(errand.directory, "run-"));
  try {
    return await work(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

interface PythonSays {
  readonly ms: number;
  readonly cpu: number;
  readonly peak: number;
  readonly digests: string[];
}

async function python(target: Target, errand: Errand, verify: boolean): Promise<PythonSays> {
  const job = {
    port: target.port,
    mailbox: target.mailbox,
    ca: target.ca === undefined ? null : join(errand.directory, "ca.pem"),
    session: errand.session,
    verify,
  };
  const script = join(bench, "contenders/python_poplib.py");
  const { out } = await run("python3", [script, JSON.stringify(job)], errand.limit);
  return JSON.parse(out) as PythonSays;
}

const pythonPoplib: Program = {
  name: "Python poplib",
  command: "python3",
  async fetch(target, errand) {
    const { ms, cpu, peak } = await python(target, errand, false);
    return { ms, cpu, peak };
  },
  async digests(target, errand) {
    return (await python(target, errand, true)).digests;
  },
};

function curlArguments({ port, ca, mailbox }: Target, errand: Errand, output: string): string[] {
  const trust = ca === undefined ? [] : ["--cacert", join(errand.directory, "ca.pem")];
  const url = `${ca === undefined ? "pop3" : "pop3s"}://${HOST}:${port}/[1-${errand.count}]`;
  return ["--silent", "--show-error", ...trust, "--user", `${mailbox}:${PASS}`, "--output", output, url];
}

const curl: Program = {
  name: "curl",
  command: "curl",
  async fetch(target, errand) {
    const { ms } = await run("curl", curlArguments(target, errand, "/dev/null"), errand.limit);
    return { ms };
  },
  digests: (target, errand) =>
    within(errand, async (directory) => {
      await run("curl", curlArguments(target, errand, "#1"), errand.limit, directory);
      const digests: string[] = [];
      for (let number = 1; number <= errand.count; number++) {
        const octets = await readFile(join(directory, String(number)));
        digests.push(createHash("sha256").update(octets).digest("hex"));
      }
      return digests;
    }),
};

/** The arguments with which mpop fetches a whole mailbox. `directory`: for its files. */
export function mpopArguments(
  { port, ca, mailbox }: Target,
  directory: string,
  delivery: string,
  trust: readonly string[] = [],
): string[] {
  return [
    `--host=${SERVER_NAME}`,
    `--port=${port}`,
    `--user=${mailbox}`,
    `--passwordeval=echo ${PASS}`,
    "--auth=user",
    ...(ca === undefined ? ["--tls=off"] : trust),
    "--keep=on",
    "--half-quiet",
    "--received-header=off",
    `--uidls-file=${join(directory, "uidls")}`,
    `--delivery=${delivery}`,
  ];
}

const mpop: Program = {
  name: "mpop",
  command: "mpop",
  fetch: (target, errand) =>
    within(errand, async (directory) => {
      const trust = [
        "--tls=on",
        "--tls-starttls=off",
        `--tls-trust-file=${join(errand.directory, "ca.pem")}`,
      ];
      const args = mpopArguments(target, directory, `mbox,${join(directory, "mbox")}`, trust);
      const { ms } = await run("mpop", args, errand.limit);
      return { ms };
    }),
};

const fetchmail: Program = {
  name: "fetchmail",
  command: "fetchmail",
  fetch: ({ port, ca, mailbox }, errand) =>
    within(errand, async (directory) => {
      const trust = `ssl sslcertfile "${join(errand.directory, "ca.pem")}" sslcertck`;
      const file = join(directory, "fetchmailrc");
      await writeFile(
        file,
        `poll ${SERVER_NAME} service ${port} protocol pop3 timeout 60\n` +
          `  user "${mailbox}" password "${PASS}" fetchall keep ${ca === undefined ? 'sslproto ""' : trust}\n` +
          `  bsmtp "${join(directory, "batch")}"\n`,
        { mode: 0o600 },
      );
      const files = ["--pidfile", join(directory, "pid"), "--idfile", join(directory, "ids")];
      const { ms } = await run("fetchmail", ["--silent", "-f", file, ...files], errand.limit);
      return { ms };
    }),
};

const programs: readonly Program[] = [pythonPoplib, curl, mpop, fetchmail];
