// The next program that this process starts.
import type { ChildProcess } from "node:child_process";
import { subscribe, unsubscribe } from "node:diagnostics_channel";

/** Calls `seen` with the next program, when its streams exist and none of its output has been read. */
export function onNextProgram(seen: (program: ChildProcess) => void): void {
  const channel = "child_process";
  const started = (message: unknown): void => {
    unsubscribe(channel, started);
    queueMicrotask(() => {
      seen((message as { readonly process: ChildProcess }).process);
    });
  };
  subscribe(channel, started);
}
