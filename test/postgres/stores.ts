// Stores for the tests, each in a schema of its own, over pools that are closed after the test.
import { randomBytes } from "node:crypto";
import pg from "pg";
import { onTestFinished } from "vitest";
import {
  PostgresStore,
  type PgClientLike,
  type PgPoolLike,
  type PostgresStoreOptions,
} from "popwright/postgres";
import { DATABASE_USER } from "../servers/postgres.ts";
import { HOST } from "./servers.ts";

/** Opens a pool, as a program does. `variable`: the one that has the host. */
export function poolOf(variable: string = HOST, options: pg.PoolConfig = {}): pg.Pool {
  const host = process.env[variable];
  if (host === undefined) throw new Error("run the tests with vitest.postgres.config.ts");
  return new pg.Pool({ host, user: DATABASE_USER, database: "postgres", max: 4, ...options });
}

/** A pool that is closed after the test. */
export function newPool(options?: pg.PoolConfig, variable?: string): pg.Pool {
  const pool = poolOf(variable, options);
  onTestFinished(async () => {
    if (!pool.ended) await pool.end();
  });
  return pool;
}

export const newSchema = (): string => `test_${randomBytes(8).toString("hex")}`;

export interface Place {
  readonly schema: string;
  /** For queries of the test. */
  readonly pool: pg.Pool;
}

/** A new schema with the tables of a store. */
export async function newPlace(variable?: string): Promise<Place> {
  const place = { schema: newSchema(), pool: newPool({}, variable) };
  await new PostgresStore(place.pool, { schema: place.schema }).migrate();
  return place;
}

/** A store as another process would have it: with a pool of its own. */
export function storeAt(
  { schema }: Place,
  options: PostgresStoreOptions = {},
  pool: PgPoolLike<pg.PoolClient> = newPool(),
): PostgresStore<pg.PoolClient> {
  const store = new PostgresStore<pg.PoolClient>(pool, { schema, ...options });
  onTestFinished(() => store.close());
  return store;
}

/** A pool that reports what is executed, and may fail instead. */
export class Watched implements PgPoolLike<pg.PoolClient> {
  readonly executed: string[] = [];
  fail: (sql: string) => Error | undefined = () => undefined;
  readonly #inner: pg.Pool;

  constructor(inner: pg.Pool) {
    this.#inner = inner;
  }

  query(text: string, values?: unknown[]): Promise<pg.QueryResult<Record<string, unknown>>> {
    return this.#execute(this.#inner, text, values);
  }

  async connect(): Promise<pg.PoolClient> {
    const client = await this.#inner.connect();
    const query = (text: string, values?: unknown[]): Promise<pg.QueryResult<Record<string, unknown>>> =>
      this.#execute(client, text, values);
    return new Proxy(client, {
      get(target, name) {
        if (name === "query") return query;
        const value: unknown = Reflect.get(target, name);
        return typeof value === "function" ? (value.bind(target) as unknown) : value;
      },
    });
  }

  /** How many statements and transactions were executed since the last call: one round trip each. */
  count(): number {
    return this.executed.splice(0).length;
  }

  async #execute(
    to: PgClientLike,
    text: string,
    values?: unknown[],
  ): Promise<pg.QueryResult<Record<string, unknown>>> {
    this.executed.push(text);
    const error = this.fail(text);
    if (error !== undefined) throw error;
    return (await to.query(text, values)) as pg.QueryResult<Record<string, unknown>>;
  }
}
