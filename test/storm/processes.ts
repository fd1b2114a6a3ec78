// The processes of a storm: hosts and workers. A worker that was killed is replaced at once.
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { HostCommand, HostMessage, HostReport } from "./host.ts";
import type { HostOrder, WorkerOrder } from "./settings.ts";
import { Spans } from "./spans.ts";
import type { TurnMessage, WorkerMessage } from "./worker.ts";

function start(program: string, order: HostOrder | WorkerOrder): ChildProcess {
  return fork(join(import.meta.dirname, program), {
    execArgv: ["--import", "tsx"],
    env: { ...process.env, STORM: JSON.stringify(order) },
  });
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill(signal);
  await ended;
}

/** The messages of a host that have this key. */
type Answer<Key extends string> = Extract<HostMessage, Readonly<Record<Key, unknown>>>;

export class HostProcess {
  /** When it was away. */
  readonly gone: Spans = new Spans();
  port = 0;
  readonly #child: ChildProcess;

  static async start(host: number): Promise<HostProcess> {
    const process = new HostProcess(start("host.ts", { host }));
    process.port = (await process.#next("port")).port;
    return process;
  }

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Puts a message into a maildrop. */
  add(box: string, serial: number): void {
    this.#send({ add: box, serial });
  }

  /** Goes away, and comes back when the promise has resolved. */
  async leave(until: () => Promise<unknown>): Promise<void> {
    const back = this.gone.begin();
    try {
      await this.#ask({ isGone: true }, "isGone");
      await until();
      await this.#ask({ isGone: false }, "isGone");
    } finally {
      back();
    }
  }

  async report(): Promise<HostReport> {
    return (await this.#ask({ report: true }, "report")).report;
  }

  kill(): Promise<void> {
    return end(this.#child, "SIGKILL");
  }

  #ask<Key extends string>(command: HostCommand, key: Key): Promise<Answer<Key>> {
    const answer = this.#next(key);
    this.#send(command);
    return answer;
  }

  #send(command: HostCommand): void {
    this.#child.send(command);
  }

  /** The next message that has this key. */
  #next<Key extends string>(key: Key): Promise<Answer<Key>> {
    return new Promise((resolve, reject) => {
      const hear = (message: HostMessage): void => {
        if (!(key in message)) return;
        this.#child.off("message", hear).off("exit", failed);
        resolve(message as Answer<Key>);
      };
      const failed = (): void => reject(new Error("a host has ended"));
      this.#child.on("message", hear).once("exit", failed);
    });
  }
}

export class WorkerProcess {
  /** When it was stopped. */
  readonly stopped: Spans = new Spans();
  /** When it was starting. */
  readonly starting: Spans = new Spans();
  /** How often it has ended by itself. */
  failures = 0;
  readonly #order: WorkerOrder;
  readonly #onMessage: (message: TurnMessage) => void;
  #child: ChildProcess;
  #isEnding = false;

  constructor(order: WorkerOrder, onMessage: (message: TurnMessage) => void) {
    this.#order = order;
    this.#onMessage = onMessage;
    this.#child = this.#start();
  }

  /** As a crash. Another one is started at once. */
  kill(): void {
    this.#child.kill("SIGKILL");
  }

  /** Stops it until the promise has resolved, unless it was killed meanwhile. */
  async stop(until: () => Promise<unknown>): Promise<void> {
    const child = this.#child;
    const goesOn = this.stopped.begin();
    child.kill("SIGSTOP");
    await Promise.race([until(), once(child, "exit")]);
    child.kill("SIGCONT");
    goesOn();
  }

  /** Ends it with SIGTERM. Resolves with how long it took in milliseconds, and its exit code. */
  async end(): Promise<{ readonly ms: number; readonly code: number | null }> {
    this.#isEnding = true;
    const began = performance.now();
    await end(this.#child, "SIGTERM");
    return { ms: performance.now() - began, code: this.#child.exitCode };
  }

  async destroy(): Promise<void> {
    this.#isEnding = true;
    await end(this.#child, "SIGKILL");
  }

  #start(): ChildProcess {
    const child = start("worker.ts", this.#order);
    const started = this.starting.begin();
    child.on("message", (message: WorkerMessage) => {
      if ("isReady" in message) started();
      else this.#onMessage(message);
    });
    child.once("exit", (_, signal) => {
      if (this.#isEnding) return;
      if (signal !== "SIGKILL") this.failures++;
      started();
      this.#child = this.#start();
    });
    return child;
  }
}
