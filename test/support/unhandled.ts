// Fails a test that leaves an unhandled rejection, an uncaught exception, or a warning of the process.
import { afterEach, beforeEach, expect } from "vitest";
import { turns } from "./turns.ts";

/** Watches over every test of the file. */
export function expectNothingUnhandled(): void {
  const unhandled: unknown[] = [];
  const note = (reason: unknown): void => void unhandled.push(reason);

  beforeEach(() => {
    unhandled.length = 0;
    process.on("unhandledRejection", note);
    process.on("uncaughtExceptionMonitor", note);
    process.on("warning", note);
  });

  afterEach(async () => {
    await turns();
    process.off("unhandledRejection", note);
    process.off("uncaughtExceptionMonitor", note);
    process.off("warning", note);
    expect(unhandled).toEqual([]);
  });
}
