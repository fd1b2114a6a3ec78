#!/usr/bin/env node
// The entry of the command `popwright`: connects the process to run().
import { outputTo } from "./io.ts";
import { run } from "./run.ts";

/** Set by the build. */
declare const POPWRIGHT_VERSION: string | undefined;
const version = typeof POPWRIGHT_VERSION === "undefined" ? "unbuilt" : POPWRIGHT_VERSION;

/**
 * The signals that end a command cleanly. Windows does not deliver SIGTERM. It has Ctrl+C, Ctrl+Break, and
 * SIGHUP when the console window is closed: some seconds after SIGHUP it ends the process.
 */
const STOP: readonly NodeJS.Signals[] =
  process.platform === "win32" ? ["SIGINT", "SIGBREAK", "SIGHUP"] : ["SIGINT", "SIGTERM"];

const stop = new AbortController();
for (const signal of STOP) {
  process.once(signal, () => {
    // The listener is removed now, so the same signal ends the process immediately the second time.
    stop.abort();
  });
}
process.stdout.on("error", () => undefined);
process.stderr.on("error", () => undefined);

void run(
  process.argv.slice(2),
  {
    stdin: process.stdin,
    stdout: outputTo(process.stdout, "standard output"),
    stderr: outputTo(process.stderr, "standard error"),
    env: process.env,
    stop: stop.signal,
    interrupt: (reason) => {
      stop.abort(reason);
    },
  },
  version,
).then((code) => {
  process.exitCode = code;
});
