// The streams, environment and stop signal of a command. A test can run a command without a process.
import type { Readable, Writable } from "node:stream";
import { escapeUnsafe, printable } from "../protocol/printable.ts";
import { Secrets } from "../protocol/secrets.ts";
import { InterruptedError } from "./usage-error.ts";

export interface Output {
  write(text: string | Buffer): Promise<void>;
  /** The width of the terminal; `undefined` if the output is not a terminal. */
  readonly columns: number | undefined;
}

/** What a process gives to a command. */
export interface Streams {
  readonly stdin: Readable & { readonly isTTY?: boolean; setRawMode?: (raw: boolean) => unknown };
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborted by SIGINT and SIGTERM, or their equivalents on Windows. The command must then end cleanly. */
  readonly stop: AbortSignal;
  /** Does what SIGINT does. At a prompt, Ctrl+C is a character and not a signal. */
  readonly interrupt?: ((reason: Error) => void) | undefined;
  /** After how many milliseconds the user is told what a command waits for; `Infinity`: never. @default 3000 */
  readonly patience?: number | undefined;
}

/** What a command works with. Its outputs mask `secrets` in text; octets are written as they are. */
export interface Io extends Streams {
  /** The passwords and tokens that are known so far. A server may repeat them in anything that is printed. */
  readonly secrets: Secrets;
}

/** Whether the user has pressed Ctrl+C at a prompt: then the command ends without a word. */
export function isInterrupted({ stop }: Streams): boolean {
  return stop.reason instanceof InterruptedError;
}

/** Masks what is printed to `streams`. */
export function masked(streams: Streams): Io {
  const secrets = new Secrets();
  const maskedOutput = (output: Output): Output => ({
    get columns() {
      return output.columns;
    },
    write: (text) => output.write(typeof text === "string" ? secrets.mask(text) : text),
  });
  return {
    ...streams,
    stdout: maskedOutput(streams.stdout),
    stderr: maskedOutput(streams.stderr),
    secrets,
  };
}

/** Masks `secret` from now on, also if its invisible characters are escaped. */
export function keepSecret(secret: string, { secrets }: Io): void {
  secrets.add(secret, escapeUnsafe(secret));
}

/** Whether an error means that the reader has closed the pipe, as in `popwright list ... | head`. */
export function isReaderGone(error: unknown): boolean {
  const { code } = (error ?? {}) as NodeJS.ErrnoException;
  return code === "EPIPE" || code === "ERR_STREAM_DESTROYED";
}

/**
 * Wraps a stream of the process. `write` resolves when the text is handed on, so a slow reader slows the
 * command. It rejects with an error of the system that has `name` in its message.
 */
export function outputTo(
  stream: Writable & { readonly isTTY?: boolean; readonly columns?: number },
  name: string,
): Output {
  return {
    get columns() {
      return stream.isTTY === true ? (stream.columns ?? 80) : undefined;
    },
    write: (text) =>
      new Promise((resolve, reject) => {
        stream.write(text, (error) => {
          if (error) reject(outputError(name, error));
          else resolve();
        });
      }),
  };
}

/** The system does not say what could not be written. */
function outputError(name: string, cause: NodeJS.ErrnoException): Error {
  const { code, syscall } = cause;
  return Object.assign(new Error(`cannot write to ${name}: ${printable(cause.message)}`, { cause }), {
    code,
    syscall,
  });
}
