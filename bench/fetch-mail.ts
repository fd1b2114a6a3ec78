// A program: fetches a mailbox into a Maildir, as a user of popwright/fetch does it. Its arguments are a port, the name
// of the mailbox, and a directory. It writes nothing unless it fails.
import { join } from "node:path";
import { fetchMail, FileLedger, Maildir } from "popwright/fetch";
import { HOST, PASS } from "./contenders/contender.ts";

const [port, mailbox = "", directory = ""] = process.argv.slice(2);
const auth = { user: mailbox, pass: PASS };
const report = await fetchMail(
  { host: HOST, port: Number(port), secure: false, stls: "never", allowPlaintextAuth: true, auth },
  { ledger: new FileLedger(join(directory, "state")), destination: new Maildir(join(directory, "Mail")) },
);
const { delivered, listed } = report;
if (delivered !== listed) throw new Error(`${delivered} of ${listed} messages were delivered`);
