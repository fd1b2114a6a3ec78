// Keeps idle sessions for reuse: one per maildrop, for a limited time. Ends them if their slots are needed.
import { LONGEST_TIMER } from "../net/settle.ts";
import type { Account } from "./account.ts";
import type { Pop3Client } from "../client.ts";

/** The longest time for QUIT, because another call may wait for the slot; milliseconds. */
const GRACE = 5000;

interface IdleSession {
  readonly account: Account;
  readonly client: Pop3Client;
  timer: NodeJS.Timeout | undefined;
  /** Resolves when the session has ended; never rejects. `undefined`: it is not being ended. */
  ending: Promise<void> | undefined;
}

export class IdleSessions {
  readonly #timeout: number;
  /** Maildrop → session, the longest idle first. A session that is being ended stays until it has ended. */
  readonly #sessions: Map<string, IdleSession> = new Map();

  readonly #ended: (client: Pop3Client) => void;

  /**
   * `timeout`: how long a session is kept; milliseconds. `ended`: called when a session that was kept has ended; maybe
   * more than once.
   */
  constructor(timeout: number, ended: (client: Pop3Client) => void) {
    this.#timeout = timeout;
    this.#ended = ended;
  }

  get size(): number {
    return this.#sessions.size;
  }

  keep(account: Account, client: Pop3Client): void {
    const session: IdleSession = { account, client, timer: undefined, ending: undefined };
    this.#sessions.set(account.maildrop, session);
    // The previous user must not get events of a later use.
    client.removeAllListeners();
    client.once("close", () => {
      this.#forget(session);
      this.#ended(client);
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

  /** Removes and returns a session that the account may reuse. The caller must check that it is alive. */
  take(account: Account): Pop3Client | undefined {
    const session = this.#sessions.get(account.maildrop);
    if (session?.ending !== undefined || session?.account.matches(account) !== true) return undefined;
    this.#forget(session);
    session.client.removeAllListeners();
    return session.client;
  }

  /** Ends the idle session of a maildrop, if there is one. Resolves when the maildrop is free. */
  async clear(maildrop: string): Promise<void> {
    const session = this.#sessions.get(maildrop);
    if (session !== undefined) await this.#end(session);
  }

  /** Ends the longest idle sessions until at most `most` are left, of one host or of all hosts. */
  async shrink(most: number, host?: string): Promise<void> {
    const sessions = [...this.#sessions.values()].filter(
      ({ account }) => host === undefined || account.host === host,
    );
    const surplus = sessions.length - most;
    if (surplus <= 0) return;
    // Sessions that are already being ended come first.
    const soonest = sessions.sort((a, b) => Number(a.ending === undefined) - Number(b.ending === undefined));
    await Promise.all(soonest.slice(0, surplus).map((session) => this.#end(session)));
  }

  #end(session: IdleSession): Promise<void> {
    clearTimeout(session.timer);
    session.ending ??= leave(session.client).finally(() => {
      this.#forget(session);
      this.#ended(session.client);
    });
    return session.ending;
  }

  #forget(session: IdleSession): void {
    clearTimeout(session.timer);
    const { maildrop } = session.account;
    if (this.#sessions.get(maildrop) === session) this.#sessions.delete(maildrop);
  }
}

/** Ends a session with QUIT, as without reuse. If there is no reply soon, drops the connection. */
async function leave(client: Pop3Client): Promise<void> {
  const signal = AbortSignal.timeout(GRACE);
  if (client.marked.size === 0) await client.quit({ signal }).catch(() => undefined);
  // If messages are marked, roll back: no caller would learn the result of the commit.
  await client[Symbol.asyncDispose]();
}
