// Fetches mailboxes into PostgreSQL in its own process, which may be killed or stopped at any moment. The handler knows
// no keys: it only inserts a row, with the fence of its run. It goes on until nothing is left at the server.
// node postgres-child.mjs '{"accounts": {"ann": ...}, "host": ..., "user": ..., "policy": ..., "store": ..., "again": true}'
import pg from "pg";
import { fetchMail } from "../../dist/fetch.js";
import { PostgresStore } from "../../dist/postgres.js";

const { accounts, host, user, policy, store: options, again } = JSON.parse(process.argv[2]);
const pool = new pg.Pool({ host, user, database: "postgres", max: 6 });
const store = new PostgresStore(pool, options);
const destination = store.deliver(async (client, { mailbox, octets, fence }) => {
  await client.query("INSERT INTO mail (mailbox, octets, fence) VALUES ($1, $2, $3)", [
    ...[mailbox, octets],
    String(fence),
  ]);
});

/** Fetches a mailbox; again while that fails, if the server may be crashed. */
async function fetched(mailbox, account) {
  for (let failures = 0; ; failures++)
    try {
      return await fetchMail(account, { ledger: store, destination, policy, mailbox, force: true });
    } catch (error) {
      const { code, message, cause, temporary } = error;
      if (!again || !temporary || failures > 1000)
        return { code, message, cause: cause?.code, temporary, why: String(cause) };
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
}

const outcomes = await Promise.all(
  Object.entries(accounts).map(([mailbox, account]) => fetched(mailbox, account)),
);
await store.close();
await pool.end();
console.log(JSON.stringify(outcomes));
