// Appends messages to the folder, each once: what the journal does not know for certain is looked for before it is
// appended again.
import { throwIfAborted } from "../../../net/failures.ts";
import { sleep } from "../../../net/settle.ts";
import { printable } from "../../../protocol/printable.ts";
import { Secrets } from "../../../protocol/secrets.ts";
import { DestinationError } from "../destination-error.ts";
import { AppendJournal } from "./append-journal.ts";
import { canonicalOf, type Canonical } from "./canonical.ts";
import { Gate } from "./gate.ts";
import { failureOf, unusable, wordsOf, type AppendFailure } from "./imap-errors.ts";
import { targetOf, type ImapSettings } from "./imap-options.ts";
import { ImapSession } from "./imap-session.ts";
import { ImapSessions } from "./imap-sessions.ts";
import { internalDate } from "./internal-date.ts";
import { steadyTime, wallTime } from "../../../system/clock.ts";

/** The time, for tests. */
export interface AppendClock {
  /** Milliseconds, of a clock that is never set. */
  now(): number;
  date(): Date;
  /** Resolves after this number of milliseconds, or when the signal is aborted. */
  sleep(milliseconds: number, signal: AbortSignal | undefined): Promise<void>;
}

const CLOCK: AppendClock = { now: steadyTime, date: () => new Date(wallTime()), sleep };

interface Message extends Canonical {
  readonly key: string;
  readonly octets: Buffer;
}

export class Appender {
  readonly target: string;
  readonly #settings: ImapSettings;
  readonly #clock: AppendClock;
  readonly #secrets: Secrets = new Secrets();
  readonly #journal: AppendJournal;
  readonly #sessions: ImapSessions;
  /** Messages are appended side by side, and looked for while none is being appended. */
  readonly #gate: Gate = new Gate();
  /** The deliveries by key: of the same key, one at a time. */
  readonly #underway: Map<string, Promise<unknown>> = new Map();
  /** When the connection was lost during the APPEND of a message, by key. */
  readonly #lost: Map<string, number> = new Map();
  /** How often the journal had been read when it was last looked at, and when that was. */
  #reads = 0;
  #readAt = 0;
  /** For which of these readings the position of the folder is known. */
  #locatedFor = -1;

  constructor(settings: ImapSettings, clock: AppendClock = CLOCK) {
    this.#settings = settings;
    this.#clock = clock;
    this.target = targetOf(settings);
    this.#journal = new AppendJournal(settings.state, this.target);
    this.#sessions = new ImapSessions(settings, this.#secrets);
  }

  /** Tells whether a message is in the folder already, without asking the server. */
  async has(key: string): Promise<boolean> {
    const has = await this.#journal.has(key);
    this.#noteReads();
    return has;
  }

