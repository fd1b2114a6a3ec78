// Reads and writes the tables of a store, with one statement for each step of a run.
import type { LedgerEntry, LedgerSnapshot, MailboxState } from "../fetch/ledger/ledger.ts";
import { decodeText, encodeText } from "../store/text.ts";
import { SCHEMA } from "./options.ts";
import type { PgClientLike } from "./pool.ts";
import type { MergedChanges } from "./changes.ts";
import { DURABLE, ENTRIES, HELD_BY, MAILBOX, OPEN, PUT, RECORD, RENEW, RESTORE, SOFT } from "./statements.ts";

/** A mailbox as stored. */
export interface StoredMailbox {
  readonly id: string;
  readonly mailbox: string;
  readonly state: MailboxState;
  readonly keyName: string | undefined;
  /** The token of the run that holds the mailbox, or has not closed it. */
  readonly token: string | undefined;
  /** Whether its lease has ended, by the clock of the database. */
  readonly isOver: boolean;
  readonly fence: bigint;
}

/** Identifies a run that holds a mailbox. */
export interface Holder {
  /** The id of the mailbox. */
  readonly id: string;
  readonly token: string;
  readonly fence: bigint;
}

/** A mailbox that a run has just taken. */
export interface Taken {
  readonly holder: Holder;
  readonly state: MailboxState;
  readonly keyName: string | undefined;
  /** Whether the run before has not closed it. */
  readonly takenOver: boolean;
}

/** How the changes of a run are written. */
export interface Writing {
  /** The number of entries that the run has written before. */
  readonly place: number;
  /** Whether the mailbox is released. */
  readonly release: boolean;
  /** Whether the changes must survive a failure of the power. */
  readonly durable: boolean;
}

// All columns come as text: a program may have set other types for numbers and JSON.
type Row = Readonly<Record<string, string | null>>;

export class Tables {
  readonly #schema: string;

  /** `schema` must be a name that needs no quotes. */
  constructor(schema: string) {
    this.#schema = schema;
  }

  /**
   * Takes a mailbox for a run. `dead`: the token of a run whose process is dead. If another run holds the mailbox,
   * returns its token, if that is known.
   */
  async open(
    client: PgClientLike,
    mailbox: string,
    token: string,
    stale: number,
    dead: string | undefined,
  ): Promise<Taken | { readonly heldBy: string | undefined }> {
    const [row] = await this.#rows(client, OPEN, [encodeText(mailbox), token, stale, dead ?? null]);
    const { id, fence, state, key_name: keyName, taken_over: takenOver, token: heldBy } = row ?? {};
    if (typeof id !== "string") return { heldBy: heldBy ?? undefined };
    return {
      holder: { id, token, fence: BigInt(fence as string) },
      state: JSON.parse(state as string) as MailboxState,
      keyName: typeof keyName === "string" ? decodeText(keyName) : undefined,
      takenOver: takenOver === "true",
    };
  }

