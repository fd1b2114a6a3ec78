// The tests of `npm run test:simulation`: what simulated worlds have found, and whether a seed decides everything.
import type { ViteUserConfig } from "vitest/config";
import { unit } from "./vitest.config.ts";

const config: ViteUserConfig = {
  ...unit,
  test: { ...unit.test, include: ["test/simulation/**/*.test.ts"], exclude: [], fileParallelism: false },
};

export default config;
