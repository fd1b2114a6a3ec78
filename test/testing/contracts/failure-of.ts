// Runs one case of a contract, and returns what it rejects with. A call that never settles takes no time.
import { setImmediate as turn } from "node:timers/promises";
import { vi } from "vitest";
import type { ContractCase } from "../../../src/testing/index.ts";

/** More turns of the event loop than a case needs whose calls settle. */
const TURNS = 5000;

export async function failureOf(cases: readonly ContractCase[], name: string): Promise<Error | undefined> {
  const found = cases.filter((each) => each.name === name);
  if (found.length !== 1) throw new Error(`${found.length} cases have the name ${name}`);
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  try {
    const running = (found[0] as ContractCase).run().then(
      () => ({ error: undefined }),
      (error: unknown) => ({ error: error as Error }),
    );
    let outcome: { readonly error: Error | undefined } | undefined;
    void running.then((settled) => (outcome = settled));
    for (let at = 0; at < TURNS && outcome === undefined; at++) await turn();
    vi.advanceTimersByTime(30_000);
    return (await running).error;
  } finally {
    vi.useRealTimers();
  }
}

/**
 * The cases that find no flaw. `flaws`: each flaw, with the case that is known to find it. Flaws of other cases are
 * tried, too: one mistake may break several promises.
 */
export async function useless(
  names: readonly string[],
  flaws: Readonly<Record<string, readonly [name: string, how: RegExp]>>,
  contractOf: (flaw: string) => readonly ContractCase[],
): Promise<string[]> {
  const known = new Set(Object.values(flaws).map(([name]) => name));
  const left: string[] = [];
  for (const name of names.filter((each) => !known.has(each))) {
    let found = false;
    for (const flaw of Object.keys(flaws)) found ||= (await failureOf(contractOf(flaw), name)) !== undefined;
    if (!found) left.push(name);
  }
  return left;
}
