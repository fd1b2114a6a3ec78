// The sum of many simulated worlds: a digest of all their histories, and where each fault happened.
import { createHash, type Hash } from "node:crypto";
import { ALL_KINDS, type Coverage } from "./faults.ts";
import type { Result } from "./world.ts";

export class Total {
  readonly coverage: Coverage = new Map();
  /** The seeds with a broken promise. */
  readonly failed: number[] = [];
  readonly #digest: Hash = createHash("sha256");
  #worlds = 0;
  #lines = 0;
  #faults = 0;
  #polls = 0;
  #time = 0;

  add({ seed, digest, lines, faults, coverage, polls, time, violation }: Result): void {
    this.#digest.update(digest);
    this.#worlds++;
    this.#lines += lines;
    this.#faults += faults.length;
    this.#polls = Math.max(this.#polls, polls);
    this.#time += time;
    if (violation !== undefined) this.failed.push(seed);
    for (const [kind, steps] of coverage) {
      const sum = this.coverage.get(kind) ?? new Map<string, number>();
      for (const [step, count] of steps) sum.set(step, (sum.get(step) ?? 0) + count);
      this.coverage.set(kind, sum);
    }
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

/** The table of fault × step. */
export function tableOf(coverage: Coverage): string {
  return ALL_KINDS.map((kind) => {
    const steps = [...(coverage.get(kind) ?? [])].sort(([, a], [, b]) => b - a);
    return `${kind.padEnd(20)} ${steps.map(([step, count]) => `${step}: ${count}`).join(", ") || "never"}`;
  }).join("\n");
}
