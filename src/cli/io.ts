// What a command may touch of the outside: so that each can be tried without a process of its own.
import type { Readable, Writable } from "node:stream";

export interface Output {
  write(text: string | Buffer): Promise<void>;
  /** A terminal, and how wide it is. */
  readonly columns: number | undefined;
}

export interface Io {
  readonly stdin: Readable & { readonly isTTY?: boolean; setRawMode?: (raw: boolean) => unknown };
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborted by SIGINT and SIGTERM, and by what Windows has in their place: end in good order. */
  readonly stop: AbortSignal;
}

/** Whether an error says that nobody reads what is written any more: `popwright list ... | head`. */
export function isNobodyReading(error: unknown): boolean {
  const { code } = (error ?? {}) as NodeJS.ErrnoException;
  return code === "EPIPE" || code === "ERR_STREAM_DESTROYED";
}

/** A stream of the process. Who reads it decides how fast it is written. */
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
