// The first run over a large mailbox, in its own process, so that its memory can be measured.
// node --expose-gc large-mailbox.mjs '{"account": ..., "state": ..., "every": 5000, "rounds": 5}'
import { fetchMail, FileLedger } from "../../dist/fetch.js";

const { account, state, every, rounds } = JSON.parse(process.argv[2]);
const ledger = new FileLedger(state);

/** What is in use, without garbage; octets. */
function heap() {
  globalThis.gc();
  return process.memoryUsage().heapUsed;
}

const samples = [];
let messages = 0;
let octets = 0;
const destination = (message) => {
  messages++;
  octets += message.octets.length;
  if (messages % every === 0)
    samples.push({ messages, octets, heap: heap(), resident: process.memoryUsage.rss() });
};
const report = await fetchMail(account, { ledger, destination, mailbox: "ann" });
const peak = process.resourceUsage().maxRSS * 1024;

const opened = { entries: 0, octets: 0, milliseconds: [] };
const before = heap();
for (let round = 0; round < rounds; round++) {
  const began = performance.now();
  const mailbox = await ledger.open("ann");
  const entries = await mailbox.load();
  opened.milliseconds.push(performance.now() - began);
  opened.octets = heap() - before;
  opened.entries = entries.size;
  await mailbox.close();
}
console.log(JSON.stringify({ report, samples, peak, opened }));
