// The tests of `npm run test:postgres`: popwright/postgres over a PostgreSQL server that they start, and through PgBouncer.
import type { ViteUserConfig } from "vitest/config";
import { unit } from "./vitest.config.ts";

const config: ViteUserConfig = {
  ...unit,
  test: {
    ...unit.test,
    include: ["test/postgres/**/*.test.ts"],
    exclude: [],
    globalSetup: ["test/postgres/servers.ts"],
  },
};

export default config;
