// One run of fetchMail in a process of its own, which may be killed at any moment, or kills itself at a point.
// node child.mjs '{"account": ..., "state": ..., "maildir": ..., "policy": ..., "at": "commit", "nth": 3}'; "mbox" in place of "maildir"
import { fetchMail, FileLedger, Maildir, Mbox } from "../../dist/fetch.js";

const { account, state, maildir, mbox, policy, at, nth = 1 } = JSON.parse(process.argv[2]);

let left = nth;
const die = () => process.kill(process.pid, "SIGKILL");
/** Dies at the n-th time that it comes by the point; the rest waits for that. */
async function passing(point) {
  if (point === at && --left === 0) {
    die();
    await new Promise(() => setInterval(() => undefined, 1000));
  }
}

const inner = mbox === undefined ? new Maildir(maildir) : new Mbox(mbox);
const destination = {
  async begin(delivery, signal) {
    const writer = await inner.begin(delivery, signal);
    if (writer === "known") return writer;
    return {
      async write(octets) {
        await writer.write(octets);
        await passing("write");
      },
      async commit() {
        await passing("before commit");
        const result = await writer.commit();
        await passing("commit");
        return result;
      },
      abort: () => writer.abort(),
    };
  },
};

const files = new FileLedger(state);
const ledger = {
  async open(mailbox) {
    const opened = await files.open(mailbox);
    return {
      get entries() {
        return opened.entries;
      },
      get state() {
        return opened.state;
      },
      async record(changes) {
        await opened.record(changes);
        if (changes.entries?.some(({ status }) => status === "delivered")) await passing("delivered");
        if (changes.entries?.some(({ status }) => status === "deleted")) await passing("deleted");
      },
      close: () => opened.close(),
    };
  },
};

try {
  const report = await fetchMail(account, { ledger, destination, policy, mailbox: "ann", force: true });
  console.log(JSON.stringify(report));
} catch (error) {
  console.log(JSON.stringify({ code: error.code, message: error.message }));
  process.exitCode = 1;
}
