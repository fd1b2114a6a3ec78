// The tests of `npm run test:mutation`: those without a socket, which find out quickly what a mutant does.
import type { ViteUserConfig } from "vitest/config";
import { MOCKING_AUTH, unit } from "./vitest.config.ts";

const test = {
  ...unit.test,
  // Fewer inputs for each property: every mutant has to go through them.
  env: { ...unit.test?.env, TEST_SHARE: "0.1" },
};

const config: ViteUserConfig = {
  ...unit,
  test: {
    projects: [
      {
        ...unit,
        test: {
          ...test,
          name: "together",
          include: ["test/{protocol,auth}/**/*.test.ts"],
          exclude: MOCKING_AUTH,
          // One thread for all files of a mutant: to start another takes longer than to run them.
          isolate: false,
        },
      },
      { ...unit, test: { ...test, name: "apart", include: MOCKING_AUTH, exclude: [] } },
    ],
  },
};

export default config;
