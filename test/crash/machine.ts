// The machine on which simulated processes run. It carries out their file operations one after the other, and
// can stop a process between any two of them.
import type { Disk } from "./disk.ts";
import type { Node } from "./nodes.ts";

/** A simulated process. */
export interface Process {
  readonly pid: number;
  /** A stopped process gets no results. What it has asked for before may happen, or wait. */
  stopped: boolean;
}

/** What a planted bug changes of the file system. */
export interface Distortion {
  /** Which part of a sync takes place: `"late"` leaves out the last write. @default all of it */
  sync?(path: string, node: Node): "none" | "half" | "late" | undefined;
  /** Where a write goes. @default where it should */
  position?(path: string, at: number): number;
  /** Which node a process finds under a path. @default the one that is there */
  find?(path: string, found: Node | undefined, process: Process): Node | undefined;
  /** Called with each file that a process has opened for writing. */
  openedForWriting?(path: string, node: Node, process: Process): void;
}

export interface MachineOptions {
  /** Which start of the machine this is. @default 1 */
  readonly boot?: number;
  /** The process id of the first process. @default 1000 */
  readonly firstPid?: number;
  readonly distortion?: Distortion;
}

interface Operation {
  readonly process: Process;
  readonly run: () => void;
}

export class Machine {
  disk: Disk;
  /** Changes with each start of the machine. */
  readonly boot: number;
  readonly distortion: Distortion;
  /** Called after each file operation. */
  onOperation: (process: Process) => void = () => undefined;
  #process: Process | undefined;
  readonly #alive: Set<number> = new Set();
  #queue: Operation[] = [];
  #held: Operation[] = [];
  #pumping = false;
  #nextPid: number;

  constructor(disk: Disk, { boot = 1, firstPid = 1000, distortion = {} }: MachineOptions = {}) {
    this.disk = disk;
    this.boot = boot;
    this.distortion = distortion;
    this.#nextPid = firstPid;
  }

  /** Runs a program in a process of its own, until it ends. All others must have ended, or be stopped. */
  async run<T>(program: (process: Process) => Promise<T>): Promise<T> {
    const process: Process = { pid: this.#nextPid++, stopped: false };
    this.#process = process;
    this.#alive.add(process.pid);
    try {
      return await program(process);
    } finally {
      this.#alive.delete(process.pid);
    }
  }

  /** The process that runs now. */
  get process(): Process {
    if (this.#process === undefined) throw new Error("no simulated process runs");
    return this.#process;
  }

  /** Milliseconds since 1970. */
  readonly now = (): number => Date.now();

  isAlive(pid: number): boolean {
    return this.#alive.has(pid);
  }

  /**
   * Carries out a file operation after all that were asked for before, and resolves with its result. `operation`
   * gets the number of changes that were complete when it was asked for: a sync covers no others.
   */
  operate<T>(operation: (complete: number) => T): Promise<T> {
    const { process, disk } = this;
    const complete = disk.order;
    return new Promise<T>((resolve, reject) => {
      this.#enter({
        process,
        run: () => {
          let deliver: () => void;
          try {
            const result = operation(complete);
            deliver = () => resolve(result);
          } catch (error) {
            deliver = () => reject(error instanceof Error ? error : new Error(String(error)));
          }
          this.onOperation(process);
          this.#deliver({ process, run: deliver });
        },
      });
    });
  }

  /** Calls back when the process runs: now, or when it continues. */
  whenRunning(process: Process, run: () => void): void {
    this.#deliver({ process, run });
  }

  /** Continues a stopped process. */
  continue(process: Process): void {
    process.stopped = false;
    this.#process = process;
    const held = this.#held.filter((each) => each.process === process);
    this.#held = this.#held.filter((each) => each.process !== process);
    for (const { run } of held) run();
    this.#pump();
  }

  #enter(operation: Operation): void {
    this.#queue.push(operation);
    this.#pump();
  }

  #deliver(operation: Operation): void {
    if (operation.process.stopped) this.#held.push(operation);
    else operation.run();
  }

  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    queueMicrotask(() => {
      this.#pumping = false;
      const at = this.#queue.findIndex(({ process }) => !process.stopped);
      if (at === -1) return;
      const [operation] = this.#queue.splice(at, 1);
      operation?.run();
      if (this.#queue.length > 0) this.#pump();
    });
  }
}

let current: Machine | undefined;

/** The machine that the mocked modules use. */
export function machine(): Machine {
  if (current === undefined) throw new Error("no machine is switched on");
  return current;
}

export function switchOn(next: Machine): Machine {
  current = next;
  return next;
}
