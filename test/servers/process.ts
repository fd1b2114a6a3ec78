// A server is ended by its pid, and never outlives the process that started it, however that one ends.
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { withServerPath } from "./tool.ts";

/** Milliseconds a server is given to end by itself. */
const GRACE = 1000;

/**
 * Waits for a word or for the end of its input. The input is a pipe from the test process, which the system
 * closes when that process is gone, be it by SIGKILL; an exit hook would miss that, and Ctrl-C as well.
 * `$1` is the server's process group, `$2` its directory.
 */
const GUARD = 'read word && exit 0; kill -s KILL -- "-$1" 2>/dev/null; rm -rf -- "$2"';

/** What `ServerProcess.spawn` needs to know. */
export interface ServerProcessOptions {
  /** The program, then its arguments. It must stay in the foreground. */
  readonly command: readonly [string, ...string[]];
  /** Added to the environment of the caller. */
  readonly env?: Readonly<Record<string, string>>;
  /** The server's directory, removed if the test process ends before `stop()`. */
  readonly directory: string;
  /** The file that takes standard output and error: with a pipe, the test process would wait for the server. */
  readonly output: string;
}

/** A server that runs in the foreground, in a process group of its own. */
export class ServerProcess {
  readonly pid: number;
  /** Fulfils when the server has ended and its pid was reaped. */
  readonly exited: Promise<void>;
  readonly #child: ChildProcess;
  readonly #guard: ChildProcess;
  #running = true;

  /** Starts a server. Rejects with the system's error (`ENOENT`: not installed) if it cannot be started. */
  static async spawn(options: ServerProcessOptions): Promise<ServerProcess> {
    const [file, ...args] = options.command;
    const output = openSync(options.output, "a");
    try {
      const env = withServerPath(options.env);
      const stdio = ["ignore" as const, output, output];
      const child = spawn(file, args, { cwd: options.directory, env, stdio, detached: true });
      await once(child, "spawn");
      return new ServerProcess(child, options.directory);
    } finally {
      closeSync(output);
    }
  }

  private constructor(child: ChildProcess, directory: string) {
    if (child.pid === undefined) throw new Error("A spawned process has no pid.");
    this.pid = child.pid;
    this.#child = child;
    this.exited = new Promise((resolve) => {
      child.once("exit", () => {
        this.#running = false;
        resolve();
      });
    });
    this.#guard = spawn("/bin/sh", ["-c", GUARD, "guard", String(child.pid), directory], {
      stdio: ["pipe", "ignore", "ignore"],
      detached: true,
    });
    // A guard that was killed itself needs no word.
    this.#guard.stdin?.on("error", () => undefined);
    // A test that forgets stop() must not keep its process alive: the guard cleans up after it.
    child.unref();
    this.#guard.unref();
  }

  get running(): boolean {
    return this.#running;
  }

  /**
   * Ends the server: SIGTERM, and SIGKILL after 1 s or to what is left when the server itself is gone. Both go to
   * its whole process group: a Dovecot that alone gets SIGTERM waits for its log process, which waits for it.
   */
  async stop(): Promise<void> {
    if (this.#running) {
      this.#child.ref();
      this.#signal("SIGTERM");
      // Again and again, for a process of the group that is just starting may miss it.
      const reminder = setInterval(() => this.#signal("SIGTERM"), 50);
      const deadline = setTimeout(() => this.#signal("SIGKILL"), GRACE);
      await this.exited;
      clearInterval(reminder);
      clearTimeout(deadline);
    }
    await this.kill();
  }

  /** Ends the server as a crash would: SIGKILL to its whole process group, without notice to any client. */
  async kill(): Promise<void> {
    this.#child.ref();
    this.#signal("SIGKILL");
    await this.exited;
    this.#guard.stdin?.end("stopped\n");
  }

  #signal(signal: NodeJS.Signals): void {
    try {
      process.kill(-this.pid, signal);
    } catch (error) {
      // Nobody is left in the group.
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }
}
