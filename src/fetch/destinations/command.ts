// A program as a destination: it reads the message from its standard input, and its exit code says what became of it.
import { Pop3AbortError } from "../../errors.ts";
import { config, numbers } from "../../option-checks.ts";
import { printable } from "../../protocol/printable.ts";
import { isAborted } from "../sleep.ts";
import type { Delivery, DeliveryWriter, Destination } from "./destination.ts";
import { DestinationError } from "./destination-error.ts";
import { Program, type ProgramEnd } from "./program.ts";

export interface CommandOptions {
  /**
   * For so long the program may take in nothing, and for so long run on behind the last octet, before it is ended with
   * all that it has started; milliseconds. The time in which it waits for the server does not count.
   * @default 300000 (5 minutes)
   */
  readonly timeout?: number;
  /** Where it runs. @default the directory of this process */
  readonly cwd?: string;
  /** Its environment, beside what it is told of the message. @default the environment of this process */
  readonly env?: NodeJS.ProcessEnv;
}

/** Exit codes: of sysexits.h, and of shells, where there is no such program, or none that can be run. */
const [TEMPFAIL, NOT_RUNNABLE, NOT_FOUND] = [75, 126, 127];

/** So much of what it says goes into an error; characters. */
const WORDS = 500;

/**
 * Gives each message to a program of its own, started without a shell. Exit code 0: the message is delivered. 75
 * (EX_TEMPFAIL): it says nothing against the message, which comes again. 126, 127, and where it cannot be started: it
 * would take no other either, and the run ends. All else, signals and the time-out are a refusal of the message, with
 * the end of what the program wrote to its standard error.
 *
 * The environment has `POPWRIGHT_KEY`, `POPWRIGHT_MAILBOX`, `POPWRIGHT_UID` and `POPWRIGHT_SIZE` (see {@link Delivery};
 * the last two are missing where the server does not say), and `POPWRIGHT_HEADERS_ONLY=1` where only the headers come.
 *
 * It knows no keys: where a process dies between the program and the ledger, the message comes again, and its key
 * tells. Where this process dies in the middle of a message, the program sees the end of its input, as always.
 */
export class Command implements Destination {
  readonly #program: string;
  readonly #args: readonly string[];
  readonly #options: CommandOptions;
  readonly #timeout: number;

  /** Throws `POP3_CONFIG` for what makes no sense. */
  constructor(program: string, args: readonly string[] = [], options: CommandOptions = {}) {
    if (typeof program !== "string" || program === "") throw config("a command has a program");
    const { timeout } = options;
    this.#program = program;
    this.#args = args;
    this.#options = options;
    this.#timeout = numbers(
      "command",
      { timeout: 300_000 },
      timeout === undefined ? {} : { timeout },
    ).timeout;
  }

  async begin(delivery: Delivery, signal?: AbortSignal): Promise<DeliveryWriter> {
    if (isAborted([signal])) throw new Pop3AbortError(signal?.reason);
    const program = await this.#start(delivery);
    const onAbort = (): void => void program.kill("abort");
    signal?.addEventListener("abort", onAbort);
    if (isAborted([signal])) onAbort();
    const release = (): void => signal?.removeEventListener("abort", onAbort);
    return {
      write: (octets) => {
        // It need not wait for all of it to say no.
        if (program.end !== undefined) this.#check(program.end, signal);
        return program.write(octets);
      },
      commit: async () => {
        try {
          this.#check(await program.finish(), signal);
          return "new";
        } finally {
          release();
        }
      },
      abort: async () => {
        release();
        await program.kill("abort");
      },
    };
  }

  async #start({ key, mailbox, uid, size, headersOnly }: Delivery): Promise<Program> {
    const { env = process.env, cwd } = this.#options;
    const told = {
      POPWRIGHT_KEY: key,
      POPWRIGHT_MAILBOX: mailbox,
      POPWRIGHT_UID: uid,
      POPWRIGHT_SIZE: size?.toString(),
      POPWRIGHT_HEADERS_ONLY: headersOnly ? "1" : undefined,
    };
    try {
      const [program, args, timeout] = [this.#program, this.#args, this.#timeout];
      return await Program.start({ program, args, cwd, timeout, env: { ...env, ...told } });
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new DestinationError(`${this.#program} cannot be started: ${why}`, { cause, down: true });
    }
  }

  /** Throws unless the message was taken. */
  #check({ code, signal, killed, words }: ProgramEnd, given: AbortSignal | undefined): void {
    if (code === 0 && killed === undefined) return;
    if (killed === "abort") throw new Pop3AbortError(given?.reason);
    const seconds = String(this.#timeout / 1000);
    const how =
      killed === "timeout"
        ? `was ended after ${seconds} s`
        : `ended with ${code === null ? String(signal) : `exit code ${String(code)}`}`;
    const said = printable(words.replace(/\s+/g, " ").trim().slice(-WORDS));
    const down = killed === undefined && (code === NOT_RUNNABLE || code === NOT_FOUND);
    throw new DestinationError(`${this.#program} ${how}${said === "" ? "" : `: ${said}`}`, {
      down,
      later: down || (killed === undefined && code === TEMPFAIL),
    });
  }
}
