// Finds the fewest faults with which a world still breaks the same promise.
import type { Bundle } from "./bundle.ts";
import type { Fault } from "./faults.ts";
import { World, type Result } from "./world.ts";

/** Returns the world with the fewest faults, and as it was at first. */
export async function shrink(
  seed: number,
  bundle: Bundle,
): Promise<{ readonly first: Result; readonly least: Result }> {
  const first = await new World({ seed, bundle }).run();
  const promised = first.violation?.promised;
  if (promised === undefined) return { first, least: first };
  let least = first;
  const tries = async (faults: readonly Fault[]): Promise<boolean> => {
    const result = await new World({ seed, bundle, faults }).run();
    if (result.violation?.promised !== promised) return false;
    least = result;
    return true;
  };
  // Many at once, then fewer: most faults have nothing to do with the failure.
  for (let size = Math.ceil(first.faults.length / 2); size > 0; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < least.faults.length;) {
      const fewer = least.faults.filter((_, index) => index < at || index >= at + size);
      // What is left is at the same place now.
      if (fewer.length === least.faults.length || !(await tries(fewer))) at += size;
    }
  }
  return { first, least };
}
