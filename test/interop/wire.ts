// What went over the wire is read from the client's debug namespace, in the form that may be printed: TLS hides it from all others.
import { format } from "node:util";
import createDebug from "debug";

/** Records the commands of every client of this process until it is disposed of. */
export class Wire implements Disposable {
  readonly #log = createDebug.log;
  #commands: string[] = [];
  #unanswered = 0;
  #depths: number[] = [];

  constructor() {
    createDebug.log = (...args: unknown[]) => {
      const [, side, line] = / ([CS]): (.*)$/.exec(format(...args)) ?? [];
      // The greeting answers nothing.
      if (side === "S") this.#unanswered = Math.max(0, this.#unanswered - 1);
      if (side !== "C" || line === undefined) return;
      this.#commands.push(line);
      this.#depths.push(++this.#unanswered);
    };
    createDebug.enable("popwright:wire");
  }

  /** The commands since the last call, as they went out. */
  take(): string[] {
    const commands = this.#commands;
    this.#commands = [];
    this.#depths = [];
    return commands;
  }

  /** For each command since the last `take`: how many were in flight when it went out, itself included. One client alone. */
  get depths(): readonly number[] {
    return this.#depths;
  }

  [Symbol.dispose](): void {
    createDebug.disable();
    createDebug.log = this.#log;
  }
}
