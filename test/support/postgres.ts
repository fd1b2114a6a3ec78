// A pool of PostgreSQL that answers nothing: for tests that get no further.
import type { PgPoolLike } from "popwright/postgres";

const away = (): Promise<never> => Promise.reject(new Error("there is no PostgreSQL"));

export const UNUSED_POOL: PgPoolLike = { query: away, connect: away };
