// Runs a program, and ends it, with all processes that it has started, if it runs too long. The program reads
// its standard input from a file.
import { spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { win32 } from "node:path";
import type { Readable } from "node:stream";
import { LONGEST_TIMER } from "../../net/settle.ts";

/** The program to start, and its environment. */
export interface ProgramStart {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string | undefined;
  /** The file descriptor of its standard input. It may be closed once the program has started. */
  readonly input: number;
  /** How long the program may run; milliseconds. */
  readonly timeout: number;
}

/** How the program ended. */
export interface ProgramEnd {
  /** The exit code; `null` if a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Why we ended it. Its exit code means nothing then, because it had not finished. */
  readonly killed: "timeout" | "abort" | undefined;
  /** The end of its standard error. */
  readonly words: string;
}

type Child = ChildProcessByStdio<null, null, Readable>;

/**
 * The time between SIGTERM and SIGKILL, and the time to read the last output of a program that failed;
 * milliseconds.
 */
const [GRACE, LAST_WORDS] = [5000, 1000];
/** How much of its standard error is kept; bytes. */
const WORDS = 2048;
const WINDOWS = process.platform === "win32";

export class Program {
  /** Resolves when the program has ended, by itself or because it ran too long. */
  readonly ended: Promise<ProgramEnd>;
  readonly #child: Child;
  #words: Buffer = Buffer.alloc(0);
  #killed: ProgramEnd["killed"];
  #grace: NodeJS.Timeout | undefined;

  private constructor(child: Child, timeout: number) {
    this.#child = child;
    child.stderr.on("data", (octets: Buffer) => {
      this.#words = Buffer.concat([this.#words, octets]).subarray(-WORDS);
    });
    // A signal could not be sent: `ended` stays pending until the program ends.
    child.on("error", () => undefined);
    const clock = timeout > LONGEST_TIMER ? undefined : setTimeout(() => void this.kill("timeout"), timeout);
    this.ended = this.#untilEnd().finally(() => clearTimeout(clock));
  }

  /** Starts a program. Rejects if it cannot be started. */
  static async start({ program, args, env, cwd, input, timeout }: ProgramStart): Promise<Program> {
    const child = spawn(program, args, {
      env,
      cwd,
      stdio: [input, "ignore", "pipe"],
      windowsHide: true,
      // It has its own process group, so that the processes that it starts are ended with it.
      detached: !WINDOWS,
    }) as Child;
    const started = once(child, "spawn");
    // Its words are incomplete then. What became of the message, its exit code tells. If too many files are open,
    // the stream is missing, although the types promise one: then `started` rejects.
    (child as Partial<Child>).stderr?.on("error", () => undefined);
    await started;
    return new Program(child, timeout);
  }

  /** Ends the program, and waits until it has ended. */
  async kill(why: "timeout" | "abort"): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null && this.#killed === undefined) {
      this.#killed = why;
      if (WINDOWS) this.#endTree();
      else {
        this.#signal("SIGTERM");
        this.#grace = setTimeout(() => this.#signal("SIGKILL"), GRACE);
      }
    }
    await this.ended;
  }

  async #untilEnd(): Promise<ProgramEnd> {
    const child = this.#child;
    const closed = new Promise((resolve) => child.once("close", resolve));
    await new Promise((resolve) => child.once("exit", resolve));
    const { exitCode: code, signalCode: signal } = child;
    if (this.#killed !== undefined) {
      clearTimeout(this.#grace);
      // On Windows its process id may belong to another process by now.
      if (!WINDOWS) this.#signal("SIGKILL");
    }
    if (code !== 0) await this.#lastWords(closed);
    // A process that it left running may keep this open for ever.
    child.stderr.destroy();
    return { code, signal, killed: this.#killed, words: this.#words.toString("utf8") };
  }

  async #lastWords(closed: Promise<unknown>): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise((resolve) => (timer = setTimeout(resolve, LAST_WORDS)));
    await Promise.race([closed, late]);
    clearTimeout(timer);
  }

  /** Sends a signal to the whole process group. */
  #signal(signal: NodeJS.Signals): void {
    const { pid } = this.#child;
    try {
      if (pid === undefined) this.#child.kill(signal);
      else process.kill(-pid, signal);
    } catch {
      // The whole group has ended.
    }
  }

  /**
   * Ends the program and its children at once. Windows has no process groups, and no signal that a program
   * could handle.
   */
  #endTree(): void {
    const { SystemRoot = "C:\\Windows" } = process.env;
    const taskkill = win32.join(SystemRoot, "System32", "taskkill.exe");
    const end = (): void => void this.#child.kill();
    spawn(taskkill, ["/pid", String(this.#child.pid), "/t", "/f"], { stdio: "ignore", windowsHide: true })
      .once("error", end)
      .once("exit", end);
  }
}
