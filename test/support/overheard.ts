// Collects events of the process that would end it, instead of its usual listeners.
import { turns } from "./turns.ts";

type ProcessEvent = "unhandledRejection" | "uncaughtException";

/** What the process heard while `run` ran, and shortly after. */
export async function overheard(event: ProcessEvent, run: () => Promise<void>): Promise<unknown[]> {
  const heard: unknown[] = [];
  const listeners = process.listeners(event as "uncaughtException");
  process.removeAllListeners(event);
  process.on(event, (error: unknown) => heard.push(error));
  try {
    await run();
    await turns(20);
  } finally {
    process.removeAllListeners(event);
    for (const listener of listeners) process.on(event as "uncaughtException", listener);
  }
  return heard;
}
