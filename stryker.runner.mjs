// Stryker's runner for vitest, with a fault corrected, and several times faster.
//
// On a busy machine, a run that follows a cancelled one may end before its last test, or before its first. Stryker then
// reports the mutant as survived (https://github.com/stryker-mutator/stryker-js/issues/6213). Run it again, and report
// an error if there are still tests missing.
//
// vitest starts a thread for each mutant. To start one, and to load vitest and fast-check in it, takes longer than most
// of the tests: keep the thread, and load the sources and the tests anew for each mutant.
import { readFileSync, writeFileSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { strykerPlugins as vitest } from "@stryker-mutator/vitest-runner";

export { strykerValidationSchema } from "@stryker-mutator/vitest-runner";

const ATTEMPTS = 5;

/** A file of the sandbox: how many tests there are. All of them run for a static mutant, in several processes. */
const COUNT = "count-of-tests";

/** In the setup of each file of tests: what is loaded must not be changed as the mutant before was. */
const SETUP = `{
  const { inject } = await import("vitest");
  const ns = globalThis[inject("globalNamespace")];
  if (ns !== undefined) ns.activeMutant = undefined;
}
`;

/** A worker of a pool of vitest. Its thread outlives it, for the next worker of the same project. */
class KeptThread {
  name = "kept";
  #options;
  #threads;
  #thread;
  #listeners = [];
  #isStopped = false;

  constructor(options, threads) {
    this.#options = options;
    this.#threads = threads;
  }

  start() {
    const { project, distPath, env, execArgv } = this.#options;
    this.#thread =
      this.#threads.get(project) ?? new Worker(`${distPath}/workers/threads.js`, { env, execArgv });
    this.#threads.delete(project);
  }

  /** A thread that did not stop in order may be in the middle of a test: it is ended. */
  async stop() {
    for (const [event, listener] of this.#listeners) this.#thread.off(event, listener);
    if (this.#isStopped) this.#threads.set(this.#options.project, this.#thread);
    else await this.#thread.terminate();
  }

  on(event, listener) {
    this.#listeners.push([event, listener]);
    this.#thread.on(event, listener);
  }

  off(event, listener) {
    this.#thread.off(event, listener);
  }

  send(message) {
    if (message.type === "stop") {
      this.#isStopped = true;
      this.#thread.emit("message", { type: "stopped", __vitest_worker_response__: true });
      return;
    }
    if (message.type === "run") message.context.invalidates = loaded(this.#options.project);
    this.#thread.postMessage(message);
  }

  deserialize(message) {
    return message;
  }
}

/** The sources and the tests that were loaded so far. */
function loaded({ vite }) {
  const files = Object.values(vite.environments).flatMap(({ moduleGraph }) => [
    ...moduleGraph.fileToModulesMap.keys(),
  ]);
  return [...new Set(files)].filter((file) => !file.includes("/node_modules/"));
}

function factory(injector) {
  const runner = vitest[0].factory(injector);
  const init = runner.init.bind(runner);
  runner.init = async () => {
    await init();
    writeFileSync(runner.localSetupFile, SETUP + readFileSync(runner.localSetupFile, "utf8"));
    const threads = new Map();
    for (const { config } of runner.ctx.projects) {
      // A file that replaces modules needs a process for itself.
      if (config.isolate) continue;
      config.pool = "kept";
      config.poolRunner = { name: "kept", createPoolWorker: (options) => new KeptThread(options, threads) };
    }
  };
  const dryRun = runner.dryRun.bind(runner);
  runner.dryRun = async (options) => {
    const result = await dryRun(options);
    writeFileSync(COUNT, String(result.tests?.length));
    return result;
  };
  const run = runner.mutantRun.bind(runner);
  runner.mutantRun = async (options) => {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const result = await run(options);
      const expected = options.testFilter?.length ?? Number(readFileSync(COUNT, "utf8"));
      if (result.status !== "survived" || result.nrOfTests >= expected) return result;
    }
    return { status: "error", errorMessage: "not all tests were run for this mutant" };
  };
  return runner;
}
factory.inject = vitest[0].factory.inject;

export const strykerPlugins = [{ kind: "TestRunner", name: "vitest", factory }];
