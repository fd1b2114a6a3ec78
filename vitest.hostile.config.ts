// The tests of `npm run test:hostile`: everything that a server, or somebody in between, may do to a client.
import type { ViteUserConfig } from "vitest/config";
import { HOSTILE, unit } from "./vitest.config.ts";

const config: ViteUserConfig = {
  ...unit,
  test: { ...unit.test, include: ["test/hostile/**/*.test.ts", ...HOSTILE], exclude: [] },
};

export default config;
