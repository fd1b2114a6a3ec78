// The exports of "popwright/postgres". Its options and errors mention types of "popwright/fetch": they are exported here, too.
export type * from "../fetch/index.ts";
export type { PostgresDeliverOptions, PostgresHandler } from "./destination.ts";
export type { PostgresStoreOptions } from "./options.ts";
export type { PgClientLike, PgPoolClientLike, PgPoolLike, PgResultLike } from "./pool.ts";
export { PostgresStore } from "./store.ts";
