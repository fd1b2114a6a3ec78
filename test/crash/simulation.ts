// Prepares a test file for simulated processes: their clock, and their process id.
import { beforeEach, afterEach, vi } from "vitest";
import { machine } from "./machine.ts";

/** The test file must also mock `node:fs/promises` and `process-space.ts`. */
export function simulateProcesses(): void {
  const limit = Error.stackTraceLimit;
  const real = Object.getOwnPropertyDescriptor(process, "pid") as PropertyDescriptor;
  beforeEach(() => {
    // Most of the errors are expected, and their stacks would take a third of the time.
    Error.stackTraceLimit = 0;
    // No timer fires: what a process does depends on nothing but its files and its server.
    const timers = ["setTimeout", "clearTimeout", "setInterval", "clearInterval"] as const;
    vi.useFakeTimers({ toFake: ["Date", "performance", ...timers], now: Date.UTC(2026, 0, 1) });
    Object.defineProperty(process, "pid", { configurable: true, get: () => machine().process.pid });
  });
  afterEach(() => {
    Error.stackTraceLimit = limit;
    Object.defineProperty(process, "pid", real);
    vi.useRealTimers();
  });
}
