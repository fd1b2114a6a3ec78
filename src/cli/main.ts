#!/usr/bin/env node
// The command `popwright`.
import { outputTo } from "./io.ts";
import { run } from "./run.ts";

/** Put in by the build. */
declare const POPWRIGHT_VERSION: string | undefined;
const version = typeof POPWRIGHT_VERSION === "undefined" ? "unbuilt" : POPWRIGHT_VERSION;

/**
 * Windows has no SIGTERM that a program could hear. There it is Ctrl+C, Ctrl+Break, and SIGHUP when the console window
 * is closed; then Windows waits some seconds before it ends the process.
 */
const STOP: readonly NodeJS.Signals[] =
  process.platform === "win32" ? ["SIGINT", "SIGBREAK", "SIGHUP"] : ["SIGINT", "SIGTERM"];

const stop = new AbortController();
for (const signal of STOP) {
  process.once(signal, () => {
    // The same signal once more ends the process at once.
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
