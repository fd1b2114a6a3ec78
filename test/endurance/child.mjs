// One run of fetchMail in its own process. It may be killed at any moment, or it kills or stops itself at a given
// step.
// node child.mjs '{"account": ..., "state": ..., "maildir": ..., "policy": ..., "at": "commit", "nth": 3}'
// "mbox" may take the place of "maildir". With "command": [PROGRAM, ...] the messages go to a program, with
// "gmail": { address, ...options } into Gmail, with "webhook": { url, ...options } to a web server.
// With "signal": "SIGSTOP" the process stops, and continues after SIGCONT.
import { Command, fetchMail, FileLedger, GmailImport, Maildir, Mbox, Webhook } from "../../dist/fetch.js";

const task = JSON.parse(process.argv[2]);
const {
  account,
  state,
  maildir,
  mbox,
  command,
  gmail,
  webhook,
  policy,
  at,
  nth = 1,
  signal: how = "SIGKILL",
  heartbeat,
} = task;

let left = nth;
/** Gives itself the signal at the n-th time that it passes the point. */
async function passing(point) {
  if (point !== at || --left !== 0) return;
  process.kill(process.pid, how);
  if (how === "SIGKILL") await new Promise(() => setInterval(() => undefined, 1000));
}

function place() {
  if (gmail !== undefined) {
    const { address, ...options } = gmail;
    return new GmailImport(address, { accessToken: () => "token", ...options });
  }
  if (webhook !== undefined) {
    const { url, ...options } = webhook;
    return new Webhook(url, options);
  }
  if (command !== undefined) return new Command(command[0], command.slice(1));
  return mbox === undefined ? new Maildir(maildir) : new Mbox(mbox);
}

const inner = place();
const destination = {
  group: inner.group,
  async begin(delivery, signal, mailbox) {
    await passing("begin");
    const writer = await inner.begin(delivery, signal, mailbox);
    if (writer === "known") return writer;
    return {
      async write(octets) {
        await writer.write(octets);
        await passing("write");
      },
      async prepare() {
        await writer.prepare?.();
        await passing("prepare");
      },
      async commit(entry) {
        await passing("before commit");
        const result = await writer.commit(entry);
        await passing("commit");
        return result;
      },
      abort: () => writer.abort(),
    };
  },
};

const files = new FileLedger(state, { heartbeat });
const ledger = {
  async open(mailbox) {
    const opened = await files.open(mailbox);
    const { state, keyName, fence, takenOver, lost } = opened;
    const passingChanges = async ({ entries = [] } = {}) => {
      for (const status of ["delivered", "deleted"])
        if (entries.some((entry) => entry.status === status)) await passing(status);
    };
    return {
      ...{ state, keyName, fence, takenOver, lost },
      load: () => opened.load(),
      async record(changes) {
        await opened.record(changes);
        await passingChanges(changes);
      },
      confirm: () => opened.confirm(),
      async close(changes) {
        await opened.close(changes);
        await passingChanges(changes);
      },
    };
  },
  read: (mailbox) => files.read(mailbox),
};

try {
  const report = await fetchMail(account, { ledger, destination, policy, mailbox: "ann", force: true });
  console.log(JSON.stringify(report));
} catch (error) {
  console.log(JSON.stringify({ code: error.code, message: error.message }));
  process.exitCode = 1;
}
