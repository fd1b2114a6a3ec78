// The tests of `npm run test:fleet`: popwright/redis and popwright/bullmq over Debian's redis-server.
import type { ViteUserConfig } from "vitest/config";
import { unit } from "./vitest.config.ts";

const config: ViteUserConfig = {
  ...unit,
  test: {
    ...unit.test,
    include: ["test/fleet/**/*.test.ts"],
    exclude: [],
  },
};

export default config;
