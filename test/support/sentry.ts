// Checks each test of a file for unhandled rejections, warnings and open handles.
import { setImmediate as turn } from "node:timers/promises";
import { inspect } from "node:util";
import { afterEach, beforeEach, expect } from "vitest";
import { Pop3Error } from "popwright";
import { SECRET } from "./scripted-server.ts";

/** How long handles may take to close after a test; milliseconds. */
const CLOSING = 20_000;

/** Sockets, timers, requests: what keeps a process alive, and how many of each. */
function handles(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) {
    if (!/^(?:TCP|TLS|Timeout|GetAddrInfo|Shutdown|Write)/.test(kind)) continue;
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return counts;
}

function leftOver(base: ReadonlyMap<string, number>): string[] {
  return [...handles()].filter(([kind, count]) => count > (base.get(kind) ?? 0)).map(([kind]) => kind);
}

/** Resolves when no more handles are open than `base` has. Rejects with those that stay. */
async function closed(base: ReadonlyMap<string, number>): Promise<void> {
  const since = performance.now();
  while (leftOver(base).length > 0 && performance.now() - since < CLOSING) await turn();
  expect(leftOver(base), "handles left open").toEqual([]);
}

/** To be called at the top of a file. */
export function guardEachTest(): void {
  let base = new Map<string, number>();
  const unheard: unknown[] = [];
  const onUnheard = (error: unknown): void => {
    unheard.push(error);
  };
  beforeEach(() => {
    base = handles();
    unheard.length = 0;
    for (const event of EVENTS) process.on(event, onUnheard);
  });
  afterEach(async () => {
    try {
      await closed(base);
    } finally {
      for (const event of EVENTS) process.off(event, onUnheard);
    }
    expect(unheard, "unhandled").toEqual([]);
  });
}

const EVENTS = ["unhandledRejection", "uncaughtException", "warning"] as const;

/** What becomes of a call: `ok`, or the code of its error, which has to be ours and show no secret. */
export async function outcome(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "ok";
  } catch (error) {
    return codeOf(error);
  }
}

export function codeOf(error: unknown): string {
  if (!Pop3Error.is(error)) throw error;
  expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(SECRET);
  return error.code;
}
