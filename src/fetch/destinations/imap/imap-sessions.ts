// The connections of an ImapAppend: opened when they are needed, at most `connections` at the same time, and closed after a
// while without work.
import type { Secrets } from "../../../protocol/secrets.ts";
import type { ImapSettings } from "./imap-options.ts";
import { ImapSession } from "./imap-session.ts";
import { steadyTime } from "../../../system/clock.ts";

/** A connection without work is closed after this time; milliseconds. Servers keep it for 30 minutes. */
const IDLE = 30_000;

/** After this time without work, the server is asked whether it is still there; milliseconds. */
const DOUBT = 5000;

interface Idle {
  readonly session: ImapSession;
  readonly since: number;
  readonly timer: NodeJS.Timeout;
}

export class ImapSessions {
  readonly #settings: ImapSettings;
  readonly #secrets: Secrets;
  #idle: Idle[] = [];
  #used = 0;
  /** The sessions in use. */
  readonly #busy: Set<ImapSession> = new Set();
  #waiting: (() => void)[] = [];

  constructor(settings: ImapSettings, secrets: Secrets) {
    this.#settings = settings;
    this.#secrets = secrets;
  }

  /** Whether there is a session that can be used, as far as is known. */
  get isOpen(): boolean {
    return [...this.#busy, ...this.#idle.map(({ session }) => session)].some(({ isUsable }) => isUsable);
  }

  /**
   * Calls `work` with a session that is signed in, and whose folder exists. Waits for one if all are in use. `last`: whether
   * the session is ended afterwards.
   */
  async use<T>(
    signal: AbortSignal | undefined,
    work: (session: ImapSession) => Promise<T>,
    last = false,
  ): Promise<T> {
    if (this.#used >= this.#settings.connections)
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#used++;
    let session: ImapSession | undefined;
    try {
      session = (await this.#awake()) ?? (await this.#open(signal));
      this.#busy.add(session);
      return await work(session);
    } finally {
      if (session !== undefined) await this.#giveBack(session, last);
      const next = this.#waiting.shift();
      if (next === undefined) this.#used--;
      else next();
    }
  }

  /** Ends the sessions that are not in use. */
  async end(): Promise<void> {
    await Promise.all(
      this.#idle.splice(0).map(({ session, timer }) => {
        clearTimeout(timer);
        return session.end();
      }),
    );
  }

  /** Returns a session that was used before and still answers. */
  async #awake(): Promise<ImapSession | undefined> {
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
      const { session, since, timer } = idle;
      clearTimeout(timer);
      session.keepAlive(true);
      const isFresh = steadyTime() - since < DOUBT;
      // A message whose connection turns out to be lost would have to be looked for.
      if (session.isUsable && (isFresh || (await session.answers()))) return session;
      await session.end();
    }
    return undefined;
  }

  async #open(signal: AbortSignal | undefined): Promise<ImapSession> {
    const session = await ImapSession.open(this.#settings, this.#secrets, signal);
    try {
      // Where INBOX was missing, names may begin with another prefix once it exists (Cyrus).
      if (!(await session.ensureFolder())) return session;
    } catch (error) {
      await session.end();
      throw error;
    }
    await session.end();
    return ImapSession.open(this.#settings, this.#secrets, signal);
  }

  async #giveBack(session: ImapSession, last: boolean): Promise<void> {
    this.#busy.delete(session);
    if (last || !session.isUsable) {
      await session.end();
      return;
    }
    session.keepAlive(false);
    const timer = setTimeout(() => {
      this.#idle = this.#idle.filter((idle) => idle.session !== session);
      void session.end();
    }, IDLE).unref();
    this.#idle.push({ session, since: steadyTime(), timer });
  }
}
