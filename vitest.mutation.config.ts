// The tests of `npm run test:mutation`, which says by an environment variable which part it changes.
import type { ViteUserConfig } from "vitest/config";
import { PARTS } from "./test/mutation/parts.ts";
import { unit } from "./vitest.config.ts";

const part = PARTS[process.env["MUTATION_PART"] ?? ""];
if (part === undefined) throw new Error("run `npm run test:mutation`, which sets MUTATION_PART");

const test = {
  ...unit.test,
  // Fewer inputs for each property: every mutant has to go through them.
  env: { ...unit.test?.env, TEST_SHARE: "0.1" },
  // Milliseconds, for a mutant that waits for ever: shorter than the time after which Stryker ends the process.
  testTimeout: 20_000,
};
const apart = [...(part.apart ?? [])];

const config: ViteUserConfig = {
  ...unit,
  test: {
    projects: [
      {
        ...unit,
        test: {
          ...test,
          name: "together",
          include: [...part.together],
          exclude: apart,
          // One thread for all files of a mutant: to start another takes longer than to run them.
          isolate: false,
        },
      },
      ...(apart.length > 0
        ? [{ ...unit, test: { ...test, name: "apart", include: apart, exclude: [] } }]
        : []),
    ],
  },
};

export default config;
