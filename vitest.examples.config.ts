// The tests of `npm run test:examples`: the examples with packages of their own, and the example of a test.
import type { ViteUserConfig } from "vitest/config";
import { unit } from "./vitest.config.ts";

const config: ViteUserConfig = {
  ...unit,
  test: { ...unit.test, include: ["test/examples/**/*.test.ts", "examples/*.test.ts"], exclude: [] },
};

export default config;
