// The connections of a store: what the store needs of a `Pool` of `pg`, and its check.
import { configError, shown } from "../options/checks.ts";

/** The result of a query. */
export interface PgResultLike {
  /** The rows, each as an object with the names of its columns. */
  readonly rows: readonly Record<string, unknown>[];
  /** The statement that was executed, such as `COMMIT`. */
  readonly command?: string;
}

/** The part of a `Client` of `pg` that a store uses. */
export interface PgClientLike {
  /** Executes a statement, with values for `$1`, `$2` and so on. */
  query(text: string, values?: unknown[]): Promise<PgResultLike>;
}

/** A client that belongs to a pool, until it is released. */
export interface PgPoolClientLike extends PgClientLike {
  /** Gives the client back to its pool. With an error or `true`, its connection is closed. */
  release(error?: Error | boolean): void;
  /** Listens to the loss of the connection. */
  on?(event: "error", listener: (error: Error) => void): unknown;
  /** Ends {@link on}. */
  removeListener?(event: "error", listener: (error: Error) => void): unknown;
}

/** The part of a `Pool` of `pg` that a store uses. `Client`: the type of its clients. */
export interface PgPoolLike<Client extends PgClientLike = PgClientLike> {
  /** Executes a statement with any client of the pool. */
  query(text: string, values?: unknown[]): Promise<PgResultLike>;
  /** Takes a client out of the pool. */
  connect(): Promise<Client & PgPoolClientLike>;
  /** Listens to the loss of a connection that is not in use. */
  on?(event: "error", listener: (error: Error) => void): unknown;
}

const listened = new WeakSet<object>();

/** Throws `POP3_CONFIG` if the value is not a pool that a store can use. */
export function checkPool(pool: unknown): void {
  const { query, connect, on } = (pool ?? {}) as Partial<PgPoolLike>;
  if (typeof query !== "function" || typeof connect !== "function" || "release" in (pool as object))
    throw configError(
      `the pool of a PostgresStore must be a Pool of pg, such as new Pool({ connectionString }) (got ${shown(pool)})`,
    );
  if (typeof on !== "function" || listened.has(pool as object)) return;
  // Without a listener, a connection that is lost while no query uses it would end the process. The next query opens
  // a new one.
  listened.add(pool as object);
  (pool as PgPoolLike).on?.("error", () => undefined);
}
