// Fetches once into a Maildir, in a process that stops itself (SIGSTOP) before its n-th file operation, and
// continues after SIGCONT: node stop-anywhere.mjs '{"account": ..., "state": ..., "maildir": ..., "stopAt": 40}'
// It prints how many file operations there were.
import files from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";

const { account, state, maildir, mailbox, policy, stopAt } = JSON.parse(process.argv[2]);
let operations = 0;

/** Milliseconds by which the clocks are ahead: the lease looks an hour old when the process continues. */
let slept = 0;
for (const clock of [Date, performance]) {
  const now = clock.now.bind(clock);
  clock.now = () => now() + slept;
}

/** Counts the calls of these methods. */
function count(object, names) {
  for (const name of names) {
    const call = object[name];
    object[name] = function (...args) {
      if (++operations === stopAt) {
        process.kill(process.pid, "SIGSTOP");
        slept = 3_600_000;
      }
      return call.apply(this, args);
    };
  }
}

const probe = await files.open(import.meta.filename);
const handles = Object.getPrototypeOf(probe);
await probe.close();
count(handles, [
  "read",
  "write",
  "writev",
  "writeFile",
  "appendFile",
  "sync",
  "datasync",
  "truncate",
  "stat",
]);
count(files, ["open", "mkdir", "stat", "lstat", "readdir", "link", "rename", "rm", "unlink"]);
syncBuiltinESMExports();

const { fetchMail, FileLedger, Maildir } = await import("../../dist/fetch.js");
// Whatever is older than a millisecond is confirmed.
const ledger = new FileLedger(state, { heartbeat: 1 });
const destination = new Maildir(maildir);
// It fails if it has lost its lease.
await fetchMail(account, { ledger, destination, mailbox, policy, force: true }).catch(() => undefined);
console.log(JSON.stringify({ operations }));
