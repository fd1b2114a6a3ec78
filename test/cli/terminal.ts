// Runs the command line in memory, with stdin, stdout, stderr and a signal.
import { PassThrough } from "node:stream";
import type { ExitCode } from "../../src/cli/exit-codes.ts";
import type { Output, Streams } from "../../src/cli/io.ts";
import { run } from "../../src/cli/run.ts";

/** Node for Windows starts under Wine only with this variable; commands get no other environment than `env`. */
const { NODE_SKIP_PLATFORM_CHECK } = process.env;
const NODE_ON_WINE: Record<string, string> =
  NODE_SKIP_PLATFORM_CHECK === undefined ? {} : { NODE_SKIP_PLATFORM_CHECK };

export class Terminal {
  readonly env: Record<string, string> = {
    POPWRIGHT_PASSWORD: "secret",
    NO_COLOR: "1",
    ...NODE_ON_WINE,
  };
  /** Stops the command, as SIGINT and SIGTERM do. */
  readonly signal: AbortController = new AbortController();
  readonly stdin: PassThrough & { isTTY?: boolean; setRawMode?: () => void } = new PassThrough();
  /** The width of the terminal; `undefined`: the streams are pipes. */
  columns: number | undefined;
  /** Called with each text that is written to stderr. */
  heard: ((text: string) => void) | undefined;
  /** Called with each text that is written to stdout. */
  told: (() => void) | undefined;
  /** After how many milliseconds a command says what it waits for. A test is not slow by itself. */
  patience: number | undefined = Infinity;
  /** Whether the reader of stdout has closed the pipe, as `| head` does. */
  unread = false;
  readonly #out: Buffer[] = [];
  #err = "";

  get octets(): Buffer {
    return Buffer.concat(this.#out);
  }

  get out(): string {
    return this.octets.toString();
  }

  get err(): string {
    return this.#err;
  }

  /** Both outputs, with runs of white space as one space, because text may be wrapped anywhere. */
  get words(): string {
    return `${this.out} ${this.#err}`.replace(/\s+/g, " ");
  }

  /** The JSON values of the output, line by line. */
  get json(): Record<string, unknown>[] {
    return this.out
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  get io(): Streams {
    return {
      stdin: this.stdin,
      stdout: this.#output((text) => {
        if (this.unread) throw Object.assign(new Error("write EPIPE"), { code: "EPIPE" });
        this.#out.push(Buffer.from(text));
        this.told?.();
      }),
      stderr: this.#output((text) => {
        this.#err += String(text);
        this.heard?.(String(text));
      }),
      env: this.env,
      stop: this.signal.signal,
      interrupt: (reason) => {
        this.signal.abort(reason);
      },
      patience: this.patience,
    };
  }

  run(...args: string[]): Promise<ExitCode> {
    return run(args, this.io, "1.2.3");
  }

  #output(take: (text: string | Buffer) => void): Output {
    const columns = (): number | undefined => this.columns;
    return {
      get columns() {
        return columns();
      },
      write: async (text) => {
        take(text);
      },
    };
  }
}
