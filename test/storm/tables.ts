// The tables of the storm in PostgreSQL: the mail, and what was written by a run whose mailbox another run had already.
import pg from "pg";
import { PostgresStore } from "popwright/postgres";
import { DATABASE_USER } from "../servers/postgres.ts";
import type { LedgerKind } from "./settings.ts";

/**
 * The fences are compared when a transaction commits: a row is an error only if it stays. An entry keeps the fence of the
 * run that has inserted it. The ledger of the Redis fleet is elsewhere: its runs note their fences in `redis_fences`.
 */
const TABLES = `
CREATE SCHEMA storm;
CREATE TABLE storm.postgres_mail (mailbox text NOT NULL, fence bigint NOT NULL, serial int NOT NULL);
CREATE TABLE storm.redis_mail (key text PRIMARY KEY, mailbox text NOT NULL, fence bigint NOT NULL, serial int NOT NULL);
CREATE TABLE storm.redis_tries (serial int NOT NULL);
CREATE TABLE storm.redis_fences (mailbox text PRIMARY KEY, fence bigint NOT NULL);
CREATE TABLE storm.old_fences (what text NOT NULL, mailbox text NOT NULL, fence bigint NOT NULL);

CREATE FUNCTION storm.check_mail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO storm.old_fences SELECT 'mail', mailbox, NEW.fence FROM popwright.mailboxes
    WHERE mailbox = NEW.mailbox AND fence > NEW.fence;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER check_fence AFTER INSERT ON storm.postgres_mail
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION storm.check_mail();

CREATE FUNCTION storm.check_redis_mail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO storm.old_fences SELECT 'redis mail', mailbox, NEW.fence FROM storm.redis_fences
    WHERE mailbox = NEW.mailbox AND fence > NEW.fence;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER check_fence AFTER INSERT ON storm.redis_mail
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION storm.check_redis_mail();

CREATE FUNCTION storm.check_entry() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO storm.old_fences SELECT 'entry', mailbox, NEW.fence FROM popwright.mailboxes
    WHERE id = NEW.mailbox AND fence > NEW.fence;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER check_fence AFTER INSERT ON popwright.entries
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION storm.check_entry();
`;

/** Mail as it is in the database. */
export interface Stored {
  readonly rows: number;
  readonly messages: number;
}

export class StormTables {
  readonly #pool: pg.Pool;

  /** `host`: the directory of the socket. */
  static async create(host: string): Promise<StormTables> {
    const pool = new pg.Pool({ host, user: DATABASE_USER, database: "postgres", max: 2 });
    await new PostgresStore(pool).migrate();
    await pool.query(TABLES);
    return new StormTables(pool);
  }

  private constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  async stored(ledger: LedgerKind): Promise<Stored> {
    return this.#counts(
      `SELECT count(*) AS rows, count(DISTINCT serial) AS messages FROM storm.${ledger}_mail`,
    );
  }

  /** How often the destination of the Redis fleet was given a message. */
  async tries(): Promise<Stored> {
    return this.#counts("SELECT count(*) AS rows, count(DISTINCT serial) AS messages FROM storm.redis_tries");
  }

  /** How many rows, and entries in Redis, were written under an old fence. */
  async oldFences(): Promise<Record<LedgerKind, number>> {
    const { rows } = await this.#pool.query<{ postgres: string; redis: string }>(
      `SELECT count(*) FILTER (WHERE what NOT LIKE 'redis %') AS postgres,
        count(*) FILTER (WHERE what LIKE 'redis %') AS redis FROM storm.old_fences`,
    );
    return { postgres: Number(rows[0]?.postgres), redis: Number(rows[0]?.redis) };
  }

  close(): Promise<void> {
    return this.#pool.end();
  }

  async #counts(query: string): Promise<Stored> {
    const { rows } = await this.#pool.query<{ rows: string; messages: string }>(query);
    return { rows: Number(rows[0]?.rows), messages: Number(rows[0]?.messages) };
  }
}
