// What went over the wire is read from the client's debug namespace, in the form that may be printed: TLS hides it from all others.
import { format } from "node:util";
import createDebug from "debug";

/** Records the commands of every client of this process until it is disposed of. */
export class Wire implements Disposable {
  readonly #log = createDebug.log;
  #commands: string[] = [];

  constructor() {
    createDebug.log = (...args: unknown[]) => {
      const command = / C: (.*)$/.exec(format(...args))?.[1];
      if (command !== undefined) this.#commands.push(command);
    };
    createDebug.enable("popwright:wire");
  }

  /** The commands since the last call, as they went out. */
  take(): string[] {
    const commands = this.#commands;
    this.#commands = [];
    return commands;
  }

  [Symbol.dispose](): void {
    createDebug.disable();
    createDebug.log = this.#log;
  }
}
