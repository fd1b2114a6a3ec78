// The tests of `npm run test:programs`: the documentation, the examples and the sources as a whole, compiled or run.
import type { ViteUserConfig } from "vitest/config";
import { PROGRAMS, unit } from "./vitest.config.ts";

const config: ViteUserConfig = { ...unit, test: { ...unit.test, include: PROGRAMS } };

export default config;
