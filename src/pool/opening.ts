// Opens a session, and tries again after temporary errors, until `retryFor` has passed. Between two attempts
// it keeps the maildrop reserved, but frees the slots of host and pool for other calls.
import { throwIfAborted } from "../net/failures.ts";
import { sleep, untilAborted } from "../net/settle.ts";
import type { Account } from "./account.ts";
import { isTemporary, retryAfter } from "../retry.ts";
import { Pop3Client } from "../client.ts";
import type { SessionPlaces } from "./places.ts";
import { factsOf, type Log } from "../net/log.ts";
import type { Counts } from "./statistics.ts";
import type { Pop3PoolTrace } from "./trace.ts";
import type { Permit } from "./scheduler.ts";
import { steadyTime } from "../system/clock.ts";
import { random } from "../system/random.ts";

export interface Opening {
  readonly account: Account;
  readonly permit: Permit;
  /** Milliseconds after the first attempt in which another attempt may start. */
  readonly retryFor: number;
  readonly signal: AbortSignal;
  /** Ends idle sessions if their slots are needed. Resolves when one more session is allowed. */
  readonly makeRoom: () => Promise<unknown>;
  readonly places: SessionPlaces;
  readonly counts: Counts;
  readonly trace: Pop3PoolTrace;
  readonly log: Log;
}

/** Opens a session and logs in. Rejects with the error of the last attempt. */
export async function openSession(opening: Opening): Promise<Pop3Client> {
  const { account, permit, retryFor, signal, makeRoom, counts, trace, log } = opening;
  let first: number | undefined;
  for (;;) {
    await untilAborted(signal, makeRoom);
    first ??= steadyTime();
    const client = new Pop3Client(account.options);
    try {
      await connect(client, opening);
      return client;
    } catch (error) {
      const { loginDelay } = client.capabilities;
      const pause = retryAfter(error, trace.attempts, random, loginDelay?.seconds);
      const late = steadyTime() - first + pause >= retryFor;
      if (late || signal.aborted || !isTemporary(error) || !account.reconnects) throw error;
      if (log.hears("pool", "warn")) {
        const facts = {
          host: trace.host,
          port: trace.port,
          attempts: trace.attempts,
          pause,
          ...factsOf(error),
        };
        const seconds = Math.ceil(pause / 1000);
        log.write(
          "pool",
          "warn",
          `no session with ${trace.host}, tries again in ${seconds} s: ${facts.error}`,
          facts,
        );
      }
      permit.pause();
      await counts.during("pausing", sleep(pause, signal));
      throwIfAborted(signal);
      await permit.resume(signal);
      counts.retried++;
    }
  }
}

/** Connects with a place on the host, which the session keeps. */
async function connect(client: Pop3Client, opening: Opening): Promise<void> {
  const { account, places, signal, counts, trace } = opening;
  const place = await places.take(account, signal);
  trace.attempts++;
  try {
    await counts.during("connecting", client.connect({ signal }));
  } catch (error) {
    place.release(error);
    throw error;
  }
  places.give(client, place);
  counts.opened++;
}
