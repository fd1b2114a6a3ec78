// New mail as it comes, message by message: each is delivered when the reader says that it is done with it.
import { configError, shown } from "../options/checks.ts";
import type { Delivery, Destination, DeliveryWriter } from "./destinations/destination.ts";
import { DestinationError } from "./destinations/destination-error.ts";
import { FetchError } from "./fetch-error.ts";
import { completeFetchOptions, type FetchAccount, type FetchOptions } from "./options.ts";
import type { FetchReport } from "./report.ts";
import { runFetch } from "./run/run.ts";
import { isAborted, sleep } from "../net/sleep.ts";

export interface NewMailOptions extends Omit<FetchOptions, "destination"> {
  /** Goes on polling, until `stop` or `signal` ends it. @default true */
  readonly repeat?: boolean;
}

/** A message that is new. */
export interface NewMessage extends Delivery {
  /** All of its octets; with `headersOnly` the headers. */
  readonly octets: Buffer;
  /** It need not come again: the ledger says so from now on, and the policy may delete it. */
  done(): void;
  /** It could not be dealt with: it comes again, after a pause. So does a message that was not said to be done. */
  failed(error: unknown): void;
}

/**
 * Gives new mail, one message at a time, and polls for more. A message counts as delivered when `done()` was called;
 * going on in the loop without that is a failure of this message. What fails for a time (network, `[IN-USE]`) is
 * tried again; what does not (a wrong password) rejects with {@link FetchError}. Leaving the loop ends the session.
 *
 * @example
 * for await (const message of newMail(account, { ledger, stop })) {
 *   await handle(message.octets, message.key);
 *   message.done();
 * }
 */
export async function* newMail(
  account: FetchAccount,
  { repeat = true, ...options }: NewMailOptions,
): AsyncGenerator<NewMessage, void, undefined> {
  if ("destination" in options)
    throw configError("unknown option destination: newMail gives the messages to your loop; see fetchMail");
  const leave = new AbortController();
  const stop = options.stop === undefined ? leave.signal : AbortSignal.any([leave.signal, options.stop]);
  const handoff = new Handoff();
  const settings = completeFetchOptions(account, { ...options, stop, destination: handoff });
  if (settings.policy.dryRun)
    throw configError("policy.dryRun gives no messages, so newMail cannot use it: call fetchMail");
  const most = settings.account.limits?.message ?? 64 * 1024 * 1024;
  if (typeof most !== "number")
    throw configError(`limits.message must be a number >= 0 (got ${shown(most)})`);
  handoff.limit = most;
  let run: Promise<FetchReport> | undefined;
  try {
    do {
      run = runFetch(settings).finally(() => {
        handoff.over();
      });
      run.catch(() => undefined);
      for (let message = await handoff.take(); message !== undefined; message = await handoff.take()) {
        yield message;
        handoff.passed();
      }
      const next = await run.then(
        ({ nextPollAt }) => nextPollAt,
        (error: unknown) => {
          if (!(error instanceof FetchError) || !error.temporary || !repeat || isAborted([settings.signal]))
            throw error;
          return error.report.nextPollAt;
        },
      );
      if (repeat) await sleep(next - Date.now(), stop, settings.signal);
    } while (repeat && !isAborted([stop, settings.signal]));
  } finally {
    leave.abort();
    handoff.close();
    // It has to give the mailbox free, and to note what is done.
    await run?.catch(() => undefined);
  }
}

/** Where a message is handed from the run to the reader, who says what became of it. */
class Handoff implements Destination {
  /** Octets of a message, at most: it is held in memory. */
  limit = Infinity;
  #message: NewMessage | undefined;
  #settle: ((error?: unknown) => void) | undefined;
  #look: () => void = () => undefined;
  #over = false;
  #closed = false;

  begin(delivery: Delivery): Promise<DeliveryWriter> {
    const pieces: Buffer[] = [];
    let size = 0;
    return Promise.resolve({
      write: (octets: Buffer) => {
        size += octets.length;
        if (size > this.limit) throw new DestinationError(`it is larger than ${String(this.limit)} octets`);
        pieces.push(octets);
      },
      commit: () => this.#hand(delivery, pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces)),
      abort: () => Promise.resolve(),
    });
  }

  /** The next message; `undefined`: the run is over. */
  async take(): Promise<NewMessage | undefined> {
    if (this.#message === undefined && !this.#over)
      await new Promise<void>((resolve) => (this.#look = resolve));
    const message = this.#message;
    this.#message = undefined;
    if (message === undefined) this.#over = false;
    return message;
  }

  /** The reader has gone on. */
  passed(): void {
    this.#settle?.(new Error("the loop went on before the message was done"));
  }

  over(): void {
    this.#over = true;
    this.#look();
  }

  /** Nobody reads any more. */
  close(): void {
    this.#closed = true;
    this.#settle?.(left());
  }

  #hand(delivery: Delivery, octets: Buffer): Promise<"new"> {
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(left());
        return;
      }
      const settle = (this.#settle = (error?: unknown): void => {
        this.#settle = undefined;
        if (error === undefined) resolve("new");
        else
          reject(error instanceof Error ? error : new Error("it could not be dealt with", { cause: error }));
      });
      this.#message = {
        ...delivery,
        octets,
        done: () => {
          if (this.#settle === settle) settle();
        },
        failed: (error) => {
          if (this.#settle === settle) settle(error ?? new Error("it could not be dealt with"));
        },
      };
      this.#look();
    });
  }
}

/** No message is to blame for it. */
function left(): DestinationError {
  return new DestinationError("the loop was left", { down: true });
}
