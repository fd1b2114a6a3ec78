// The exports of "popwright/redis". Its options and errors mention types of "popwright/fetch": they are exported here, too.
export type * from "../fetch/index.ts";
export type { RedisClient } from "./client.ts";
export type { RedisHost } from "./host.ts";
export { RedisLedger } from "./ledger.ts";
export type { RedisLedgerOptions } from "./options.ts";
export { RedisPlaces, type RedisPlacesOptions } from "./places.ts";
