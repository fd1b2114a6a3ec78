// The tables of the application: accounts, mail, and what the last polls have done. Redis has ids only; names are here.
import pg from "pg";
import type { FleetPoll } from "popwright/bullmq";

const TABLES = `
CREATE TABLE IF NOT EXISTS accounts (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  login text NOT NULL,
  host text NOT NULL,
  port int NOT NULL,
  -- A real application encrypts it, or asks a token server.
  password text NOT NULL,
  paused boolean NOT NULL DEFAULT false,
  -- For this example: a mailbox whose poll kills its worker.
  kills boolean NOT NULL DEFAULT false,
  UNIQUE (login, host, port)
);
CREATE TABLE IF NOT EXISTS mail (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  account bigint NOT NULL,
  received timestamptz NOT NULL DEFAULT now(),
  subject text NOT NULL,
  octets bytea NOT NULL
);
CREATE INDEX IF NOT EXISTS mail_account ON mail (account, id DESC);
CREATE TABLE IF NOT EXISTS polls (
  account bigint NOT NULL,
  at timestamptz NOT NULL,
  outcome text NOT NULL,
  delivered int NOT NULL,
  octets bigint NOT NULL,
  lag int,
  duration int NOT NULL,
  code text,
  error text,
  session text
);
CREATE INDEX IF NOT EXISTS polls_at ON polls (at);
CREATE INDEX IF NOT EXISTS polls_account ON polls (account, at DESC);
`;

export interface Account {
  readonly id: string;
  readonly login: string;
  readonly host: string;
  readonly port: number;
  readonly password: string;
  readonly paused: boolean;
  readonly kills: boolean;
}

/** A new account. */
export type NewAccount = Pick<Account, "login" | "host" | "port" | "password"> &
  Partial<Pick<Account, "kills">>;

/** A poll, as it is noted. */
export interface PollRow {
  readonly account: string;
  readonly at: Date;
  readonly outcome: FleetPoll["outcome"];
  readonly delivered: number;
  readonly octets: number;
  readonly lag: number | undefined;
  readonly duration: number;
  readonly code: string | undefined;
  /** Words of the error: for people, and without secrets. */
  readonly error: string | undefined;
  /** The commands of its session, without secrets. */
  readonly session: string | undefined;
}

/** What happened in a few seconds. */
export interface ChartPoint {
  readonly polls: number;
  readonly messages: number;
  /** Milliseconds; `null` if nothing was polled. */
  readonly median: number | null;
  readonly worst: number | null;
}

/** The length of a point of the charts, and how many there are. */
export const CHART = { seconds: 5, points: 60 } as const;

const ACCOUNT = "id::text, login, host, port, password, paused, kills";

export class Database {
  readonly pool: pg.Pool;

  /** `host`: the directory of the socket. */
  constructor(host: string, max = 8) {
    this.pool = new pg.Pool({ host, user: "fleet", database: "postgres", max });
    // A connection that is lost while nothing uses it. The next query opens another one.
    this.pool.on("error", () => undefined);
  }

  async migrate(): Promise<void> {
    await this.pool.query(TABLES);
  }

