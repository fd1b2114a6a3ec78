// The tests of `npm test`, each file in a process of its own, so that single files can be left out where they cannot run.
import type { ViteUserConfig } from "vitest/config";
import { OTHER_LANES, unit } from "./vitest.config.ts";

const config: ViteUserConfig = {
  ...unit,
  test: { ...unit.test, include: ["test/**/*.test.ts"], exclude: OTHER_LANES },
};

export default config;
