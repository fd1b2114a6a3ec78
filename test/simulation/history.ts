// What happened in a simulated world, line by line, and a digest of it: two runs with the same digest were the same.
import { createHash, type Hash } from "node:crypto";

export class History {
  readonly #hash: Hash = createHash("sha256");
  readonly #listener: ((line: string) => void) | undefined;
  /** The last lines, to show with what went wrong. */
  readonly last: string[] = [];
  lines = 0;

  constructor(listener?: (line: string) => void) {
    this.#listener = listener;
  }

  /** `now`: milliseconds of simulated time. `who`: the process, or another part of the world. */
  add(now: number, who: string, what: string): void {
    const line = `${(now / 1000).toFixed(6)} ${who} ${what}`;
    this.#hash.update(`${line}\n`);
    this.lines++;
    this.last.push(line);
    if (this.last.length > 400) this.last.splice(0, 200);
    this.#listener?.(line);
  }

  /** The digest of all lines. No line may follow. */
  digest(): string {
    return this.#hash.digest("hex").slice(0, 16);
  }
}
