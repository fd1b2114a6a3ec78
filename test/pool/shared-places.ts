// Places on hosts for the tests of pools: counts them, and records who had one, and how it went.
import { expect } from "vitest";
import type { HostPlace, HostPlaces, PlaceOutcome, PlaceRequest } from "../../src/index.ts";

export class SharedPlaces implements HostPlaces {
  readonly asked: PlaceRequest[] = [];
  readonly outcomes: PlaceOutcome[] = [];
  /** The most places of one host that were taken at a time. */
  most = 0;
  /** If it is set, each host is full until then: milliseconds since 1970. */
  comeAt: number | undefined;
  readonly #taken = new Map<string, Set<string>>();

  /** The number of places that are taken. */
  get taken(): number {
    return [...this.#taken.values()].reduce((sum, { size }) => sum + size, 0);
  }

  async take(request: PlaceRequest): Promise<HostPlace | { readonly comeAt: number }> {
    this.asked.push(request);
    const { host, maildrop, limit } = request;
    await Promise.resolve();
    const taken = this.#taken.get(host) ?? new Set();
    this.#taken.set(host, taken);
    if (this.comeAt !== undefined || taken.size >= limit) return { comeAt: this.comeAt ?? Date.now() + 1000 };
    expect(taken.has(maildrop)).toBe(false);
    taken.add(maildrop);
    this.most = Math.max(this.most, taken.size);
    return {
      release: (outcome) => {
        expect(taken.delete(maildrop)).toBe(true);
        this.outcomes.push(outcome);
      },
    };
  }

  /** The codes of the errors with which places were released; `undefined`: none. */
  get codes(): (string | undefined)[] {
    return this.outcomes.map(({ error }) =>
      error === undefined ? undefined : ((error as { code?: string }).code ?? (error as Error).message),
    );
  }
}
