// Starts the servers of these tests once, and ends them after the last one.
import { PgBouncer } from "../servers/pgbouncer.ts";
import { PostgresServer } from "../servers/postgres.ts";

/** The variables in which the tests find the servers. */
export const HOST = "POPWRIGHT_TEST_POSTGRES";
export const BOUNCER = "POPWRIGHT_TEST_PGBOUNCER";

export default async function start(): Promise<() => Promise<void>> {
  const server = await PostgresServer.start();
  const bouncer = await PgBouncer.start(server.host);
  process.env[HOST] = server.host;
  process.env[BOUNCER] = bouncer.host;
  return async () => {
    await bouncer.stop();
    await server.stop();
  };
}
