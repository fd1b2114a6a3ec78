// Sessions that nobody uses: each is kept for its maildrop, for a time, and gives way to whoever needs its place.
import { LONGEST_TIMER } from "../net/settle.ts";
import type { Account } from "./account.ts";
import type { PooledClient } from "./pooled-client.ts";

/** The most that QUIT may take, as somebody may wait for the place; milliseconds. */
const GRACE = 5000;

interface IdleSession {
  readonly account: Account;
  readonly client: PooledClient;
  timer: NodeJS.Timeout | undefined;
  /** Settles when it is over; it never rejects. */
  ending: Promise<void> | undefined;
}

export class IdleSessions {
  readonly #timeout: number;
  /** By maildrop, the longest idle first. Those that are being ended are among them, until that is done. */
  readonly #sessions: Map<string, IdleSession> = new Map();

  /** `timeout`: milliseconds for which they are kept. */
  constructor(timeout: number) {
    this.#timeout = timeout;
  }

  get size(): number {
    return this.#sessions.size;
  }

  keep(account: Account, client: PooledClient): void {
    const session: IdleSession = { account, client, timer: undefined, ending: undefined };
    this.#sessions.set(account.maildrop, session);
    // Who listened has gone.
    client.removeAllListeners();
    client.once("close", () => {
      this.#forget(session);
    });
    if (this.#timeout === Infinity) return;
    session.timer = setTimeout(
      () => {
        void this.#end(session);
      },
      Math.min(this.#timeout, LONGEST_TIMER),
    );
    session.timer.unref();
  }

  /** The session that can serve an account, which is kept no longer. Whether it is alive has yet to be proven. */
  take(account: Account): PooledClient | undefined {
    const session = this.#sessions.get(account.maildrop);
    if (session?.ending !== undefined || session?.account.matches(account) !== true) return undefined;
    this.#forget(session);
    session.client.removeAllListeners();
    return session.client;
  }

  /** Ends the session that has a maildrop, if there is one, and resolves when the maildrop is free. */
  async clear(maildrop: string): Promise<void> {
    const session = this.#sessions.get(maildrop);
    if (session !== undefined) await this.#end(session);
  }

  /** Ends so many that no more than `most` are left, of one host or of all; the longest idle go first. */
  async shrink(most: number, host?: string): Promise<void> {
    const sessions = [...this.#sessions.values()].filter(
      ({ account }) => host === undefined || account.host === host,
    );
    const surplus = sessions.length - most;
    if (surplus <= 0) return;
    // Those that are being ended already come first.
    const soonest = sessions.sort((a, b) => Number(a.ending === undefined) - Number(b.ending === undefined));
    await Promise.all(soonest.slice(0, surplus).map((session) => this.#end(session)));
  }

  #end(session: IdleSession): Promise<void> {
    clearTimeout(session.timer);
    session.ending ??= leave(session.client).finally(() => {
      this.#forget(session);
    });
    return session.ending;
  }

  #forget(session: IdleSession): void {
    clearTimeout(session.timer);
    const { maildrop } = session.account;
    if (this.#sessions.get(maildrop) === session) this.#sessions.delete(maildrop);
  }
}

/** By QUIT, as it would have ended with its use; by dropping the connection where that is not answered soon. */
async function leave(client: PooledClient): Promise<void> {
  const signal = AbortSignal.timeout(GRACE);
  if (client.marked.size === 0) await client.quit({ signal }).catch(() => undefined);
  // Nothing that is marked by now is committed: nobody would learn of it.
  await client[Symbol.asyncDispose]();
}