  async account(id: string): Promise<Account | undefined> {
    if (!/^\d{1,18}$/.test(id)) return undefined;
    return (await this.#rows<Account>(`SELECT ${ACCOUNT} FROM accounts WHERE id = $1`, [id]))[0];
  }

  async accounts(ids: readonly string[]): Promise<Map<string, Account>> {
    const rows = await this.#rows<Account>(`SELECT ${ACCOUNT} FROM accounts WHERE id = ANY($1::bigint[])`, [
      ids,
    ]);
    return new Map(rows.map((row) => [row.id, row]));
  }

  /** Those whose login contains the text. */
  search(text: string): Promise<Account[]> {
    const query = `SELECT ${ACCOUNT} FROM accounts WHERE position(lower($1) in lower(login)) > 0 ORDER BY id LIMIT 20`;
    return this.#rows<Account>(query, [text]);
  }

  async ids(): Promise<string[]> {
    return (await this.#rows<{ id: string }>("SELECT id::text FROM accounts ORDER BY id", [])).map(
      ({ id }) => id,
    );
  }

  async add({ login, host, port, password, kills = false }: NewAccount): Promise<string> {
    const insert = `INSERT INTO accounts (login, host, port, password, kills) VALUES ($1, $2, $3, $4, $5)
      ON CONFLICT (login, host, port) DO UPDATE SET password = excluded.password RETURNING id::text`;
    return (await this.#rows<{ id: string }>(insert, [login, host, port, password, kills]))[0]?.id ?? "";
  }

  async remove(id: string): Promise<void> {
    await this.pool.query("DELETE FROM accounts WHERE id = $1", [id]);
  }

  async setPassword(id: string, password: string): Promise<void> {
    await this.pool.query("UPDATE accounts SET password = $2 WHERE id = $1", [id, password]);
  }

  /** It survives the loss of Redis, as it is in the table. */
  async setPaused(id: string, paused: boolean): Promise<void> {
    await this.pool.query("UPDATE accounts SET paused = $2 WHERE id = $1", [id, paused]);
  }

  async note(polls: readonly PollRow[]): Promise<void> {
    const column = (of: (row: PollRow) => unknown): unknown[] => polls.map((row) => of(row) ?? null);
    await this.pool.query(
      `INSERT INTO polls SELECT * FROM unnest($1::bigint[], $2::timestamptz[], $3::text[], $4::int[], $5::bigint[],
        $6::int[], $7::int[], $8::text[], $9::text[], $10::text[])`,
      [
        column(({ account }) => account),
        column(({ at }) => at),
        column(({ outcome }) => outcome),
        column(({ delivered }) => delivered),
        column(({ octets }) => octets),
        column(({ lag }) => lag),
        column(({ duration }) => duration),
        column(({ code }) => code),
        column(({ error }) => error),
        column(({ session }) => session),
      ],
    );
  }

  /** Keeps an hour of polls. */
  async prune(): Promise<void> {
    await this.pool.query("DELETE FROM polls WHERE at < now() - interval '1 hour'");
  }

  /** The last polls of a mailbox, the latest first. */
  lastPolls(id: string): Promise<Record<string, unknown>[]> {
    const query = `SELECT extract(epoch FROM at)::float8 * 1000 AS at, outcome, delivered, lag, duration, code, error
      FROM polls WHERE account = $1 ORDER BY polls.at DESC LIMIT 8`;
    return this.#rows(query, [id]);
  }

  /** The commands of the last session of a mailbox; `undefined` if there was none in the last hour. */
  async lastSession(id: string): Promise<{ readonly at: number; readonly session: string } | undefined> {
    const query = `SELECT extract(epoch FROM at)::float8 * 1000 AS at, session
      FROM polls WHERE account = $1 AND session IS NOT NULL ORDER BY polls.at DESC LIMIT 1`;
    return (await this.#rows<{ at: number; session: string }>(query, [id]))[0];
  }

  /** The last messages of a mailbox, the latest first. */
  lastMail(id: string): Promise<Record<string, unknown>[]> {
    const query = `SELECT extract(epoch FROM received)::float8 * 1000 AS at, subject, length(octets) AS octets
      FROM mail WHERE account = $1 ORDER BY mail.id DESC LIMIT 5`;
    return this.#rows(query, [id]);
  }

  /** The points of the charts, the oldest first. The present one is left out: it is not complete. */
  async chart(): Promise<ChartPoint[]> {
    const query = `
      WITH points AS (
        SELECT generate_series(1, $2::int) AS point, floor(extract(epoch FROM now()) / $1::int)::bigint - $2::int - 1 AS base
      )
      SELECT count(polls.at)::int AS polls, coalesce(sum(delivered), 0)::int AS messages,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY lag) AS median, percentile_cont(0.99) WITHIN GROUP (ORDER BY lag) AS worst
      FROM points LEFT JOIN polls ON polls.at >= to_timestamp((base + point) * $1::int)
        AND polls.at < to_timestamp((base + point + 1) * $1::int) AND outcome NOT IN ('paused', 'gone')
      GROUP BY point ORDER BY point`;
    return this.#rows<ChartPoint>(query, [CHART.seconds, CHART.points]);
  }

  /** The age of the oldest last success, in seconds, over all accounts that are not paused. */
  async oldestSuccess(): Promise<number> {
    const query = `SELECT coalesce(max(extract(epoch FROM now() - last)), 0)::float8 AS age FROM (
      SELECT max(at) AS last FROM accounts JOIN polls ON account = accounts.id
      WHERE NOT paused AND outcome = 'done' GROUP BY accounts.id) AS all_of_them`;
    return (await this.#rows<{ age: number }>(query, []))[0]?.age ?? 0;
  }

  close(): Promise<void> {
    return this.pool.end();
  }

  async #rows<Row extends object>(query: string, values: unknown[]): Promise<Row[]> {
    return (await this.pool.query<Row & pg.QueryResultRow>(query, values)).rows;
  }
}
