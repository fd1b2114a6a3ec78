// Run by `node --test`.
import { test } from "node:test";
import { cases } from "./cases.ts";

for (const { name, run } of cases) void test(name, run);
