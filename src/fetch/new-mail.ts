// New mail as it comes, message by message: each is delivered when the reader says that it is done with it.
import { checkBoolean, checkNames, checkObject, configError, shown } from "../options/checks.ts";
import type { Delivery, Destination, DeliveryWriter } from "./destinations/destination.ts";
import { DestinationError } from "./destinations/destination-error.ts";
import { inMemory } from "./destinations/in-memory.ts";
import type { FetchEvent } from "./events.ts";
import { FetchError } from "./fetch-error.ts";
import { FirstContact } from "./first-contact.ts";
import { completeFetchOptions, FETCH_OPTIONS, type FetchAccount, type FetchOptions } from "./options.ts";
import type { FetchReport } from "./report.ts";
import { runFetch } from "./run/run.ts";
import { FirstAbort, isAborted } from "../net/abort.ts";
import { sleep } from "../net/settle.ts";
import { callerOf, locatedLoop } from "../session/caller.ts";
import { wallTime } from "../system/clock.ts";

/** The options of {@link newMail}. */
export interface NewMailOptions extends Omit<FetchOptions, "destination"> {
  /** Polls for more mail until `stop` or `signal` is aborted. `false`: the loop ends after one run. @default true */
  readonly repeat?: boolean;
  /**
   * Whether to try again if the first connection fails. Without it, the loop rejects, because a wrong host or port looks
   * like a network that is down. @default false
   */
  readonly retryFirst?: boolean;
}

/** A new message. */
export interface NewMessage extends Delivery {
  /** The message, byte for byte; only its headers if `headersOnly` is set. */
  readonly octets: Buffer;
  /** Marks the message as delivered: the ledger records it, and the policy may delete it from the server. */
  done(): void;
  /**
   * Marks the message as failed: it comes again after a pause. So does a message without a call of `done()`.
   */
  failed(error: unknown): void;
}

/**
 * Yields new mail, one message at a time, and polls for more. The loop never ends by itself: abort `stop` or `signal`,
 * leave it with `break`, or set `repeat: false`. `policy.poll` sets the pause between two polls.
 *
 * A message counts as delivered when `done()` was called. If the loop continues without it, the message has failed. Rejects
 * with {@link FetchError} if the server of the first run cannot be reached (see `retryFirst`), and for errors that are not
 * temporary, such as a wrong password. Other temporary errors (network, `[IN-USE]`) are retried while `repeat` is set.
 * Leaving the loop ends the session. Rejects with `POP3_CONFIG` if an option is invalid.
 *
 * @example
 * ```ts
 * for await (const message of newMail(account, { ledger, stop, policy: { poll: { every: "30 s" } } })) {
 *   await handle(message.octets, message.key);
 *   message.done();
 * }
 * ```
 */
export function newMail(
  account: FetchAccount,
  options: NewMailOptions,
): AsyncGenerator<NewMessage, void, undefined> {
  return locatedLoop(callerOf(), messagesOf(account, options));
}

async function* messagesOf(
  account: FetchAccount,
  newMailOptions: NewMailOptions,
): AsyncGenerator<NewMessage, void, undefined> {
  checkObject("options", newMailOptions);
  const { repeat = true, retryFirst = false, ...options } = newMailOptions;
  checkBoolean("repeat", repeat);
  checkBoolean("retryFirst", retryFirst);
  if ("destination" in options)
    throw configError("unknown option destination: newMail gives the messages to your loop; see fetchMail");
  const names = FETCH_OPTIONS.filter((name) => name !== "destination");
  checkNames("", options, [...names, "repeat", "retryFirst"]);
  const handoff = new Handoff();
  const given = completeFetchOptions(account, { ...options, destination: handoff });
  if (given.policy.dryRun)
    throw configError("policy.dryRun must not be true for newMail, which needs messages: call fetchMail");
  const most = given.account.limits?.message ?? 64 * 1024 * 1024;
  if (typeof most !== "number")
    throw configError(`limits.message must be a number >= 0 (got ${shown(most)})`);
  handoff.limit = most;
  const leave = new AbortController();
  const either = new FirstAbort(leave.signal, given.stop);
  const stop = either.signal;
  const contact = new FirstContact(retryFirst);
  contact.added(given.mailbox);
  contact.complete();
  const onEvent = (event: FetchEvent): Promise<void> | void => {
    contact.heard(event);
    return given.onEvent(event);
  };
  const settings = { ...given, stop, onEvent };
  let run: Promise<FetchReport> | undefined;
  try {
    do {
      run = runFetch(settings).finally(() => {
        handoff.runEnded();
      });
      run.catch(() => undefined);
      for (let message = await handoff.take(); message !== undefined; message = await handoff.take()) {
        yield message;
        handoff.passed();
      }
      const next = await run.then(
        ({ nextPollAt }) => nextPollAt,
        (error: unknown) => {
          if (!(error instanceof FetchError) || !error.temporary || !repeat || isAborted(settings.signal))
            throw error;
          if (contact.failure !== undefined) throw error;
          return error.report.nextPollAt;
        },
      );
      if (repeat) await sleep(next - wallTime(), stop, settings.signal);
    } while (repeat && !isAborted(stop, settings.signal));
  } finally {
    leave.abort();
    handoff.close();
    // Wait until the run has recorded what is done and has released the mailbox.
    await run?.catch(() => undefined);
    either.release();
  }
}

/** Hands messages from the run to the reader, and the reader's verdict back to the run. */
class Handoff implements Destination {
  /** The maximum size of a message in octets, because it is held in memory. */
  limit = Infinity;
  #message: NewMessage | undefined;
  #settle: ((error?: unknown) => void) | undefined;
  #look: () => void = () => undefined;
  #ended = false;
  #closed = false;

  async begin(delivery: Delivery): Promise<DeliveryWriter> {
    return inMemory(this.limit, "limits.message", (octets) => this.#hand(delivery, octets));
  }

  /** Waits for the next message. Returns `undefined` when the run is over. */
  async take(): Promise<NewMessage | undefined> {
    if (this.#message === undefined && !this.#ended)
      await new Promise<void>((resolve) => (this.#look = resolve));
    const message = this.#message;
    this.#message = undefined;
    if (message === undefined) this.#ended = false;
    return message;
  }

  /** The reader asks for the next message: the current one fails unless it is done. */
  passed(): void {
    this.#settle?.(new Error("the loop continued without message.done()"));
  }

  /** The run has ended. */
  runEnded(): void {
    this.#ended = true;
    this.#look();
  }

  /** The reader has left the loop. */
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
          reject(error instanceof Error ? error : new Error("message.failed() was called", { cause: error }));
      });
      this.#message = {
        ...delivery,
        octets,
        done: () => {
          if (this.#settle === settle) settle();
        },
        failed: (error) => {
          if (this.#settle === settle) settle(error ?? new Error("message.failed() was called"));
        },
      };
      this.#look();
    });
  }
}

/** `down`, because this is not the fault of the message. */
function left(): DestinationError {
  return new DestinationError("the loop over newMail was left", { down: true });
}
