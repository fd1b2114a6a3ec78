// Fetches onto a disk that is nearly full, and again when there is space. The process has mounted the disk itself.
// node disk-full.mjs '{"account": ..., "policy": ..., "disk": ..., "state": ..., "maildir": ..., "room": 10000}'
import { readdir, readFile, rm, statfs, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fetchMail, FileLedger, Maildir } from "../../dist/fetch.js";

const { account, policy, disk, state, maildir, room } = JSON.parse(process.argv[2]);

async function run() {
  const options = {
    ledger: new FileLedger(state),
    destination: new Maildir(maildir),
    policy,
    mailbox: "ann",
  };
  try {
    return await fetchMail(account, { ...options, force: true });
  } catch ({ name, code, message, temporary }) {
    return { name, code, message, temporary };
  }
}

async function files(name) {
  const directory = join(maildir, name);
  const names = await readdir(directory).catch(() => []);
  return Promise.all(names.map((file) => readFile(join(directory, file), "latin1")));
}

const ballast = join(disk, "ballast");
const { bavail, bsize } = await statfs(disk);
await writeFile(ballast, Buffer.alloc(Math.max(0, bavail * bsize - room)));
const full = await run();
const delivered = await files("new");
await rm(ballast);
const again = await run();
console.log(
  JSON.stringify({
    full,
    delivered,
    again,
    messages: await files("new"),
    begun: (await files("tmp")).length,
  }),
);
