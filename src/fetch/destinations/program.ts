// A program that runs, with all that it starts: it takes what it is given at its own pace, and is ended where it keeps
// us waiting for too long.
import { spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";

/** What is started, and how. */
export interface ProgramStart {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string | undefined;
  /** For so long it may keep us waiting; milliseconds. */
  readonly timeout: number;
}

/** How it has ended. */
export interface ProgramEnd {
  /** `null`: by a signal. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Why it was made to end: whatever it says then, it has not seen the end of its input, or was not done with it. */
  readonly killed: "timeout" | "abort" | undefined;
  /** The last of what it has written to its standard error. */
  readonly words: string;
}

type Child = ChildProcessByStdio<Writable, null, Readable>;

/** Between SIGTERM and SIGKILL, and for the last words of what has failed; milliseconds. */
const [GRACE, LAST_WORDS] = [5000, 1000];
/** How much of its standard error is kept; octets. */
const WORDS = 2048;
/** The longest time of a timer; milliseconds. */
const LONGEST = 0x7fff_ffff;
const WINDOWS = process.platform === "win32";

export class Program {
  /** Resolves when it is gone. */
  readonly ended: Promise<ProgramEnd>;
  readonly #child: Child;
  readonly #timeout: number;
  #end: ProgramEnd | undefined;
  #words: Buffer = Buffer.alloc(0);
  #killed: ProgramEnd["killed"];
  #grace: NodeJS.Timeout | undefined;

  private constructor(child: Child, timeout: number) {
    this.#child = child;
    this.#timeout = timeout;
    // It need not read all that it is given: what became of the message is what it says in the end.
    child.stdin.on("error", () => undefined);
    child.stderr.on("data", (octets: Buffer) => {
      this.#words = Buffer.concat([this.#words, octets]).subarray(-WORDS);
    });
    // A signal that does not reach it: that will be seen by its not ending.
    child.on("error", () => undefined);
    this.ended = this.#untilEnd();
  }

  /** Rejects where it cannot be started. */
  static async start({ program, args, env, cwd, timeout }: ProgramStart): Promise<Program> {
    const child = spawn(program, args, {
      ...{ env, cwd, stdio: ["pipe", "ignore", "pipe"], windowsHide: true },
      // A process group of its own, so that what it starts is ended with it.
      detached: !WINDOWS,
    });
    await once(child, "spawn");
    return new Program(child, timeout);
  }

  /** `undefined`: it runs. */
  get end(): ProgramEnd | undefined {
    return this.#end;
  }

  /** Gives it octets. What is returned is waited for before the next, and resolves when it is gone, too. */
  write(octets: Buffer): Promise<void> | void {
    const { stdin } = this.#child;
    if (!stdin.writable || stdin.write(octets)) return;
    const taken = new Promise<void>((resolve) => {
      const done = (): void => {
        stdin.off("drain", done).off("close", done);
        resolve();
      };
      stdin.on("drain", done).on("close", done);
    });
    return this.#withinTime(taken);
  }

  /** Ends its input, and waits until it is gone. */
  finish(): Promise<ProgramEnd> {
    if (this.#killed === undefined) this.#child.stdin.end();
    return this.#withinTime(this.ended);
  }

  /** Ends it, and waits until it is gone. Before that it does not see the end of its input. */
  async kill(why: "timeout" | "abort"): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null && this.#killed === undefined) {
      this.#killed = why;
      this.#signal("SIGTERM");
      this.#grace = setTimeout(() => this.#signal("SIGKILL"), GRACE);
    }
    await this.ended;
  }

  async #withinTime<T>(work: Promise<T>): Promise<T> {
    if (this.#timeout > LONGEST) return work;
    const clock = setTimeout(() => void this.kill("timeout"), this.#timeout);
    try {
      return await work;
    } finally {
      clearTimeout(clock);
    }
  }

  async #untilEnd(): Promise<ProgramEnd> {
    const child = this.#child;
    const closed = new Promise((resolve) => child.once("close", resolve));
    await new Promise((resolve) => child.once("exit", resolve));
    const { exitCode: code, signalCode: signal } = child;
    if (this.#killed !== undefined) {
      clearTimeout(this.#grace);
      this.#signal("SIGKILL");
    }
    if (code !== 0) await this.#lastWords(closed);
    // What it has left running may hold this for ever.
    child.stderr.destroy();
    return (this.#end = { code, signal, killed: this.#killed, words: this.#words.toString("utf8") });
  }

  async #lastWords(closed: Promise<unknown>): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise((resolve) => (timer = setTimeout(resolve, LAST_WORDS)));
    await Promise.race([closed, late]);
    clearTimeout(timer);
  }

  /** To all of its group. */
  #signal(signal: NodeJS.Signals): void {
    const { pid } = this.#child;
    try {
      if (WINDOWS || pid === undefined) this.#child.kill(signal);
      else process.kill(-pid, signal);
    } catch {
      // There is nobody left.
    }
  }
}
