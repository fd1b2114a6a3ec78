// A program as a destination: it reads the message from its standard input, and its exit code says what became of it.
// The message is a file on disk, complete, before the program starts: no crash shows it half a message.
import { tmpdir } from "node:os";
import { Pop3AbortError } from "../../errors.ts";
import { checkNames, checkObject, configError, shown, withDefaults } from "../../options/checks.ts";
import { printable } from "../../protocol/printable.ts";
import { isSystemError, makeDirectory } from "../files/fsync.ts";
import { isAborted } from "../../net/sleep.ts";
import type { Delivery, DeliveryWriter, Destination } from "./destination.ts";
import { DestinationError } from "./destination-error.ts";
import { Places } from "./places.ts";
import { Program, type ProgramEnd } from "./program.ts";
import { SpoolFile, sweep } from "./spool-file.ts";

export interface CommandOptions {
  /**
   * How long the program may run for one message, before it is ended with all that it has started; milliseconds. It
   * starts when the message has come as a whole, so the time that the server takes does not count.
   * @default 300000 (5 minutes)
   */
  readonly timeout?: number;
  /** The directory in which the program runs. @default the directory of this process */
  readonly cwd?: string;
  /** The environment of the program, to which the variables about the message are added. @default the environment of this process */
  readonly env?: NodeJS.ProcessEnv;
  /**
   * The directory for the message while it comes and while the program runs; it is made if it is missing. It needs
   * space for one message per mailbox that is fetched at the same time. The file has no name there, and is readable
   * for its owner only.
   * @default os.tmpdir(), which is TMPDIR or /tmp
   */
  readonly spool?: string;
}

/** Exit codes: of sysexits.h, and of shells for a program that is missing or cannot be run. */
const [TEMPFAIL, NOT_RUNNABLE, NOT_FOUND] = [75, 126, 127];

/** How much of the program's standard error goes into an error; characters. */
const WORDS = 500;

/**
 * Gives each message to a new process, started without a shell. Exit code 0: the message is delivered. 75
 * (EX_TEMPFAIL): nothing is wrong with the message, which comes again. 126, 127, or a program that cannot be started:
 * it would not take another message either, and the run ends. Any other exit code, a signal or the time-out is a
 * refusal of the message; the error has the end of what the program wrote to its standard error.
 *
 * Standard input is a file that has the whole message, synced to disk: the program never sees a part of one, not even
 * if this process is killed, and it can ask for the size and seek. A spool directory that is full or missing is the
 * destination's trouble (`down`), never the message's.
 *
 * The environment has `POPWRIGHT_KEY`, `POPWRIGHT_MAILBOX`, `POPWRIGHT_UID` and `POPWRIGHT_SIZE` (see {@link Delivery};
 * the last two are missing if the server does not say), and `POPWRIGHT_HEADERS_ONLY=1` if only the headers come.
 *
 * It knows no keys: if this process dies between the program and the ledger, the message comes again, with the same
 * key. The program may still be running then.
 *
 * @example
 * const filter = new Command("/usr/bin/procmail", ["-d", "ann"], { timeout: 60_000 });
 */
export class Command implements Destination {
  readonly #program: string;
  readonly #args: readonly string[];
  readonly #options: CommandOptions;
  readonly #timeout: number;
  readonly #spools: Places = new Places(prepareSpool);

  /** Throws `POP3_CONFIG` for options that make no sense. */
  constructor(program: string, args: readonly string[] = [], options: CommandOptions = {}) {
    if (typeof program !== "string" || program === "")
      throw configError(`the program of a Command must be a non-empty string (got ${shown(program)})`);
    checkObject("command", options);
    checkNames("command", options, ["timeout", "cwd", "env", "spool"]);
    const { timeout, spool } = options;
    if (spool !== undefined && (typeof spool !== "string" || spool === ""))
      throw configError(`command.spool must be the path of a directory (got ${shown(spool)})`);
    this.#program = program;
    this.#args = args;
    this.#options = options;
    this.#timeout = withDefaults(
      "command",
      { timeout: 300_000 },
      timeout === undefined ? {} : { timeout },
    ).timeout;
  }

  async begin(delivery: Delivery, signal?: AbortSignal): Promise<DeliveryWriter> {
    if (isAborted([signal])) throw new Pop3AbortError(signal?.reason);
    const directory = this.#options.spool ?? tmpdir();
    const file = await spooling(directory, () => this.#createFile(directory, delivery.key));
    let synced = false;
    const prepare = async (): Promise<void> => {
      if (!synced) await spooling(directory, () => file.sync());
      synced = true;
    };
    return {
      write: (octets) => spooling(directory, () => file.write(octets)),
      prepare,
      commit: async () => {
        try {
          await prepare();
          await this.#run(delivery, file.descriptor, signal);
          return "new";
        } finally {
          await file.discard();
        }
      },
      abort: () => file.discard(),
    };
  }

  #createFile(directory: string, key: string): Promise<SpoolFile> {
    return this.#spools.use(directory, async () => {
      const file = await SpoolFile.create(directory, key);
      await file.detach();
      return file;
    });
  }

  async #run(delivery: Delivery, input: number, signal: AbortSignal | undefined): Promise<void> {
    if (isAborted([signal])) throw new Pop3AbortError(signal?.reason);
    const program = await this.#start(delivery, input);
    const onAbort = (): void => void program.kill("abort");
    signal?.addEventListener("abort", onAbort);
    if (isAborted([signal])) onAbort();
    try {
      this.#check(await program.ended, signal);
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
  }

  async #start({ key, mailbox, uid, size, headersOnly }: Delivery, input: number): Promise<Program> {
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
      return await Program.start({ program, args, cwd, input, timeout, env: { ...env, ...told } });
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

async function prepareSpool(directory: string): Promise<void> {
  await makeDirectory(directory);
  await sweep(directory);
}

/** A spool that fails is the destination's trouble, unless one file may not be that large (`ulimit -f`). */
async function spooling<T>(directory: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new DestinationError(`cannot keep the message in the spool directory ${directory}: ${why}`, {
      cause,
      down: !isSystemError(cause, "EFBIG"),
    });
  }
}
