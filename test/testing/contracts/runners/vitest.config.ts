// Vitest as a user starts it, for the file in this directory that is written for it.
import { defineConfig, type ViteUserConfig } from "vitest/config";

const config: ViteUserConfig = defineConfig({
  oxc: { target: "node20" },
  test: { include: ["with-vitest.ts"], root: import.meta.dirname },
});

export default config;
