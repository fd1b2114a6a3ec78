// The tests of `npm run test:sqlite`: popwright/sqlite over node:sqlite, or over better-sqlite3 on a Node that lacks it.
import type { ViteUserConfig } from "vitest/config";
import { unit } from "./vitest.config.ts";

const config: ViteUserConfig = {
  ...unit,
  test: {
    ...unit.test,
    include: ["test/sqlite/**/*.test.ts"],
    exclude: [],
    globalSetup: ["test/better-sqlite3/install.ts"],
  },
};

export default config;
