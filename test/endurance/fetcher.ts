// Runs child.mjs, and kills or stops it.
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FetchPolicy, GmailImportOptions, WebhookOptions } from "../../src/fetch/index.ts";
import { bodiesOf } from "../support/mbox-form.ts";

const CHILD = join(import.meta.dirname, "child.mjs");

/** A program that stores its input under the key of the message. Each run writes its own file. */
const KEEP = [
  ...["sh", "-c"],
  'mkdir -p "$1/tmp" "$1/new"; file="$POPWRIGHT_KEY.$$"; cat >"$1/tmp/$file" && mv "$1/tmp/$file" "$1/new/$file"',
  "keep",
];

/** Where the child kills or stops itself. */
export type Point = "begin" | "write" | "prepare" | "before commit" | "commit" | "delivered" | "deleted";

export interface RunOptions {
  readonly at?: Point;
  readonly nth?: number;
  /** What it gives itself there. @default "SIGKILL" */
  readonly signal?: "SIGSTOP";
  /** Of its lock in the ledger; milliseconds. */
  readonly heartbeat?: number;
  /** Kills it after this time; milliseconds. */
  readonly after?: number | undefined;
  /** Kills it when this resolves. */
  readonly when?: Promise<unknown>;
}

export interface RunResult {
  readonly killed: boolean;
  /** What it printed: a report, or an error. */
  readonly report: Readonly<Record<string, unknown>> | undefined;
}

/** What a fetcher delivers to: a place of its own, or a server, with the options of the destination. */
export type Kind =
  | "maildir"
  | "mbox"
  | "command"
  | { readonly gmail: Omit<GmailImportOptions, "accessToken"> & { readonly address: string } }
  | { readonly webhook: WebhookOptions & { readonly url: string } };

/** One mailbox, with its ledger, and the place that it is delivered to. */
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

  async run(options: RunOptions = {}): Promise<RunResult> {
    const { after, when } = options;
    const child = this.start(options);
    const kill = (): void => void child.process.kill("SIGKILL");
    const timer = after === undefined ? undefined : setTimeout(kill, after);
    void when?.then(kill);
    try {
      return await child.ended;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Starts the child, which may stop at a point. */
  start({ at, nth, signal, heartbeat }: RunOptions): {
    readonly process: ChildProcess;
    readonly ended: Promise<RunResult>;
  } {
    const task = {
      ...{ account: this.#account, state: this.state, policy: this.#policy, at, nth, signal, heartbeat },
      ...this.#place,
    };
    const child = spawn(process.execPath, [CHILD, JSON.stringify(task)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let printed = "";
    child.stdout.on("data", (octets: Buffer) => (printed += octets.toString()));
    const ended = new Promise<RunResult>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, by) => {
        // On Windows the end of a process that ends itself is not reported as a signal.
        const byItself = process.platform === "win32" && code === 1 && printed === "";
        const report = printed === "" ? undefined : (JSON.parse(printed) as Record<string, unknown>);
        resolve({ killed: by === "SIGKILL" || byItself, report });
      });
    });
    return { process: child, ended };
  }

  get #place(): object {
    if (typeof this.#kind === "object") return this.#kind;
    if (this.#kind === "command") return { command: [...KEEP, this.maildir] };
    return this.#kind === "mbox" ? { mbox: this.mbox } : { maildir: this.maildir };
  }

  /** The messages in the mbox, in mbox form; an empty list if there is no mbox. */
  async inMbox(): Promise<string[]> {
    const octets = await readFile(this.mbox).catch(() => Buffer.alloc(0));
    return bodiesOf(octets).map((body) => body.toString("latin1"));
  }

  /** The names of the other files in the folder of the mbox. */
  async namesNextToMbox(): Promise<string[]> {
    return (await readdir(this.#directory)).filter((name) => !["inbox", "state"].includes(name));
  }

  /**
   * The delivered messages, with the names of their files, and the number of unfinished files that are left.
   */
  async delivered(): Promise<{
    readonly messages: string[];
    readonly names: string[];
    readonly temporary: number;
  }> {
    const read = async (name: string): Promise<(readonly [name: string, message: string])[]> => {
      const directory = join(this.maildir, name);
      const files = await readdir(directory).catch(() => []);
      return Promise.all(
        files.map(async (file) => [file, await readFile(join(directory, file), "latin1")] as const),
      );
    };
    const [fresh, seen, begun] = await Promise.all([read("new"), read("cur"), read("tmp")]);
    const all = [...fresh, ...seen];
    return {
      messages: all.map(([, message]) => message),
      names: all.map(([name]) => name),
      temporary: begun.length,
    };
  }
}
