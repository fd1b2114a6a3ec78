// Run by Vitest, with the configuration in this directory.
import { test } from "vitest";
import { cases } from "./cases.ts";

for (const { name, run } of cases) test(name, run);
