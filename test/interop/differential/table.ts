// A table of the known differences, with the number of cases that show them.
import type { Difference, OtherClient } from "./differences.ts";

export interface Tally {
  /** Each client with its version, and in how many cases its outcome is that of ours. */
  readonly clients: Readonly<Record<OtherClient, { readonly version: string; readonly same: number }>>;
  readonly cases: number;
  readonly shown: ReadonlyMap<Difference, number>;
}

export function differenceTable({ clients, cases, shown }: Tally): string {
  const rows = Object.entries(clients).flatMap(([client, { version, same }]) => [
    "",
    `${client} (${version.trim()}): the same in ${same} of ${cases} cases; in the others it`,
    ...Array.from(shown)
      .filter(([difference]) => difference.client === client)
      .map(([{ does }, count]) => `${String(count).padStart(6)}  ${does}`),
  ]);
  return [...rows, "\n"].join("\n");
}
