// Failures that the simulation has found: with the sources as they are, no promise is broken; without the fix, it is.
import { expect, test } from "vitest";
import { Bundle } from "./bundle.ts";
import { faultOf, nameOf } from "./faults.ts";
import { KEPT, type KeptWorld } from "./kept.ts";
import { PLAIN } from "./scenario.ts";
import { World, type Result } from "./world.ts";

/** Latencies differ from seed to seed. A change of the simulation changes them, too. */
const SEEDS = 10;

async function runAll({ scenario, faults }: KeptWorld, bundle: Bundle): Promise<Result[]> {
  const results: Result[] = [];
  for (let seed = 1; seed <= SEEDS; seed++)
    results.push(
      await new World({
        seed,
        bundle,
        scenario: { ...PLAIN, ...scenario },
        faults: faults.map(faultOf),
      }).run(),
    );
  return results;
}

const fixed = Bundle.build();

test.each(KEPT)("$name", async (kept) => {
  const results = await runAll(kept, await fixed);
  expect(results.map(({ violation }) => violation)).toEqual(results.map(() => undefined));
  const happened = results.map(({ faults }) => faults.map(nameOf));
  expect(happened, "all faults happen in one of the worlds").toContainEqual(kept.faults);
  const undone = await runAll(kept, await Bundle.build(kept.undo));
  expect(undone.map(({ violation }) => violation?.promised)).toContain(kept.promised);
});
