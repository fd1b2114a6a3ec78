// A ledger in Redis: leases and fences by the clock of Redis, each record in one script.
import { randomBytes } from "node:crypto";
import { releaseMessages } from "../fetch/ledger/another-try.ts";
import type {
  Ledger,
  LedgerEntry,
  LedgerMailbox,
  LedgerOpenOptions,
  LedgerSnapshot,
  MailboxLedger,
} from "../fetch/ledger/ledger.ts";
import { checkOpenOptions } from "../fetch/ledger/open-options.ts";
import { checkNames, noLedger, renamed } from "../fetch/ledger/renaming.ts";
import { throwIfAborted } from "../net/failures.ts";
import { sleep } from "../net/settle.ts";
import { argumentError, checkText } from "../options/checks.ts";
import { leaseLost, mailboxBusy } from "../store/lease.ts";
import { openedUnlessAborted } from "../store/opened.ts";
import { encodeText } from "../store/text.ts";
import { checkClient, Connection, type RedisClient, type Script } from "./client.ts";
import { ledgerFailure } from "./failures.ts";
import { RedisMailbox, type Taken } from "./mailbox.ts";
import { ledgerSettings, type LedgerSettings, type RedisLedgerOptions } from "./options.ts";
import { entriesFrom, fieldOf, keysOf, nameFrom, stateFrom } from "./records.ts";
import { DELETE, GIVE_UP, READ, REMOVE, REPLACE, TAKE } from "./scripts.ts";

/** How long an aborted call of `open` waits until the mailbox is released, in milliseconds. */
const PATIENCE = 1000;

/**
 * Remembers in Redis which messages were fetched. **At least once, and only as long as Redis keeps its data**: if the
 * process dies between the destination and the ledger, the message is delivered again with the same key. If Redis loses
 * its last second, the messages of that second are. If Redis loses everything, all mail that is still on the servers is
 * delivered again. So use a destination that recognises keys, and a Redis with `appendonly yes`, `appendfsync always` and
 * `maxmemory-policy noeviction`. A Redis that evicts keys is refused. If the messages go into a database, a store with
 * one transaction, such as `SqliteStore` of `popwright/sqlite`, delivers each exactly once.
 *
 * Any number of processes on any number of machines can use the same Redis: one run at a time holds a mailbox, by the
 * clock of Redis. It works with one server, with Sentinel, and with a cluster.
 *
 * @example
 * ```ts
 * const ledger = new RedisLedger(new Redis("redis://127.0.0.1:6379"));
 * await fetchMail(account, { ledger, destination: new Maildir("./Mail") });
 * ```
 */
export class RedisLedger implements Ledger {
  readonly #connection: Connection;
  readonly #settings: LedgerSettings;

  /**
   * `redis` is a client of `ioredis`, which you close yourself. Throws `POP3_CONFIG` if it is not one, if it has the
   * option `keyPrefix`, or if an option is invalid.
   */
  constructor(redis: RedisClient, options?: RedisLedgerOptions) {
    checkClient(redis);
    this.#settings = ledgerSettings(options);
    this.#connection = new Connection(redis, this.#settings.timeout);
  }

  /**
   * Opens the ledger of a mailbox, and holds it. Rejects with `POP3_MAILBOX_BUSY` if another run holds it, and with
   * `POP3_LEDGER` if Redis does not answer or cannot write. Rejects with `POP3_CONFIG` if Redis may evict keys.
   */
  async open(mailbox: string, options: LedgerOpenOptions = {}): Promise<MailboxLedger> {
    checkText("mailbox", mailbox, argumentError);
    checkOpenOptions(options);
    const { signal } = options;
    throwIfAborted(signal);
    const opening = this.#open(mailbox);
    try {
      return await openedUnlessAborted(opening, signal);
    } catch (error) {
      // It is free again when this call rejects, unless Redis does not answer.
      if (signal?.aborted === true)
        await Promise.race([opening.then((held) => held.close()).catch(() => undefined), sleep(PATIENCE)]);
      throw error;
    }
  }

