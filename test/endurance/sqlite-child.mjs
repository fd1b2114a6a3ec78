// Fetches mailboxes into a database in its own process, which may be killed or stopped at any moment. The handler knows
// no keys: it only inserts a row. After SIGUSR2 the process stops itself, between two turns of its event loop.
// A command goes out at the end of a turn: the process does not stop between a confirmation of the lease and the command
// that was waiting for it.
// node sqlite-child.mjs '{"accounts": {"ann": ...}, "path": ..., "policy": ...}'
import { createRequire } from "node:module";
import { fetchMail } from "../../dist/fetch.js";
import { SqliteStore } from "../../dist/sqlite.js";

const { accounts, path, policy } = JSON.parse(process.argv[2]);

function database() {
  if (process.getBuiltinModule("node:sqlite") !== undefined) return path;
  const Database = createRequire(new URL("../better-sqlite3/install.ts", import.meta.url))("better-sqlite3");
  return new Database(path);
}

let confirmed = 0;
const stop = () => (confirmed > 0 ? setImmediate(stop) : process.kill(process.pid, "SIGSTOP"));
process.on("SIGUSR2", stop);

const store = new SqliteStore(database());
const ledger = {
  read: (mailbox) => store.read(mailbox),
  async open(mailbox, options) {
    const held = await store.open(mailbox, options);
    const confirm = held.confirm.bind(held);
    held.confirm = async () => {
      await confirm();
      confirmed++;
      setImmediate(() => setImmediate(() => confirmed--));
    };
    return held;
  },
};
const insert = store.database.prepare("INSERT INTO mail (octets) VALUES (?)");
const destination = store.deliver((_, { octets }) => void insert.run(octets));

const outcomes = await Promise.all(
  Object.entries(accounts).map(async ([mailbox, account]) => {
    try {
      return await fetchMail(account, { ledger, destination, policy, mailbox, force: true });
    } catch (error) {
      return { code: error.code, message: error.message, cause: error.cause?.code };
    }
  }),
);
await store.close();
console.log(JSON.stringify(outcomes));