  /** Returns whether the run still holds the mailbox. */
  async isHeld(client: PgClientLike, holder: Holder): Promise<boolean> {
    const query = `SELECT id::text FROM "popwright".mailboxes WHERE ${HELD_BY}`;
    return (await this.#rows(client, query, identity(holder))).length === 1;
  }

  /** Renews leases. Returns the ids of the mailboxes that their runs still hold. */
  async renew(client: PgClientLike, holders: readonly Holder[], stale: number): Promise<Set<string>> {
    const rows = await this.#rows(client, RENEW, [...identities(holders), stale]);
    return new Set(rows.map(({ id }) => id as string));
  }

  /** Ends leases. The next run takes their mailboxes over. */
  async abandon(client: PgClientLike, holders: readonly Holder[]): Promise<void> {
    await this.#rows(client, RENEW, [...identities(holders), 0]);
  }

  /** Writes changes of a run. Returns whether it still holds the mailbox; otherwise nothing is written. */
  async write(
    client: PgClientLike,
    holder: Holder,
    { put, gone, state }: MergedChanges,
    { place, release, durable }: Writing,
  ): Promise<boolean> {
    const values: unknown[] = identity(holder);
    const value = (given: unknown): string => `$${String(values.push(given))}`;
    const set = [
      ...(state === undefined ? [] : [`state = ${value(JSON.stringify(state))}::json`]),
      ...(release ? ["token = NULL"] : []),
    ];
    const held =
      set.length === 0
        ? `SELECT id FROM "popwright".mailboxes WHERE ${HELD_BY} FOR KEY SHARE`
        : `UPDATE "popwright".mailboxes SET ${set.join(", ")} WHERE ${HELD_BY} RETURNING id`;
    const parts = [`held AS (${held})`];
    if (gone.size > 0)
      parts.push(`gone AS (DELETE FROM "popwright".entries AS e USING held
        WHERE e.mailbox = held.id AND e.id = ANY(${value([...gone].map(encodeText))}::text[]))`);
    if (put.size > 0) {
      const ids = value([...put.keys()].map(encodeText));
      parts.push(PUT(ids, value([...put.values()].map(encodeEntry)), value(place)));
    }
    const query = `WITH ${parts.join(", ")}
      SELECT (SELECT count(*) FROM held)::text AS held, ${durable ? DURABLE : SOFT}`;
    const [row] = await this.#rows(client, query, values);
    return row?.["held"] === "1";
  }

  /** Releases the mailbox, if the run still holds it. */
  async release(client: PgClientLike, holder: Holder): Promise<void> {
    const query = `UPDATE "popwright".mailboxes SET token = NULL WHERE ${HELD_BY}`;
    await this.#rows(client, query, identity(holder));
  }

  /**
   * Records the entries of messages, within the transaction that stores the messages. From then on no other run can
   * take the mailbox until the transaction ends. Returns the entries that were there; `undefined` if the run no longer
   * holds the mailbox.
   */
  async record(
    client: PgClientLike,
    holder: Holder,
    entries: readonly LedgerEntry[],
    place: number,
  ): Promise<Map<string, LedgerEntry> | undefined> {
    const ids = entries.map(({ id }) => encodeText(id));
    const values = [...identity(holder), ids, entries.map(encodeEntry), place];
    const [row] = await this.#rows(client, RECORD, values);
    return row?.["held"] === "1" ? decodeEntries(row["old"] ?? undefined) : undefined;
  }

  /** Takes back {@link record} for some of its entries. `before`: what it returned. */
  async restore(
    client: PgClientLike,
    { id }: Holder,
    ids: readonly string[],
    before: ReadonlyMap<string, LedgerEntry>,
  ): Promise<void> {
    const gone = ids.filter((each) => !before.has(each)).map(encodeText);
    const old = ids.flatMap((each) => before.get(each) ?? []);
    await this.#rows(client, RESTORE, [
      ...[id, gone],
      ...[old.map((each) => encodeText(each.id)), old.map(encodeEntry)],
    ]);
  }

  /** Returns all entries of a mailbox, in the order in which they were first recorded. */
  async entries(client: PgClientLike, id: string): Promise<Map<string, LedgerEntry>> {
    const [row] = await this.#rows(client, `SELECT ${ENTRIES("$1::bigint")} AS entries`, [id]);
    return decodeEntries(row?.["entries"] ?? undefined);
  }

  /** Returns what is known of a mailbox; `undefined`: nothing. */
  async snapshot(client: PgClientLike, mailbox: string): Promise<LedgerSnapshot | undefined> {
    const query = `SELECT ${MAILBOX}, ${ENTRIES("m.id")} AS entries FROM "popwright".mailboxes AS m WHERE mailbox = $1::text`;
    const [row] = await this.#rows(client, query, [encodeText(mailbox)]);
    if (row === undefined) return undefined;
    const { state, keyName } = storedMailbox(row);
    const entries = decodeEntries(row["entries"] ?? undefined);
    return keyName === undefined ? { entries, state } : { entries, state, keyName };
  }

  /** Returns at most `limit` mailboxes whose stored names are greater than that of `after`, sorted by them. */
  async list(client: PgClientLike, after: string, limit: number): Promise<StoredMailbox[]> {
    const query = `SELECT ${MAILBOX} FROM "popwright".mailboxes WHERE mailbox > $1::text ORDER BY mailbox LIMIT $2::int`;
    return (await this.#rows(client, query, [encodeText(after), limit])).map(storedMailbox);
  }

  /** Returns mailboxes, and locks them until the transaction ends. */
  async lock(client: PgClientLike, mailboxes: readonly string[]): Promise<Map<string, StoredMailbox>> {
    const query = `SELECT ${MAILBOX} FROM "popwright".mailboxes WHERE mailbox = ANY($1::text[]) ORDER BY id FOR UPDATE`;
    const rows = (await this.#rows(client, query, [mailboxes.map(encodeText)])).map(storedMailbox);
    return new Map(rows.map((row) => [row.mailbox, row]));
  }

  /** Forgets the messages and the state of a mailbox. Its name in keys stays. */
  async clear(client: PgClientLike, { id, keyName }: StoredMailbox): Promise<void> {
    if (keyName === undefined) return this.remove(client, id);
    await this.#rows(client, `DELETE FROM "popwright".entries WHERE mailbox = $1::bigint`, [id]);
    const query = `UPDATE "popwright".mailboxes SET state = '{}', token = NULL WHERE id = $1::bigint`;
    await this.#rows(client, query, [id]);
  }

  /** Replaces the name of a mailbox. No mailbox may have the new one. */
  async rename(
    client: PgClientLike,
    { id }: StoredMailbox,
    mailbox: string,
    keyName: string | undefined,
  ): Promise<void> {
    const query = `
      WITH noted AS (
        UPDATE "popwright".meta SET value = greatest(value, (SELECT fence FROM "popwright".mailboxes WHERE id = $1::bigint))
        WHERE name = 'fence' RETURNING value
      )
      UPDATE "popwright".mailboxes SET mailbox = $2::text, key_name = $3::text, token = NULL,
        fence = greatest(fence, (SELECT value FROM noted)) WHERE id = $1::bigint`;
    await this.#rows(client, query, [
      ...[id, encodeText(mailbox)],
      keyName === undefined ? null : encodeText(keyName),
    ]);
  }

  /** Removes a mailbox with all that is known of it, except that later fences are greater than its own. */
  async remove(client: PgClientLike, id: string): Promise<void> {
    const query = `
      WITH gone AS (DELETE FROM "popwright".mailboxes WHERE id = $1::bigint RETURNING fence),
        entries AS (DELETE FROM "popwright".entries WHERE mailbox = $1::bigint)
      UPDATE "popwright".meta SET value = greatest(value, (SELECT max(fence) FROM gone)) WHERE name = 'fence'`;
    await this.#rows(client, query, [id]);
  }

  async #rows(client: PgClientLike, query: string, values: unknown[]): Promise<readonly Row[]> {
    const { rows } = await client.query(query.replaceAll(SCHEMA, this.#schema), values);
    return rows as readonly Row[];
  }
}

