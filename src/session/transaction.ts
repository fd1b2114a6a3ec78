// The maildrop in the TRANSACTION state: lists, marks and unmarks messages. QUIT deletes the marked messages.
// If the session ends in any other way, nothing is deleted (RFC 1939 sections 5 and 6).
import { printable } from "../protocol/printable.ts";
import {
  Pop3AbortError,
  Pop3ConnectionError,
  Pop3Error,
  Pop3ProtocolError,
  Pop3ReplyError,
} from "../errors.ts";
import type { SendOptions } from "../net/connection.ts";
import { aborted, isContentError } from "../net/failures.ts";
import { traceMalformed } from "../net/trace.ts";
import { quitWait } from "../net/deadlines.ts";
import type { Total } from "../net/deadline-timer.ts";
import { Columns } from "../protocol/columns.ts";
import * as commands from "../protocol/commands.ts";
import type { ListingRules } from "../protocol/listing-block.ts";
import type { MaildropStat } from "../protocol/listings.ts";
import { numbersIn, type MalformedLine } from "../protocol/malformed-line.ts";
import { Reception } from "./reception.ts";
import { listingAfterDele, renumbered, type ListingAfterDele } from "./renumbering.ts";
import type { Session } from "./session.ts";
import { Snapshot } from "./snapshot.ts";

/** Entries of a listing beyond the count of STAT that are tolerated: the server may count wrongly. */
const LISTING_SLACK = 16;
/** The longest time for a rollback; milliseconds. */
const ROLL_BACK = 5000;

export class Transaction {
  readonly session: Session;
  /** The message numbers that DELE has marked. */
  readonly marked: Set<number> = new Set<number>();
  /** The commands in progress that mark or unmark messages. */
  readonly #marking: Set<Promise<void>> = new Set<Promise<void>>();
  /** The number of messages, marked or not, according to STAT. */
  #count: number | undefined;
  #sizes: Snapshot<number> | undefined;
  #uids: Snapshot<string> | undefined;
  #malformed: Readonly<Record<MalformedLine["command"], readonly MalformedLine[]>> = { LIST: [], UIDL: [] };
  /** Command → whether the server supports it, for commands that CAPA does not list and that were tried. */
  readonly #tried: Map<string, boolean> = new Map<string, boolean>();
  #quitting: Promise<void> | undefined;
  /** Whether the program has called `close`. */
  #closed = false;

  constructor(session: Session) {
    this.session = session;
  }

  /** The sizes in octets of all messages that were unmarked when listed; `undefined` before LIST. */
  get sizes(): ReadonlyMap<number, number> | undefined {
    return this.#sizes?.map;
  }

  /** The unique-ids of all messages that were not marked when they were listed; `undefined` before UIDL. */
  get uids(): ReadonlyMap<number, string> | undefined {
    return this.#uids?.map;
  }

