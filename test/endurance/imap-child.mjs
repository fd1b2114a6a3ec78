// Fetches mailboxes into a folder of an IMAP server in its own process, which may be killed at any moment.
// node imap-child.mjs '{"accounts": {"ann": ...}, "url": ..., "password": ..., "directory": ..., "policy": ...}'
import { join } from "node:path";
import { fetchMail, FileLedger, ImapAppend } from "../../dist/fetch.js";

const { accounts, url, password, directory, policy } = JSON.parse(process.argv[2]);
const ledger = new FileLedger(join(directory, "ledger"));
const destination = new ImapAppend(url, {
  state: join(directory, "state"),
  auth: { password },
  // The server is on this machine: what it has received it stores at once.
  settleTime: 500,
});

const outcomes = await Promise.all(
  Object.entries(accounts).map(async ([mailbox, account]) => {
    try {
      return await fetchMail(account, { ledger, destination, policy, mailbox, force: true });
    } catch (error) {
      return { code: error.code, message: error.message, cause: error.cause?.message };
    }
  }),
);
console.log(JSON.stringify(outcomes));
