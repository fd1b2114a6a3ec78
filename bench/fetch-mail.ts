// A program: fetches a mailbox into a destination, as a user of popwright/fetch does it. Its arguments are a port, the
// name of the mailbox, a directory, and the kind of the destination. It writes nothing unless it fails.
import { createRequire } from "node:module";
import { join } from "node:path";
import { EmlFolder, fetchMail, FileLedger, Maildir, Mbox, type FetchOptions } from "popwright/fetch";
import type { SqliteDatabase } from "popwright/sqlite";
import { HOST, PASS } from "./contenders/contender.ts";

const [port, mailbox = "", directory = "", kind = "Maildir"] = process.argv.slice(2);

/** The ledger and the destination; the same as two objects, or one database. */
async function placeOf(): Promise<FetchOptions> {
  const path = join(directory, "Mail");
  const ledger = new FileLedger(join(directory, "state"));
  if (kind === "Maildir") return { ledger, destination: new Maildir(path) };
  if (kind === "eml") return { ledger, destination: new EmlFolder(path) };
  if (kind === "mbox") return { ledger, destination: new Mbox(path) };
  const { SqliteStore } = await import("popwright/sqlite");
  const store = new SqliteStore(databaseAt(path));
  store.database.exec("CREATE TABLE mail (key TEXT PRIMARY KEY, octets BLOB)");
  const insert = store.database.prepare("INSERT INTO mail VALUES (?, ?)");
  return { ledger: store, destination: store.deliver((_, { key, octets }) => void insert.run(key, octets)) };
}

/** The path, or a database of better-sqlite3, which the benchmark has installed for a Node without node:sqlite. */
function databaseAt(path: string): string | SqliteDatabase {
  if (process.getBuiltinModule("node:sqlite") !== undefined) return path;
  const load = createRequire(join(process.env["BETTER_SQLITE3"] ?? ".", "package.json"));
  const Database = load("better-sqlite3") as new (path: string) => SqliteDatabase;
  return new Database(path);
}

const auth = { user: mailbox, pass: PASS };
const report = await fetchMail(
  { host: HOST, port: Number(port), secure: false, stls: "never", allowPlaintextAuth: true, auth },
  await placeOf(),
);
const { delivered, listed } = report;
if (delivered !== listed) throw new Error(`${delivered} of ${listed} messages were delivered`);
