// Parses mail in a worker thread, so that bulk mail takes no time from the thread that serves users.
//
//   npx tsx examples/parse-in-worker.ts a.eml b.eml
//
// It prints the subject and the attachments of each file.
import { readFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import { isMainThread, parentPort, Worker } from "node:worker_threads";
import { parseMessage } from "popwright/parse";

/** What the worker sends back. Choose what you need: every byte is copied from one thread to the other. */
export interface Summary {
  readonly subject: string | undefined;
  readonly text: string | undefined;
  readonly attachments: readonly { readonly filename: string | undefined; readonly size: number }[];
}

/** Waits for the answer to one message. */
interface Waiting {
  readonly resolve: (summary: Summary) => void;
  readonly reject: (error: unknown) => void;
}

/** One worker thread. It parses one message after another, in the order of the calls. */
export class MailWorker {
  readonly #worker = new Worker(new URL(import.meta.url), { name: "mail parser" });
  readonly #waiting: Waiting[] = [];

  constructor() {
    this.#worker.on("message", ({ summary, error }: { summary?: Summary; error?: unknown }) => {
      const waiting = this.#waiting.shift();
      if (summary === undefined) waiting?.reject(error);
      else waiting?.resolve(summary);
    });
    // The thread has ended, by an error or by close(): no answer comes any more.
    this.#worker.on("error", (error) => {
      this.#rejectAll(error);
    });
    this.#worker.on("exit", () => {
      this.#rejectAll(new Error("the worker has ended"));
    });
  }

  /** Parses a message. Rejects with the error of `parseMessage`. */
  parse(octets: Uint8Array): Promise<Summary> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#worker.postMessage(octets);
    });
  }

  /** Ends the thread. Messages that are still waiting are rejected. */
  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #rejectAll(error: unknown): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}

/** Runs in the worker. */
async function summarize(octets: Uint8Array): Promise<Summary> {
  const { subject, text, attachments } = await parseMessage(octets);
  return { subject, text, attachments: attachments.map(({ filename, size }) => ({ filename, size })) };
}

if (!isMainThread && parentPort !== null) {
  const port = parentPort;
  let last = Promise.resolve();
  port.on("message", (octets: Uint8Array) => {
    // One after another: the answers have to come in the order of the questions.
    last = last.then(async () => {
      port.postMessage(
        await summarize(octets).then(
          (summary) => ({ summary }),
          (error: unknown) => ({ error }),
        ),
      );
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
