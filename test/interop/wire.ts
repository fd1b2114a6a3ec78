// Reads the traffic from the client's debug namespace, in its printable form, because TLS hides it from all
// other observers.
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

  /**
   * For each command since the last `take`: how many commands were in flight when it was sent, including
   * itself. Valid for a single client only.
   */
  get depths(): readonly number[] {
    return this.#depths;
  }

  [Symbol.dispose](): void {
    createDebug.disable();
    createDebug.log = this.#log;
  }
}
