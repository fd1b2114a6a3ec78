// Every fault at every point of a session, and a count of the cases.
import { afterAll } from "vitest";
import { MATRIX, PLAYED } from "./matrix.ts";
import { IN_CLEAR } from "./row.ts";
import { runRows } from "./run-rows.ts";

const began = performance.now();
afterAll(() => {
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  // Past the reporter, which keeps what passed tests print to itself.
  process.stdout.write(`fault matrix: ${PLAYED.cells} cells and ${PLAYED.cuts} cuts in ${seconds} s\n`);
});

runRows(MATRIX, IN_CLEAR);
