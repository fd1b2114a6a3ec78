// The sum of many simulated worlds: a digest of all their histories, and where each fault happened.
import { createHash, type Hash } from "node:crypto";
import { Coverage } from "./coverage.ts";
import type { Result } from "./world.ts";

export class Total {
  readonly coverage: Coverage = new Coverage();
  /** The seeds with a broken promise. */
  readonly failed: number[] = [];
  readonly #digest: Hash = createHash("sha256");
  #worlds = 0;
  #lines = 0;
  #faults = 0;
  #polls = 0;
  #time = 0;

  /** `isAimed`: not the seed alone has decided what happened. */
  add({ seed, digest, lines, faults, coverage, polls, time, violation }: Result, isAimed = false): void {
    this.#digest.update(digest);
    this.#worlds++;
    this.#lines += lines;
    this.#faults += faults.length;
    this.#polls = Math.max(this.#polls, polls);
    this.#time += time;
    this.coverage.add(coverage, isAimed ? undefined : seed);
    if (violation !== undefined) this.failed.push(seed);
  }

  text(): string {
    const hours = (this.#time / 3_600_000).toFixed(0);
    return [
      `${this.#worlds} worlds, ${hours} hours in them, ${this.#faults} faults, ${this.#lines} lines`,
      `after the last fault everything was delivered within ${this.#polls} polls`,
      `digest of all histories: ${this.#digest.copy().digest("hex").slice(0, 16)}`,
      this.failed.length === 0
        ? "no promise was broken"
        : `broken promises in seeds ${this.failed.join(", ")}`,
    ].join("\n");
  }
}
