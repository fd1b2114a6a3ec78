// Delivers each message to a program, which reads it from its standard input. The exit code says whether it
// was delivered. The complete message is in a file before the program starts, so that no crash shows it half
// a message.
import { tmpdir } from "node:os";
import { Pop3AbortError } from "../../errors.ts";
import { checkNames, checkObject, checkText, configError, withDefaults } from "../../options/checks.ts";
import type { Duration } from "../../options/duration.ts";
import { codeOf, messageOf } from "../../protocol/foreign-error.ts";
import { printable } from "../../protocol/printable.ts";
import { isSystemError, makeDirectory } from "../files/fsync.ts";
import { onAbort } from "../../net/abort.ts";
import { throwIfAborted } from "../../net/failures.ts";
import { checkDelivery, type Delivery, type DeliveryWriter, type Destination } from "./destination.ts";
import { DestinationError } from "./destination-error.ts";
import { Places } from "./places.ts";
import { Program, type ProgramEnd } from "./program.ts";
import { SpoolFile, sweep } from "./spool-file.ts";

/** The options of a {@link Command}. */
export interface CommandOptions {
  /**
   * How long the program may run for one message. A number is in milliseconds. After this time the program and all processes
   * that it has started are ended. The time starts when the message has arrived completely, so a slow server
   * does not use it up.
   * @default 300000 (5 minutes)
   */
  readonly timeout?: Duration;
  /** The directory in which the program runs. @default the directory of this process */
  readonly cwd?: string;
  /**
   * The environment of the program. The variables about the message are added to it.
   * @default the environment of this process
   */
  readonly env?: NodeJS.ProcessEnv;
  /**
   * The directory for the message while it arrives and while the program runs. It is created if it is
   * missing. It needs space for one message per mailbox that is fetched at the same time. The file has no
   * name there, and is readable for its owner only.
   * @default os.tmpdir(), which is TMPDIR or /tmp
   */
  readonly spool?: string;
}

/** Exit codes: from sysexits.h, and those of shells for a program that is missing or cannot be run. */
const [TEMPFAIL, NOT_RUNNABLE, NOT_FOUND] = [75, 126, 127];

/** How much of the program's standard error is shown in an error; characters. */
const WORDS = 500;

/**
 * Gives each message to a new process, started without a shell. The exit code tells the result:
 *
 * - 0: the message is delivered.
 * - 75 (EX_TEMPFAIL): the program cannot take the message now. It is tried again later.
 * - 126, 127, or a program that cannot be started: it would not take another message either, so the run ends.
 * - any other exit code, a signal, or the time-out: the message is refused. The error shows the end of the
 *   program's standard error.
 *
 * Standard input is a file with the whole message, synced to disk. The program never sees a part of a
 * message, not even if this process is killed. It can query the size and seek. If the spool directory is full
 * or missing, the destination is `down`: no message is blamed.
 *
 * The environment has `POPWRIGHT_KEY`, `POPWRIGHT_MAILBOX`, `POPWRIGHT_UID` and `POPWRIGHT_SIZE` (see
 * {@link Delivery}; the last two are missing if the server does not report them), and
 * `POPWRIGHT_HEADERS_ONLY=1` if only the headers are delivered.
 *
 * A command does not remember keys. If this process dies before the ledger is written, the message is delivered
 * again, with the same key. The program of the first delivery may still be running then.
 *
 * @example
 * ```ts
 * const procmail = new Command("/usr/bin/procmail", ["-d", "ann"], { timeout: 60_000 });
 * await fetchMail(account, { ledger, destination: procmail });
 * ```
 */
export class Command implements Destination {
  readonly #program: string;
  readonly #args: readonly string[];
  readonly #options: CommandOptions;
  readonly #timeout: number;
  readonly #spools: Places<void> = new Places(prepareSpool);

  /** Throws `POP3_CONFIG` if an option is invalid. */
  constructor(program: string, args: readonly string[] = [], options: CommandOptions = {}) {
    checkText("the program of a Command", program);
    if (!Array.isArray(args) || args.some((arg) => typeof arg !== "string"))
      throw configError("the arguments of a Command must be an array of strings");
    checkObject("command", options);
    checkNames("command", options, ["timeout", "cwd", "env", "spool"]);
    const { timeout, spool, cwd, env } = options;
    if (spool !== undefined) checkText("command.spool", spool);
    if (cwd !== undefined) checkText("command.cwd", cwd);
    if (env !== undefined) checkObject("command.env", env);
    this.#program = program;
    this.#args = args;
    this.#options = options;
    this.#timeout = withDefaults("command", { timeout: 300_000 }, { timeout }, "ms").timeout;
  }

  async begin(delivery: Delivery, signal?: AbortSignal): Promise<DeliveryWriter> {
    checkDelivery(delivery, signal);
    throwIfAborted(signal);
    const directory = this.#options.spool ?? tmpdir();
    const file = await spooling(directory, () => this.#createFile(directory, delivery.key));
    let synced = false;
    const prepare = async (): Promise<void> => {
      if (!synced) await spooling(directory, () => file.sync());
      synced = true;
    };
    return {
      write: (octets) => spooling(directory, () => file.write([octets])),
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
    throwIfAborted(signal);
    const program = await this.#start(delivery, input);
    const unsubscribe = onAbort(signal, () => void program.kill("abort"));
    try {
      this.#check(await program.ended, signal);
    } finally {
      unsubscribe();
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
      const why = messageOf(cause);
      const hint =
        codeOf(cause) === "ENOENT" && /\s/.test(this.#program)
          ? ". If this is a program with its arguments, give them apart: (program, [argument, …])"
          : "";
      throw new DestinationError(`${printable(this.#program)} cannot be started: ${printable(why)}${hint}`, {
        cause,
        down: true,
      });
    }
  }

  /** Throws if the program did not take the message. */
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
    throw new DestinationError(`${printable(this.#program)} ${how}${said === "" ? "" : `: ${said}`}`, {
      down,
      later: down || (killed === undefined && code === TEMPFAIL),
    });
  }
}

async function prepareSpool(directory: string): Promise<void> {
  await makeDirectory(directory);
  await sweep(directory);
}

/**
 * Converts errors of the spool directory. The destination is down, unless the message exceeds the largest
 * size of a file (`ulimit -f`).
 */
async function spooling<T>(directory: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const why = messageOf(cause);
    throw new DestinationError(
      `cannot keep the message in the spool directory ${printable(directory)}: ${printable(why)}`,
      {
        cause,
        down: !isSystemError(cause, "EFBIG"),
      },
    );
  }
}