  /**
   * Reads what is known of a mailbox now, even if a run holds it. The result is empty if the mailbox is not known.
   * Rejects with `POP3_LEDGER` if Redis does not answer.
   */
  async read(mailbox: string): Promise<LedgerSnapshot> {
    checkText("mailbox", mailbox, argumentError);
    return explained(`cannot read the ledger of ${mailbox}`, () => this.#read(mailbox));
  }

  /**
   * Lists the known mailboxes, in any order, by a SCAN of all keys. A mailbox that becomes known in the meantime may be
   * missing. Rejects with `POP3_LEDGER` if Redis does not answer.
   */
  async *mailboxes(): AsyncGenerator<LedgerMailbox, void, undefined> {
    const what = "cannot list the mailboxes";
    const pages = this.#connection.scan(`${this.#settings.prefix}{*}`);
    for (;;) {
      const page = await explained(what, () => pages.next());
      if (page.done === true) return;
      const answers = await explained(what, () =>
        Promise.all(page.value.map((key) => this.#connection.run(READ, [key, `${key}:entries`], [""]))),
      );
      for (const answer of answers as Read[]) {
        const [name, state, , held] = answer;
        // Without a name it was deleted in the meantime.
        const mailbox = nameFrom(name);
        if (mailbox !== undefined) yield { mailbox, state: stateFrom(state), held: held === 1 };
      }
    }
  }

  /**
   * Makes failed messages due again, as `FileLedger.release` does. Rejects with `POP3_MAILBOX_BUSY` while a run
   * holds the mailbox, and with `POP3_LEDGER` if Redis does not answer or cannot write.
   */
  release(mailbox: string, id?: string): Promise<readonly LedgerEntry[]> {
    return releaseMessages(this, mailbox, id);
  }

  /**
   * Forgets everything about a mailbox. The next run treats all its messages as new, and delivers them again. Resolves
   * with whether it was known. Rejects with `POP3_MAILBOX_BUSY` while a run holds it, or for the length of the lease
   * after its process has died. Rejects with `POP3_LEDGER` if Redis does not answer.
   */
  async delete(mailbox: string): Promise<boolean> {
    checkText("mailbox", mailbox, argumentError);
    const { mailbox: key, entries } = keysOf(this.#settings.prefix, mailbox);
    return explained(`cannot delete the ledger of ${mailbox}`, async () => {
      const answer = await this.#connection.run(DELETE, [key, entries], []);
      if (answer === "busy") throw mailboxBusy(mailbox);
      return answer === 1;
    });
  }

  /**
   * Renames the ledger of a mailbox, after its host, port or user has changed. The keys of its messages stay as they
   * were, see {@link LedgerSnapshot.keyName}. Rejects with `POP3_MAILBOX_BUSY` while a run holds one of the two, and
   * with `POP3_CONFIG` if a name is invalid. Rejects with `POP3_LEDGER` if there is no ledger `from`, if `to` already
   * knows messages, or if Redis does not answer. If the process dies in between, call it again.
   */
  async rename(from: string, to: string): Promise<void> {
    checkNames(from, to);
    await explained(`cannot rename the ledger of ${from} to ${to}`, async () => {
      const source = await this.#take(from, "known");
      try {
        await this.#replace(to, source, await this.#read(from));
        if ((await this.#as(source, REMOVE)) !== 1)
          throw leaseLost(from, "another run has taken over the mailbox");
      } catch (error) {
        await this.#as(source, GIVE_UP).catch(() => undefined);
        throw error;
      }
    });
  }

  /** Makes `to` what `snapshot` of the mailbox `source` is. */
  async #replace(to: string, source: Taken, snapshot: LedgerSnapshot): Promise<void> {
    const target = await this.#take(to, "");
    try {
      const { entries, state, keyName } = renamed(source.mailbox, to, snapshot, await this.#read(to));
      const name = keyName === undefined ? "" : encodeText(keyName);
      const texts = [...entries.values()].flatMap(fieldOf);
      const over = source.takenOver ? "over" : "";
      const held = await this.#as(target, REPLACE, name, over, JSON.stringify(state), ...texts);
      if (held !== 1) throw leaseLost(to, "another run has taken over the mailbox");
    } catch (error) {
      await this.#as(target, target.isNew ? REMOVE : GIVE_UP).catch(() => undefined);
      throw error;
    }
  }

  async #open(mailbox: string): Promise<RedisMailbox> {
    const context = { connection: this.#connection, times: this.#settings };
    return explained(`cannot open the ledger of ${mailbox}`, async () => {
      await this.#connection.refuseEviction();
      return new RedisMailbox(context, await this.#take(mailbox, ""));
    });
  }

  async #take(mailbox: string, known: "known" | ""): Promise<Taken & { readonly isNew: boolean }> {
    const { prefix, stale } = this.#settings;
    const keys = keysOf(prefix, mailbox);
    const token = randomBytes(12).toString("base64url");
    const at = performance.now();
    const args = [encodeText(mailbox), token, stale, known];
    let answer: unknown;
    try {
      answer = await this.#connection.run(TAKE, [keys.mailbox], args);
    } catch (error) {
      // Redis may do it later: then this comes after it, and the mailbox is not held by a run that does not exist.
      this.#connection.run(GIVE_UP, [keys.mailbox], [token, ""]).catch(() => undefined);
      throw error;
    }
    if (answer === "busy") throw mailboxBusy(mailbox);
    if (answer === "unknown") throw noLedger(mailbox, "");
    const [fence, over, state, keyName, isNew] = answer as [string, number, string, string, number];
    return {
      mailbox,
      keys,
      token,
      fence,
      takenOver: over === 1,
      state: stateFrom(state),
      keyName: nameFrom(keyName),
      at,
      isNew: isNew === 1,
    };
  }

  /** Runs a script as the run that holds a mailbox. */
  #as({ keys, token, fence }: Taken, script: Script, ...args: readonly string[]): Promise<unknown> {
    return this.#connection.run(script, [keys.mailbox, keys.entries], [token, fence, ...args]);
  }

  async #read(mailbox: string): Promise<LedgerSnapshot> {
    const { mailbox: key, entries } = keysOf(this.#settings.prefix, mailbox);
    const answer = (await this.#connection.run(READ, [key, entries], ["entries"])) as Read;
    const [, state, name, , fields] = answer;
    const keyName = nameFrom(name);
    const snapshot = { entries: entriesFrom(fields), state: stateFrom(state) };
    return keyName === undefined ? snapshot : { ...snapshot, keyName };
  }
}

/** What the script READ answers. */
type Read = [name: string, state: string, keyName: string, held: number, fields: string[]];

async function explained<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw ledgerFailure(what, error);
  }
}
