// Parses mail in a worker thread, so that bulk mail takes no time from the thread that serves users.
//
//   node examples/parse-in-worker.mjs a.eml b.eml
//
// It prints the subject and the attachments of each file. In a clone of this repository, run `npm run build` first.
import { readFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import { isMainThread, parentPort, Worker } from "node:worker_threads";
import { parseMessage } from "popwright/parse";

/** One worker thread. It parses one message after another, in the order of the calls. */
export class MailWorker {
  #worker = new Worker(new URL(import.meta.url));
  /** @type {{ resolve: (summary: object) => void, reject: (error: unknown) => void }[]} */
  #waiting = [];

  constructor() {
    this.#worker.on("message", ({ summary, error }) => {
      const waiting = this.#waiting.shift();
      if (summary === undefined) waiting?.reject(error);
      else waiting?.resolve(summary);
    });
    // The thread has ended, by an error or by close(): no answer comes any more.
    this.#worker.on("error", (error) => this.#rejectAll(error));
    this.#worker.on("exit", () => this.#rejectAll(new Error("the worker has ended")));
  }

  /**
   * Parses a message. Rejects with the error of `parseMessage`.
   * @param {Uint8Array} octets
   */
  parse(octets) {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#worker.postMessage(octets);
    });
  }

  /** Ends the thread. Messages that are still waiting are rejected. */
  async close() {
    // Before the thread ends: an answer on its way must not decide which of them are rejected.
    this.#rejectAll(new Error("the worker has ended"));
    await this.#worker.terminate();
  }

  #rejectAll(error) {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}

/** Runs in the worker. Choose what you need: every byte is copied from one thread to the other. */
async function summarize(octets) {
  const { subject, text, attachments } = await parseMessage(octets);
  return { subject, text, attachments: attachments.map(({ filename, size }) => ({ filename, size })) };
}

if (!isMainThread && parentPort !== null) {
  const port = parentPort;
  let last = Promise.resolve();
  port.on("message", (octets) => {
    // One after another: the answers have to come in the order of the questions.
    last = last.then(async () => {
      try {
        port.postMessage({ summary: await summarize(octets) });
      } catch (error) {
        port.postMessage({ error });
      }
    });
  });
} else if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const worker = new MailWorker();
  try {
    for (const path of process.argv.slice(2)) {
      const { subject, attachments } = await worker.parse(await readFile(path));
      console.log(path, subject, attachments);
    }
  } finally {
    await worker.close();
  }
}
