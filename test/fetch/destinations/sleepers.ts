// Runs of code that fall asleep before a chosen file system call, and continue when they are woken. A test
// file that uses this needs `vi.mock("node:fs/promises", { spy: true })`.
import { AsyncLocalStorage } from "node:async_hooks";
import * as files from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { vi, type Mock } from "vitest";
import { fileHandlePrototype, methodOf } from "./broken-files.ts";

const FUNCTIONS = ["open", "link", "lstat", "readdir", "realpath", "rename", "rm", "stat", "unlink"] as const;
const METHODS = ["appendFile", "chmod", "datasync", "read", "stat"] as const;
const MORE_METHODS = ["sync", "truncate", "write", "writeFile"] as const;

/** Whether one falls asleep before this step; `nth` counts its steps from 0 on. */
type Moment = (step: string, nth: number) => boolean;

export class Sleeper {
  readonly #isNow: Moment;
  #steps = 0;
  #isOver = false;
  /** The step before which it fell asleep. */
  step: string | undefined;
  #fellAsleep!: () => void;
  #wake!: () => void;
  readonly #asleep = new Promise<void>((resolve) => (this.#fellAsleep = resolve));
  readonly #woken = new Promise<void>((resolve) => (this.#wake = resolve));

  constructor(isNow: Moment) {
    this.#isNow = isNow;
  }

  /** Starts it. Resolves when it sleeps or is done; what it is to become is settled later. */
  async start<T>(
    work: () => Promise<T>,
  ): Promise<{ readonly isAsleep: boolean; readonly outcome: Promise<T> }> {
    const outcome = current.run(this, work);
    const done = outcome.then(
      () => undefined,
      () => undefined,
    );
    await Promise.race([this.#asleep, done]);
    return { isAsleep: this.step !== undefined && !this.#isOver, outcome };
  }

  wake(): void {
    this.#isOver = true;
    this.#wake();
  }

  async passing(step: string): Promise<void> {
    if (this.step !== undefined || !this.#isNow(step, this.#steps++)) return;
    this.step = step;
    this.#fellAsleep();
    await this.#woken;
  }
}

const current = new AsyncLocalStorage<Sleeper>();

/** From now on, until all mocks are restored, sleepers fall asleep. */
export async function watchSteps(): Promise<void> {
  const original = await vi.importActual<typeof files>("node:fs/promises");
  for (const name of FUNCTIONS) {
    const call = original[name] as (...args: unknown[]) => Promise<unknown>;
    (vi.mocked(files[name]) as unknown as Mock).mockImplementation(async (...args: unknown[]) => {
      await current.getStore()?.passing(name);
      return call(...args);
    });
  }
  const prototype = await fileHandlePrototype();
  for (const name of [...METHODS, ...MORE_METHODS]) {
    const call = methodOf(prototype, name);
    (vi.spyOn(prototype, name) as unknown as Mock).mockImplementation(async function (
      this: FileHandle,
      ...args: unknown[]
    ) {
      await current.getStore()?.passing(`file.${name}`);
      return call.apply(this, args);
    });
  }
}
