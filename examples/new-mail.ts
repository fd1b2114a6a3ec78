// Calls a function with each new message, every 30 seconds. SIGTERM and SIGINT end it in good order: the current message
// is finished first. A message whose function failed comes again.
//
// POP3_URL   pop3s://user:password@host; percent-encode special characters
// STATE      the directory that remembers what was handled; default: state
import { FileLedger, newMail } from "popwright/fetch";
import { parseHeaders } from "popwright/parse";
import { setting } from "./setting.ts";

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());

async function handle(octets: Buffer): Promise<void> {
  console.log("new:", (await parseHeaders(octets)).get("subject") ?? "(no subject)");
}

for await (const message of newMail(setting("POP3_URL"), {
  ledger: new FileLedger(setting("STATE", "state")),
  policy: { poll: { every: "30 s" } },
  stop: stop.signal,
})) {
  await handle(message.octets);
  message.done();
}
console.log("stopped");