  /** Resolves when messages can be appended: the server can be reached, and the folder exists. */
  async prepare(signal: AbortSignal | undefined): Promise<void> {
    throwIfAborted(signal);
    if (!this.#sessions.isOpen) await this.#sessions.use(signal, async () => undefined);
  }

  /** Calls `work` with a new connection, without looking for the folder. */
  async once<T>(signal: AbortSignal | undefined, work: (session: ImapSession) => Promise<T>): Promise<T> {
    const session = await ImapSession.open(this.#settings, this.#secrets, signal);
    try {
      return await work(session);
    } finally {
      await session.end();
    }
  }

  /** Ends the connections that are not in use. */
  end(): Promise<void> {
    return this.#sessions.end();
  }

  /** Appends a message, unless it is in the folder. Resolves when the journal knows it, too. */
  async deliver(key: string, octets: Buffer, signal: AbortSignal | undefined): Promise<"new" | "known"> {
    const before = this.#underway.get(key) ?? Promise.resolve();
    const delivery = before
      .catch(() => undefined)
      .then(() =>
        this.#journal.hold(signal, () => this.#deliver({ key, octets, ...canonicalOf(octets) }, signal)),
      );
    this.#underway.set(key, delivery);
    try {
      return await delivery;
    } finally {
      if (this.#underway.get(key) === delivery) this.#underway.delete(key);
    }
  }

  async #deliver(message: Message, signal: AbortSignal | undefined): Promise<"new" | "known"> {
    const { key } = message;
    this.#noteReads();
    const known = this.#journal.state.entries.get(key);
    if (known?.isDone === true) return "known";
    await this.#locate(signal);
    // A process died during its APPEND, or lost the connection.
    if (known !== undefined && (await this.#hasArrived(message, signal))) return "known";
    for (const isLastTry of [false, true]) {
      const failure = await this.#append(message, signal);
      if (failure !== "unknown") return "new";
      if (isLastTry ? await this.#find(message, signal, false) : await this.#hasArrived(message, signal))
        return "new";
    }
    // A server that is slow or dying does this to every message, so no message is blamed.
    throw new DestinationError(
      "the connection was lost twice while this message was appended. The message may be the reason",
      { later: true },
    );
  }

  /** The journal was read: what it does not know for certain may still be on its way from now on. */
  #noteReads(): void {
    if (this.#journal.reads === this.#reads) return;
    this.#reads = this.#journal.reads;
    this.#readAt = this.#clock.now();
    this.#lost.clear();
  }

  /** Finds out which UIDs new messages get, once for each reading of the journal. */
  async #locate(signal: AbortSignal | undefined): Promise<void> {
    if (this.#locatedFor === this.#reads) return;
    await this.#gate.alone(async () => {
      if (this.#locatedFor === this.#reads) return;
      await this.#sessions.use(signal, (session) => this.#update(session));
      this.#locatedFor = this.#reads;
    });
  }

  /** To be called while nothing is being appended. Returns UIDNEXT. */
  async #update(session: ImapSession): Promise<number> {
    const { validity, next } = await session.position();
    await this.#journal.belongsTo(validity);
    this.#journal.state.raise(next);
    return next;
  }

  /** Appends a message. Returns `"unknown"` if the answer was lost. Rejects if it was not stored. */
  async #append(message: Message, signal: AbortSignal | undefined): Promise<"unknown" | undefined> {
    const { key, digest } = message;
    throwIfAborted(signal);
    let isInDoubt = this.#journal.state.entries.has(key);
    await this.#journal.begin(key, digest);
    try {
      return await this.#gate.together(() =>
        this.#sessions.use(signal, (session) => {
          // Waiting for a connection may have taken long. From here on, the APPEND runs to its end.
          throwIfAborted(signal);
          isInDoubt = true;
          return this.#try(message, session);
        }),
      );
    } catch (error) {
      // Nothing was sent, so nothing has to be looked for.
      if (!isInDoubt) await this.#journal.drop(key).catch(() => undefined);
      throw error;
    }
  }

  async #try(message: Message, session: ImapSession, isAgain = false): Promise<"unknown" | undefined> {
    const { key, octets } = message;
    await this.#journal.confirm();
    let appended: Awaited<ReturnType<ImapSession["append"]>>;
    try {
      appended = await session.append(octets, internalDate(octets, this.#clock.date()));
    } catch (error) {
      const failure = failureOf(error);
      if (failure === "unknown") {
        this.#lost.set(key, this.#clock.now());
        await session.end();
        return failure;
      }
      if (failure === "missing" && !isAgain) {
        await this.#restore(message, session);
        return this.#try(message, session, true);
      }
      await this.#journal.drop(key);
      throw await this.#refusal(failure, error, message, session);
    }
    if (appended.validity !== undefined) await this.#journal.belongsTo(appended.validity);
    await this.#journal.done(key, appended.uid);
    return undefined;
  }

  /** Creates the folder again after something has removed it. The message is not in it. */
  async #restore({ key }: Message, session: ImapSession): Promise<void> {
    try {
      // Another process may have created it already.
      await session.ensureFolder();
    } catch (error) {
      await this.#journal.drop(key);
      throw error;
    }
  }

  async #refusal(
    failure: AppendFailure,
    error: unknown,
    { octets }: Message,
    session: ImapSession,
  ): Promise<DestinationError> {
    const words = wordsOf(error, this.#secrets);
    const server = printable(this.#settings.host);
    // A message that is larger than the whole mailbox gets the same answer as one for which no space is left.
    const isTooLarge = failure === "full" && ((await session.quota())?.limit ?? Infinity) < octets.length;
    if (failure === "refused" || isTooLarge)
      return new DestinationError(`${server} refused the message: ${words}`);
    if (failure === "later")
      return new DestinationError(`${server} does not take the message now: ${words}`, { later: true });
    return unusable(`${server} takes no messages`, error, this.#secrets);
  }

  /**
   * Tells whether a message whose answer was lost is in the folder, and notes it. If it is not there yet, waits until it
   * can no longer be on its way, and looks once more.
   */
  async #hasArrived(message: Message, signal: AbortSignal | undefined): Promise<boolean> {
    const until = (this.#lost.get(message.key) ?? this.#readAt) + this.#settings.settleTime;
    const isOver = this.#clock.now() >= until;
    if (await this.#find(message, signal, isOver)) return true;
    if (isOver) return false;
    await this.#clock.sleep(until - this.#clock.now(), signal);
    throwIfAborted(signal);
    return this.#find(message, signal, true);
  }

  /** Looks for a message whose answer was lost, and notes it if it is there. */
  #find(message: Message, signal: AbortSignal | undefined, isLastLook: boolean): Promise<boolean> {
    return this.#gate.alone(() =>
      this.#sessions.use(signal, (session) => this.#look(message, session, isLastLook), true),
    );
  }

  async #look(message: Message, session: ImapSession, isLastLook: boolean): Promise<boolean> {
    const { key, digest } = message;
    const next = await this.#update(session);
    const { state } = this.#journal;
    const from = state.entries.get(key)?.from ?? 1;
    const claimed = state.claimed(from);
    // The server has given every UID to a message that is known: nothing has arrived in addition to them.
    if (next - from <= claimed.size) return false;
    const uids = new Set(claimed);
    const found = await session.find(message, from, claimed, (uid) => uids.add(uid));
    // Each copy belongs to one message. Of some it is not known which.
    const others = state.unnumbered(digest, from);
    if (found.length > others) {
      await this.#journal.done(key, others === 0 ? found[0] : undefined);
      return true;
    }
    if (isLastLook && next - from > uids.size) warn(this.target);
    return false;
  }
}

/** Something has removed messages that arrived since then, and may have removed this one. */
function warn(target: string): void {
  process.emitWarning(
    `a message whose connection was lost is not in ${printable(target)}, but others were removed since then: it may come twice`,
    { code: "POPWRIGHT_MAYBE_TWICE" },
  );
}
