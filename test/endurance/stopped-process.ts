// Tells whether a process was stopped by SIGSTOP.
import { readFile } from "node:fs/promises";
import { setImmediate as turn } from "node:timers/promises";

/** Resolves with `true` when a process has stopped, and with `false` when it has ended. As Linux tells it. */
export async function isStopped(pid: number): Promise<boolean> {
  for (;;) {
    const stat = await readFile(`/proc/${String(pid)}/stat`, "latin1").catch(() => "");
    const state = stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3);
    if (state === "T") return true;
    if (["", "Z", "X"].includes(state)) return false;
    await turn();
  }
}
