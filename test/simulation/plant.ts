// Plants bugs in the sources, one after the other, and counts the worlds until a promise is broken.
import type { PlantedBug } from "./bugs.ts";
import { Bundle } from "./bundle.ts";
import { World } from "./world.ts";

/** Prints a line for each of the bugs. Returns how many were not found within their limit. */
export async function plantAll(
  bugs: readonly PlantedBug[],
  from: number,
  print: (line: string) => void,
): Promise<number> {
  let survived = 0;
  for (const bug of bugs) {
    const { promised, seeds } = await plant(bug, from);
    if (promised === undefined) survived++;
    const what = promised === undefined ? "NOT FOUND" : `found: ${promised}`;
    print(`${bug.name.padEnd(54)} ${String(seeds).padStart(4)} of ${String(bug.within).padEnd(5)} ${what}`);
  }
  return survived;
}

/** Returns the promise that is broken, and the number of worlds until then. */
async function plant(
  { patches, within }: PlantedBug,
  from: number,
): Promise<{ readonly promised: string | undefined; readonly seeds: number }> {
  const bundle = await Bundle.build(patches);
  for (let seeds = 1; seeds <= within; seeds++) {
    const { violation } = await new World({ seed: from + seeds - 1, bundle }).run();
    if (violation !== undefined) return { promised: violation.promised, seeds };
  }
  return { promised: undefined, seeds: within };
}
