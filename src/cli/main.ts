#!/usr/bin/env node
// The command `popwright`.
import { outputTo } from "./io.ts";
import { run } from "./run.ts";

/** Put in by the build. */
declare const POPWRIGHT_VERSION: string | undefined;
const version = typeof POPWRIGHT_VERSION === "undefined" ? "unbuilt" : POPWRIGHT_VERSION;
const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    // Once more, and it ends at once: whoever insists is right.
    stop.abort();
  });
}
process.stdout.on("error", () => undefined);
process.stderr.on("error", () => undefined);

void run(
  process.argv.slice(2),
  {
    stdin: process.stdin,
    stdout: outputTo(process.stdout),
    stderr: outputTo(process.stderr),
    env: process.env,
    stop: stop.signal,
  },
  version,
).then((code) => {
  process.exitCode = code;
});
