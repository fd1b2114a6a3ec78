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

/** If the process is killed between this and `done()`, the message comes again with the same key: see tickets-sqlite.ts. */
async function handle(key: string, octets: Buffer): Promise<void> {
  const headers = await parseHeaders(octets);
  console.log("new:", headers.get("subject") ?? "(no subject)", `(${key.slice(0, 8)})`);
}

for await (const message of newMail(setting("POP3_URL"), {
  ledger: new FileLedger(setting("STATE", "state")),
  policy: { poll: { every: "30 s" } },
  stop: stop.signal,
  // The loop continues when the server is down for a while. Only an event says so.
  onEvent: (event) => {
    if (event.type === "failed") console.error(`no mail now: ${event.error.code}: ${event.error.message}`);
  },
})) {
  try {
    await handle(message.key, message.octets);
    message.done();
  } catch (error) {
    console.error("failed, comes again:", error);
    message.failed(error);
  }
}
console.log("stopped");
