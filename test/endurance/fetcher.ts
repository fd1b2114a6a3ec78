// Runs the child, and kills it.
import { spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FetchPolicy } from "../../src/fetch/index.ts";
import { bodiesOf } from "../fetch/destinations/mbox-form.ts";

const CHILD = join(import.meta.dirname, "child.mjs");

/** Where the child kills itself. */
export type Point = "write" | "before commit" | "commit" | "delivered" | "deleted";

export interface RunOptions {
  readonly at?: Point;
  readonly nth?: number;
  /** Kills it after so many milliseconds. */
  readonly after?: number | undefined;
  /** Kills it when this resolves. */
  readonly when?: Promise<unknown>;
}

export interface RunResult {
  readonly killed: boolean;
  /** What it printed: a report, or an error. */
  readonly report: Readonly<Record<string, unknown>> | undefined;
}

export type Kind = "maildir" | "mbox";

/** One mailbox, with its ledger, and its Maildir or mbox. */
export class Fetcher {
  readonly #directory: string;
  readonly #account: object;
  readonly #policy: FetchPolicy;
  readonly #kind: Kind;

  private constructor(directory: string, account: object, policy: FetchPolicy, kind: Kind) {
    this.#kind = kind;
    this.#directory = directory;
    this.#account = account;
    this.#policy = policy;
  }

  static async create(account: object, policy: FetchPolicy, kind: Kind = "maildir"): Promise<Fetcher> {
    const directory = await mkdtemp(join(tmpdir(), "popwright-crash-"));
    // What failed because of a kill is due again at once, and never given up.
    const retrying = { retry: { first: 0, longest: 0 }, tries: 1e9 };
    return new Fetcher(directory, account, { ...retrying, ...policy }, kind);
  }

  get state(): string {
    return join(this.#directory, "state");
  }

  get mbox(): string {
    return join(this.#directory, "inbox");
  }

  get maildir(): string {
    return join(this.#directory, "Mail");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true });
  }

  run({ at, nth, after, when }: RunOptions = {}): Promise<RunResult> {
    const task = {
      ...{ account: this.#account, state: this.state, policy: this.#policy, at, nth },
      ...(this.#kind === "mbox" ? { mbox: this.mbox } : { maildir: this.maildir }),
    };
    const child = spawn(process.execPath, [CHILD, JSON.stringify(task)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const kill = (): void => void child.kill("SIGKILL");
    const timer = after === undefined ? undefined : setTimeout(kill, after);
    void when?.then(kill);
    let printed = "";
    child.stdout.on("data", (octets: Buffer) => (printed += octets.toString()));
    return new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, signal) => {
        clearTimeout(timer);
        // On Windows the end of a process that ends itself is no signal.
        const byItself = process.platform === "win32" && code === 1 && printed === "";
        const report = printed === "" ? undefined : (JSON.parse(printed) as Record<string, unknown>);
        resolve({ killed: signal === "SIGKILL" || byItself, report });
      });
    });
  }

  /** The messages in the mbox, in the form that they have there; none while there is no mbox. */
  async inMbox(): Promise<string[]> {
    const octets = await readFile(this.mbox).catch(() => Buffer.alloc(0));
    return bodiesOf(octets).map((body) => body.toString("latin1"));
  }

  /** The names beside the mbox. */
  async besideMbox(): Promise<string[]> {
    return (await readdir(this.#directory)).filter((name) => !["inbox", "state"].includes(name));
  }

  /** The messages in the Maildir; how many files of those that were begun are left. */
  async delivered(): Promise<{ readonly messages: string[]; readonly temporary: number }> {
    const read = async (name: string): Promise<string[]> => {
      const directory = join(this.maildir, name);
      const files = await readdir(directory).catch(() => []);
      return Promise.all(files.map((file) => readFile(join(directory, file), "latin1")));
    };
    const [fresh, seen, begun] = await Promise.all([read("new"), read("cur"), read("tmp")]);
    return { messages: [...fresh, ...seen], temporary: begun.length };
  }
}
