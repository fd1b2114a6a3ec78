// All ways through a program that makes choices: it runs once for each way, and each run chooses differently.

export class Choices {
  readonly #way: { at: number; readonly of: number }[] = [];
  readonly #program: string;
  #depth = 0;

  /** `program`: names it. */
  constructor(program: string) {
    this.#program = program;
  }

  /** Returns a number from 0 to `of` - 1. */
  readonly choose = (of: number): number => {
    if (of <= 1) return 0;
    const known = this.#way[this.#depth++];
    if (known !== undefined) {
      if (known.of !== of) throw new Error(`the program is not deterministic: ${known.of} ways, then ${of}`);
      return known.at;
    }
    this.#way.push({ at: 0, of });
    return 0;
  };

  /** Names the program and the choices that it has made so far. */
  get taken(): string {
    const taken = this.#way.slice(0, this.#depth).map(({ at }) => at);
    return [this.#program, ...taken].join();
  }

  /** Returns to the start of the program, to go another way. Returns `false` if it has gone all of them. */
  next(): boolean {
    this.#depth = 0;
    for (;;) {
      const last = this.#way.at(-1);
      if (last === undefined) return false;
      if (++last.at < last.of) return true;
      this.#way.pop();
    }
  }
}
