// The journal of an ImapAppend: it says what is in the folder, also after a crash. Only the process that holds its lock
// appends to the folder.
import { Pop3Error } from "../../../errors.ts";
import { throwIfAborted } from "../../../net/failures.ts";
import { sleep, untilAborted } from "../../../net/settle.ts";
import { messageOf } from "../../../protocol/foreign-error.ts";
import { printable } from "../../../protocol/printable.ts";
import type { Lock, LockTimes } from "../../files/lock.ts";
import { isOutage } from "../../files/outage.ts";
import { Journal, readJournal, type JournalForm, type JournalRead } from "../../ledger/journal.ts";
import { isMarked, lookAt, type JournalMark } from "../../ledger/journal-mark.ts";
import { LedgerDirectory, type MailboxPaths } from "../../ledger/ledger-directory.ts";
import { DestinationError } from "../destination-error.ts";
import { AppendState, decodeAppends, encodeAppends, textOf, type AppendContents } from "./append-state.ts";
import { steadyTime } from "../../../system/clock.ts";

const TIMES: LockTimes = { heartbeat: 10_000, stale: 60_000 };

/** How long another process may hold the lock; milliseconds. */
const PATIENCE = 60_000;

/** The shortest and the longest pause between two tries to take the lock; milliseconds. */
const [SHORTEST, LONGEST] = [20, 500];

/** The journal while this process holds its lock. */
interface Held {
  readonly lock: Lock;
  readonly journal: Journal<AppendContents>;
}

export class AppendJournal {
  readonly #target: string;
  readonly #directory: LedgerDirectory;
  readonly #paths: MailboxPaths;
  readonly #form: JournalForm<AppendContents>;
  #state: AppendState = new AppendState();
  /** The file to which the state belongs. */
  #mark: JournalMark | undefined;
  #users = 0;
  #opening: Promise<Held> | undefined;
  #held: Held | undefined;
  #closing: Promise<void> = Promise.resolve();
  #reads = 0;

  /** `target`: names the folder. */
  constructor(directory: string, target: string) {
    this.#target = target;
    this.#directory = new LedgerDirectory(directory, TIMES);
    this.#paths = this.#directory.paths(target);
    this.#form = {
      decode: (path, octets) => decodeAppends(path, target, octets),
      encode: (contents) => encodeAppends(target, contents),
      failed: asDown,
      name: "journal",
    };
  }

  /** What the journal says. It is complete only within {@link hold}. */
  get state(): AppendState {
    return this.#state;
  }

  /** How often the state was read because another process had changed it. */
  get reads(): number {
    return this.#reads;
  }

  /** A call: the compiler does not see that it may change. */
  #isHeld(): boolean {
    return this.#users > 0;
  }

  /** Tells whether a message is in the folder, as far as the journal says now. Takes no lock. */
  async has(key: string): Promise<boolean> {
    if (!this.#isHeld()) {
      const read = await explained(this.#paths.journal, () => this.#readIfChanged());
      // It may be held since then, and a holder knows more.
      if (!this.#isHeld() && read !== undefined) this.#adopt(read);
    }
    return this.#state.entries.get(key)?.isDone === true;
  }

  /**
   * Calls `work` while this process holds the lock, which calls at the same time share. Waits for another process that
   * holds it. Rejects with {@link DestinationError}, and if `signal` is aborted before `work` is called.
   */
  async hold<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    throwIfAborted(signal);
    this.#users++;
    try {
      const opening = (this.#opening ??= this.#open());
      await untilAborted(signal, () => opening);
      return await work();
    } finally {
      if (--this.#users === 0) await this.#close();
    }
  }

  /** Rejects if another process may hold the lock by now. */
  async confirm(): Promise<void> {
    await explained(this.#paths.lock, async () => this.#held?.lock.confirm());
  }

  /** Notes that a message is about to be appended. Resolves when that will survive a crash. */
  async begin(key: string, digest: string): Promise<void> {
    // After a lost connection there is such a line already.
    if (this.#state.entries.get(key)?.isDone === false) return;
    await this.#append({ begun: key, from: this.#state.next, digest });
  }

  /** Notes that a message is in the folder. */
  done(key: string, uid: number | undefined): Promise<void> {
    return this.#append({ done: key, uid });
  }

  /** Notes that a message that was begun is not in the folder. */
  drop(key: string): Promise<void> {
    return this.#append({ dropped: key });
  }

  /** Notes the UIDVALIDITY of the folder. */
  async belongsTo(validity: string): Promise<void> {
    if (this.#state.validity !== validity) await this.#append({ validity });
  }

  async #append(line: Parameters<typeof textOf>[0]): Promise<void> {
    await this.#held?.journal.append([textOf(line)]);
    this.#state.apply(line);
  }

  async #open(): Promise<Held> {
    await this.#closing;
    const lock = await this.#lock();
    try {
      const read = await explained(this.#paths.journal, () => this.#readIfChanged(lock));
      if (read !== undefined) this.#adopt(read);
      const journal = new Journal(this.#paths.journal, this.#form, this.#mark, lock);
      this.#held = { lock, journal };
      return this.#held;
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  async #close(): Promise<void> {
    const [opening, closing] = [this.#opening, this.#closing];
    this.#opening = this.#held = undefined;
    this.#closing = (async () => {
      await closing;
      const held = await opening?.catch(() => undefined);
      if (held === undefined) return;
      const { journal, lock } = held;
      await journal.settled().catch(() => undefined);
      // After a failure the file says what counts.
      const mark = journal.failure === undefined ? await journal.mark().catch(() => undefined) : undefined;
      this.#mark = mark;
      await journal.close();
      await lock.release();
    })();
    await this.#closing;
  }

  /** Reads the journal, unless it is as it was last read or written. */
  async #readIfChanged(lock?: Lock): Promise<JournalRead<AppendContents> | undefined> {
    const { journal: path } = this.#paths;
    const stats = await lookAt(path, lock?.isLocal === true);
    const isSame =
      stats === undefined
        ? this.#mark === undefined && this.#reads > 0 && this.#state.entries.size === 0
        : this.#mark !== undefined && isMarked(this.#mark, stats);
    return isSame ? undefined : readJournal(path, this.#form, { ours: lock?.ours });
  }

  #adopt({ contents, mark }: JournalRead<AppendContents>): void {
    this.#state = contents.state;
    this.#mark = mark;
    this.#reads++;
  }

  async #lock(): Promise<Lock> {
    const until = steadyTime() + PATIENCE;
    for (let pause = SHORTEST; ; pause = Math.min(LONGEST, pause * 2)) {
      try {
        return await this.#directory.take(this.#target);
      } catch (error) {
        if (!Pop3Error.is(error) || error.code !== "POP3_MAILBOX_BUSY")
          throw asDown(`cannot lock the journal ${printable(this.#paths.journal)}`, error);
      }
      if (steadyTime() >= until)
        throw new DestinationError(
          `another process is appending messages to ${printable(this.#target)}: it holds ${printable(this.#paths.lock)}`,
          { down: true },
        );
      await sleep(pause);
    }
  }
}

async function explained<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw asDown(`cannot use the journal ${printable(path)}`, error);
  }
}

/** No message is the cause of what fails at the journal. */
function asDown(what: string, cause: unknown): Error {
  if (DestinationError.is(cause)) return cause;
  const reason = messageOf(cause);
  const hint = isOutage(cause) ? "" : ". Check the directory imap.state";
  return new DestinationError(`${what}: ${printable(reason)}${hint}`, { cause, down: true });
}
