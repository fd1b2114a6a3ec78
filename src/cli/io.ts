// The streams, environment and stop signal of a command. A test can run a command without a process.
import type { Readable, Writable } from "node:stream";

export interface Output {
  write(text: string | Buffer): Promise<void>;
  /** The width of the terminal; `undefined` if the output is not a terminal. */
  readonly columns: number | undefined;
}

export interface Io {
  readonly stdin: Readable & { readonly isTTY?: boolean; setRawMode?: (raw: boolean) => unknown };
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborted by SIGINT and SIGTERM, or their equivalents on Windows. The command must then end cleanly. */
  readonly stop: AbortSignal;
  /** After how many milliseconds the user is told what a command waits for; `Infinity`: never. @default 3000 */
  readonly patience?: number | undefined;
}

/** Whether an error means that the reader has closed the pipe, as in `popwright list ... | head`. */
export function isReaderGone(error: unknown): boolean {
  const { code } = (error ?? {}) as NodeJS.ErrnoException;
  return code === "EPIPE" || code === "ERR_STREAM_DESTROYED";
}

/**
 * Wraps a stream of the process. `write` resolves when the text is handed on, so a slow reader slows the
 * command.
 */
export function outputTo(stream: Writable & { readonly isTTY?: boolean; readonly columns?: number }): Output {
  return {
    get columns() {
      return stream.isTTY === true ? (stream.columns ?? 80) : undefined;
    },
    write: (text) =>
      new Promise((resolve, reject) => {
        stream.write(text, (error) => {
          if (error) reject(error);
          else resolve();
        });
      }),
  };
}