function identity({ id, token, fence }: Holder): unknown[] {
  return [id, token, String(fence)];
}

function identities(holders: readonly Holder[]): unknown[] {
  return [
    holders.map(({ id }) => id),
    holders.map(({ token }) => token),
    holders.map(({ fence }) => String(fence)),
  ];
}

/** Without the id, which has a column: PostgreSQL cannot read JSON with NUL in it. */
function encodeEntry({ id: _, ...entry }: LedgerEntry): string {
  return JSON.stringify(entry);
}

function decodeEntries(text: string | undefined): Map<string, LedgerEntry> {
  const list = JSON.parse(text ?? "[]") as [id: string, entry: Omit<LedgerEntry, "id">][];
  return new Map(
    list.map(([form, entry]) => {
      const id = decodeText(form);
      return [id, { id, ...entry }];
    }),
  );
}

function storedMailbox({ id, mailbox, state, key_name: keyName, token, over, fence }: Row): StoredMailbox {
  return {
    id: id as string,
    mailbox: decodeText(mailbox as string),
    state: JSON.parse(state as string) as MailboxState,
    keyName: typeof keyName === "string" ? decodeText(keyName) : undefined,
    token: token ?? undefined,
    isOver: over === "true",
    fence: BigInt(fence as string),
  };
}
