// Makes tickets of the mail in a mailbox: `tickets-sqlite.ts tickets.db`. A reply joins the ticket of the message that it
// answers. SQLite stores a message and the note that it was fetched in one transaction: even if the process is killed, no
// message is lost, and none becomes two tickets. Runs on Node 22.13 or later; on Node 20 see the line that opens the store.
//
// POP3_URL   pop3s://user:password@host; percent-encode special characters
import { fetchMail } from "popwright/fetch";
import { parseMessage, type ParsedMessage } from "popwright/parse";
import { SqliteStore } from "popwright/sqlite";
import { setting } from "./setting.ts";

// On Node 20: npm install better-sqlite3@12, import Database from "better-sqlite3", and
// new SqliteStore(new Database("tickets.db")).
const store = new SqliteStore(process.argv[2] ?? "tickets.db");
const { database } = store;
database.exec(`
  CREATE TABLE IF NOT EXISTS mail (id INTEGER PRIMARY KEY, octets BLOB NOT NULL, message_id TEXT, sender TEXT,
    subject TEXT, text TEXT, ticket INTEGER REFERENCES mail);
  CREATE INDEX IF NOT EXISTS mail_message_id ON mail (message_id);
  CREATE VIEW IF NOT EXISTS ticket AS SELECT id, sender, subject FROM mail WHERE id = ticket;
`);
const insert = database.prepare("INSERT INTO mail (octets) VALUES (?)");
const waiting = database.prepare("SELECT id, octets FROM mail WHERE ticket IS NULL ORDER BY id LIMIT 1");
// The first message of a ticket gives it its number. One statement, so a message never has half a ticket.
const assign = database.prepare(`
  UPDATE mail SET message_id = ?, sender = ?, subject = ?, text = ?, ticket = coalesce(
    (SELECT answered.ticket FROM mail AS answered JOIN json_each(?) ON answered.message_id = value), id)
  WHERE id = ? RETURNING ticket`);

// The handler is synchronous, as a transaction of SQLite must be. So it only stores the bytes.
const destination = store.deliver((_database, { octets }) => {
  insert.run(octets);
});
try {
  await fetchMail(setting("POP3_URL"), { ledger: store, destination });
} finally {
  // Also what an earlier run stored before it was killed, or before this one failed.
  for (let row = next(); row !== undefined; row = next()) await makeTicket(row);
  await store.close();
}

interface StoredMail {
  readonly id: number;
  readonly octets: Uint8Array;
}

function next(): StoredMail | undefined {
  return waiting.get() as StoredMail | undefined;
}

async function makeTicket({ id, octets }: StoredMail): Promise<void> {
  // A message that exceeds the limits of the parser becomes a ticket, too: a person has to look at it.
  const parsed: Partial<ParsedMessage> = await parseMessage(octets).catch((error: unknown) => ({
    subject: "(cannot be parsed)",
    text: String(error),
  }));
  const { messageId, from = [], subject = "(no subject)", text, inReplyTo, references = [] } = parsed;
  const answers = JSON.stringify([inReplyTo, ...references]);
  const row = assign.get(messageId ?? null, from[0]?.address ?? null, subject, text ?? null, answers, id);
  const { ticket } = row as { readonly ticket: number };
  console.log(`ticket ${ticket}${ticket === id ? "" : ", a reply"}: ${subject}`);
}
