// The exports of "popwright/sqlite". Its options and errors mention types of "popwright/fetch": they are exported here, too.
export type * from "../fetch/index.ts";
export type { SqliteDatabase, SqliteStatement, SqliteValue } from "./database.ts";
export type { SqliteDeliverOptions, SqliteHandler } from "./destination.ts";
export type { SqliteStoreOptions } from "./options.ts";
export { SqliteStore } from "./store.ts";
