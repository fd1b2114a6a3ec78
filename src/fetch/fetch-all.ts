// Fetches the mail of many mailboxes: with a limit in total and per host, in fair order, and without one
// failure affecting another mailbox.
import { setMaxListeners } from "node:events";
import { FirstAbort } from "../net/abort.ts";
import { checkBoolean, checkNames, checkObject, configError, shown } from "../options/checks.ts";
import { completePoolOptions } from "../pool/options.ts";
import { Scheduler } from "../pool/scheduler.ts";
import { EventQueue } from "./event-queue.ts";
import type { FetchEvent } from "./events.ts";
import { Mailboxes } from "./mailboxes.ts";
import { checkRunOptions, FETCH_ALL_OPTIONS, type FetchAllOptions, type FetchTarget } from "./options.ts";
import { callerOf, locatedLoop } from "../session/caller.ts";

/**
 * Fetches the mail of many mailboxes, each like {@link fetchMail}, and yields the events of all runs. If one
 * mailbox fails, the loop gets a `"failed"` event and the others continue. If a host is down, its mailboxes wait: their
 * reports have `hostDown`, and one after the other tries whether it is back. Leaving the loop ends all runs
 * like `stop`. A slow loop slows the runs down.
 *
 * Nothing happens before the loop begins. It ends after one run over each mailbox; with `repeat` it never ends by itself:
 * abort `stop` or `signal`, or leave it with `break`. With `repeat` it rejects with {@link FetchError} if none of the
 * servers can be reached the first time, see `retryFirst`. Rejects if `targets` throws, and with `POP3_CONFIG` if an option
 * is invalid.
 *
 * @example
 * ```ts
 * for await (const event of fetchAll(accounts, { ledger, destination, repeat: true })) {
 *   if (event.type === "failed") console.error(event.mailbox, event.error.message);
 * }
 * ```
 */
export function fetchAll(
  targets: Iterable<FetchTarget> | AsyncIterable<FetchTarget>,
  options: FetchAllOptions,
): AsyncGenerator<FetchEvent, void, undefined> {
  return locatedLoop(callerOf(), eventsOf(targets, options));
}

async function* eventsOf(
  targets: Iterable<FetchTarget> | AsyncIterable<FetchTarget>,
  options: FetchAllOptions,
): AsyncGenerator<FetchEvent, void, undefined> {
  checkObject("options", options);
  checkNames("", options, FETCH_ALL_OPTIONS);
  checkRunOptions(options);
  checkBoolean("repeat", options.repeat);
  checkBoolean("retryFirst", options.retryFirst);
  const isLoop = typeof targets === "object" && (targets as object | null) !== null;
  if (!isLoop || !(Symbol.iterator in targets || Symbol.asyncIterator in targets))
    throw configError(`targets must be an iterable of accounts, such as an array (got ${shown(targets)})`);
  const leave = new AbortController();
  const { maxSessions = 50, maxPerHost = 5 } = options;
  completePoolOptions({ maxSessions, maxPerHost });
  const queue = new EventQueue<FetchEvent>();
  const stop = new FirstAbort(leave.signal, options.stop);
  const signal = new FirstAbort(options.signal);
  // The destination gets this signal, and may listen to it once per message: with many mailboxes that is not a
  // leak.
  setMaxListeners(0, signal.signal);
  // Each run has one session at a time, so a permit for the run is a permit for its session.
  const scheduler = new Scheduler({ all: maxSessions, perHost: maxPerHost, waiting: Infinity });
  const all = new Mailboxes({ ...options, stop: stop.signal, signal: signal.signal }, queue, scheduler);
  const running = all.run(targets).finally(() => {
    queue.end();
  });
  // Awaited below, after all events are delivered. Until then, this prevents an unhandled rejection.
  running.catch(() => undefined);
  try {
    for (let events = await queue.take(); events.length > 0; events = await queue.take()) yield* events;
    await running;
  } finally {
    leave.abort();
    queue.close();
    await running.catch(() => undefined);
    stop.release();
    signal.release();
  }
}