  /** The malformed lines of the last LIST and of the last UIDL. */
  get malformed(): readonly MalformedLine[] {
    return [...this.#malformed.LIST, ...this.#malformed.UIDL];
  }

  /**
   * The numbers of all messages that were not marked when they were listed. A message with a malformed line
   * in LIST is included if UIDL has it, too.
   */
  get listed(): readonly number[] {
    const numbers = this.#sizes?.columns.numbers ?? [];
    const { LIST: bad, UIDL: badUids } = this.#malformed;
    if (bad.length === 0) return numbers;
    const { uids } = this;
    const withoutUidl = uids === undefined && badUids.length === 0;
    const inUidl = new Set([...(uids?.keys() ?? []), ...numbersIn(badUids, "UIDL")]);
    const hidden = bad.some(({ number }) => number === undefined)
      ? inUidl
      : [...numbersIn(bad, "LIST")].filter((number) => withoutUidl || inUidl.has(number));
    return [...new Set([...numbers, ...hidden])].sort((a, b) => a - b);
  }

  stat(signal?: AbortSignal): Promise<MaildropStat> {
    return this.session.execute(commands.stat(), {
      signal,
      effect: ({ count }) => {
        this.#count = count + this.marked.size;
      },
    });
  }

  /** LIST. The session keeps the columns, so the caller must not change them. */
  async list(signal?: AbortSignal, total?: Total): Promise<Columns<number>> {
    const marked = new Set<number>();
    const sizes = await this.session.execute(commands.list(this.#listingRules("LIST")), {
      signal,
      total,
      effect: (listed) => {
        for (const message of this.marked) marked.add(message);
        if (marked.size === 0) this.#sizes = new Snapshot(listed, true);
      },
    });
    if (marked.size === 0) return sizes;
    const right = await this.#afterDele({
      listed: sizes.toMap(),
      marked,
      exact: false,
      before: this.#sizes,
      one: (message) => this.listOne(message, signal),
      exists: (message) => this.#exists(message, signal),
    });
    this.#sizes ??= new Snapshot(right, false);
    return right;
  }

  /** UIDL. The session keeps the columns, so the caller must not change them. */
  async uidl(signal?: AbortSignal, total?: Total): Promise<Columns<string>> {
    const marked = new Set<number>();
    const uids = await this.session.execute(commands.uidl(this.#listingRules("UIDL")), {
      signal,
      total,
      effect: (listed) => {
        for (const message of this.marked) marked.add(message);
        if (marked.size === 0) this.#uids = new Snapshot(listed, true);
      },
    });
    if (marked.size === 0) return uids;
    const right = await this.#afterDele({
      listed: uids.toMap(),
      marked,
      exact: true,
      before: this.#uids,
      one: (message) => this.session.execute(commands.uidlOne(message), { signal }),
      exists: (message) => this.#exists(message, signal),
    });
    this.#uids ??= new Snapshot(right, false);
    return right;
  }

  listOne(message: number, signal?: AbortSignal): Promise<number> {
    return this.session.execute(commands.listOne(message), { signal });
  }

  /** UIDL of one message. If the number now names another message, the session ends. */
  async uidlOne(message: number, signal?: AbortSignal): Promise<string> {
    const uid = await this.session.execute(commands.uidlOne(message), { signal });
    const before =
      this.marked.size > 0 && this.#uids?.complete === true ? this.uids?.get(message) : undefined;
    if (before !== undefined && before !== uid) throw this.#ended(renumbered(message));
    return uid;
  }

  /** Asks with LIST whether the server has the message. */
  async #exists(message: number, signal: AbortSignal | undefined): Promise<boolean> {
    try {
      await this.listOne(message, signal);
      return true;
    } catch (error) {
      if (isContentError(error)) return true;
      if (!(error instanceof Pop3ReplyError) || error.temporary) throw error;
      return false;
    }
  }

  async #afterDele<V>({
    before,
    ...listing
  }: Omit<ListingAfterDele<V>, "before"> & { readonly before: Snapshot<V> | undefined }): Promise<
    Columns<V>
  > {
    try {
      const known = before?.complete === true ? before.map : undefined;
      return Columns.of(await listingAfterDele({ ...listing, before: known }));
    } catch (error) {
      throw error instanceof Pop3ProtocolError && error.code === "POP3_PROTOCOL" ? this.#ended(error) : error;
    }
  }

  /** Ends the session without deleting anything. */
  #ended(failure: Pop3ProtocolError): Pop3ProtocolError {
    this.session.close(failure);
    return failure;
  }

  /** Returns whether the server supports UIDL or TOP. Tries the command if CAPA does not list it. */
  async supports(command: "UIDL" | "TOP", signal?: AbortSignal): Promise<boolean> {
    const known = this.#tried.get(command);
    if (known !== undefined) return known;
    const { capabilities } = this.session;
    if (command === "UIDL" ? capabilities.uidl || this.#uids !== undefined : capabilities.top) return true;
    try {
      if (command === "UIDL") await this.uidl(signal);
      else {
        const listed = this.#sizes?.columns.numbers ?? (await this.list(signal)).numbers;
        const message = listed.find((each) => !this.marked.has(each));
        // TOP cannot be tried if the maildrop has no unmarked message.
        if (message === undefined) return false;
        await new Reception(this, message, { top: 0, signal }).buffer();
      }
      this.#tried.set(command, true);
      return true;
    } catch (error) {
      if (!(error instanceof Pop3ReplyError) || error.temporary) throw error;
      this.#tried.set(command, false);
      return false;
    }
  }

  #listingRules(command: MalformedLine["command"]): ListingRules {
    const { id, settings } = this.session;
    const { limits, listings } = settings;
    const { listEntries, listOctets, line } = limits;
    const counted = this.#count === undefined ? Infinity : this.#count + LISTING_SLACK;
    return {
      entries: Math.min(listEntries, counted),
      octets: listOctets,
      line,
      mode: listings,
      malformed: (lines) => {
        // After DELE, a complete listing from before it stays valid, and so do its malformed lines.
        const kept = this.marked.size > 0 ? (command === "LIST" ? this.#sizes : this.#uids) : undefined;
        if (kept?.complete !== true) this.#malformed = { ...this.#malformed, [command]: lines };
        traceMalformed(settings, id, lines);
      },
    };
  }

  async rset(signal?: AbortSignal): Promise<void> {
    this.session.check(commands.bare("RSET"));
    await this.#mark(commands.rset(), {
      signal,
      effect: () => {
        if (this.marked.size === 0) return;
        this.marked.clear();
        // A listing made while messages were marked lacks those that are now unmarked.
        this.#sizes = this.#uids = undefined;
        this.#malformed = { LIST: [], UIDL: [] };
      },
    });
  }

  /** Resolves when the replies to DELE and RSET have come, also those of aborted calls. `undefined`: there are none. */
  get marking(): Promise<unknown> | undefined {
    return this.#marking.size === 0 ? undefined : Promise.all(this.#marking);
  }

  /** Sends a command that marks or unmarks messages. */
  #mark(command: commands.Command<unknown>, options: SendOptions<unknown>): Promise<unknown> {
    let sent = false;
    let end = (): void => undefined;
    const replied = new Promise<void>((resolve) => (end = resolve));
    const onReplied = (): void => {
      this.#marking.delete(replied);
      end();
    };
    const onSent = (): void => {
      sent = true;
    };
    this.#marking.add(replied);
    return this.session.connection
      .send(command, { ...options, onSent, onReplied })
      .catch((error: unknown) => {
        if (!sent) onReplied();
        throw error;
      });
  }

  /** Sends DELE for each message, pipelined. Waits for all replies, then rejects with the first refusal. */
  async dele(messages: readonly number[], signal?: AbortSignal): Promise<void> {
    const { session } = this;
    const deletions = messages.map((message) => commands.dele(message));
    session.check(commands.bare("DELE"));
    const results = await Promise.allSettled(
      deletions.map((command, index) =>
        this.#mark(command, {
          signal,
          prompt: true,
          effect: () => {
            this.marked.add(messages[index] as number);
          },
        }),
      ),
    );
    for (const result of results) if (result.status === "rejected") throw result.reason;
  }

  /** QUIT: commits. With marked messages a failure is `POP3_COMMIT_FAILED` or `POP3_COMMIT_UNKNOWN`. */
  quit(signal?: AbortSignal): Promise<void> {
    this.session.check(commands.bare("QUIT"));
    if (signal?.aborted === true) return Promise.reject(aborted(signal, "QUIT"));
    this.#quitting = this.#quit(signal);
    return this.#quitting;
  }

  async #quit(signal: AbortSignal | undefined): Promise<void> {
    const { session } = this;
    const { connection } = session;
    // From now on no other command is sent. The replies to earlier commands come before that to QUIT.
    const before = session.state;
    session.enter("update");
    let sent = false as boolean; // set by a callback, which the compiler does not see
    try {
      await connection.send(commands.quit(), {
        signal,
        prompt: true,
        wait: quitWait(session.settings.timeouts),
        onSent: () => {
          sent = true;
        },
      });
      const deleted = this.marked.size;
      if (session.log.hears("session", "info"))
        session.log.write("session", "info", `committed: ${deleted} messages deleted`, { deleted });
    } catch (error) {
      if (!sent && error instanceof Pop3AbortError) {
        // QUIT was not sent: the session continues.
        session.enter(before);
        this.#quitting = undefined;
        throw error;
      }
      session.close(Pop3Error.is(error) ? error : undefined);
      const failure = this.#commitFailure(error, sent);
      if (failure !== undefined) throw failure;
    }
    connection.end();
  }

  /** Returns the error for a QUIT without `+OK`; `undefined` if no message was marked: nothing is lost. */
  #commitFailure(error: unknown, sent: boolean): Error | undefined {
    const marked = [...this.marked].sort((a, b) => a - b);
    if (!sent || (marked.length === 0 && error instanceof Pop3AbortError)) return error as Error;
    if (marked.length === 0) return undefined;
    const details = { command: "QUIT", cause: error, marked };
    if (error instanceof Pop3ReplyError) {
      return new Pop3ReplyError(
        "POP3_COMMIT_FAILED",
        `the server did not delete all marked messages: ${error.text}`,
        error,
        details,
      );
    }
    return new Pop3ConnectionError(
      "POP3_COMMIT_UNKNOWN",
      `${printable(this.session.connection.server)} did not reply to QUIT: the marked messages may or may not be deleted`,
      details,
    );
  }

  /**
   * Ends the session without deleting anything. If logged in, sends RSET, then QUIT. Drops the connection if
   * that is not possible soon: that deletes nothing either. If the caller already called `quit`, waits for
   * that instead.
   */
  async rollBack(): Promise<void> {
    const { session } = this;
    if (this.#quitting !== undefined) {
      await this.#quitting.catch(() => undefined);
      return;
    }
    // No command can be sent in the middle of a login, or while a paused message blocks the connection. The reply to
    // RSET would come after the rest of a message that the caller has given up, however long that takes.
    if (
      !["authorization", "transaction"].includes(session.state) ||
      session.occupied ||
      session.connection.paused ||
      session.connection.dropping
    ) {
      this.close();
      return;
    }
    // RSET even if nothing is marked here: some servers mark each retrieved message, and QUIT would delete
    // it. A DELE in flight is also undone, because the server handles it before RSET. The new state refuses
    // later calls: nothing may be marked between RSET and QUIT.
    const toReset = session.state === "transaction";
    session.enter("update");
    this.#quitting = this.#leave(toReset);
    await this.#quitting;
  }

  /** Drops the connection. Nothing is deleted. */
  close(): void {
    this.#closed = true;
    this.session.close();
  }

  /**
   * Resolves with whether the program has ended the session itself, with QUIT, `close()` or a rollback. Waits until
   * that end is complete; never rejects.
   */
  async dismissed(): Promise<boolean> {
    await this.#quitting?.catch(() => undefined);
    // Look again: a QUIT that was cancelled before it was sent leaves the session as it was.
    return this.#closed || this.#quitting !== undefined;
  }

  async #leave(toReset: boolean): Promise<void> {
    const { connection, settings } = this.session;
    const late = new AbortController();
    const clock = setTimeout(() => late.abort(), Math.ceil(Math.min(ROLL_BACK, settings.timeouts.quit)));
    const { signal } = late;
    try {
      if (toReset) await connection.send(commands.rset(), { signal });
      await connection.send(commands.quit(), { signal });
      connection.end();
    } catch {
      this.session.close();
    } finally {
      clearTimeout(clock);
    }
  }
}
