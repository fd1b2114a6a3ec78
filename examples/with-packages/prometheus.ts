// Fetches mail and shows metrics for Prometheus at http://127.0.0.1:9464/metrics.
//
// POP3_URL   pop3s://user:password@host; percent-encode special characters
// MAIL       the directory for mail and ledger; default: mail
// PORT       default: 9464
import { subscribe } from "node:diagnostics_channel";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { Pop3Trace } from "popwright";
import { fetchAll, FileLedger, Maildir } from "popwright/fetch";
import { collectDefaultMetrics, Counter, Gauge, Histogram, register } from "prom-client";
import { setting } from "../setting.ts";

collectDefaultMetrics();
// No label has the name of a mailbox: there may be thousands of them.
const messages = new Counter({ name: "popwright_messages_total", help: "Messages", labelNames: ["outcome"] });
const bytes = new Counter({ name: "popwright_received_bytes_total", help: "Bytes of delivered messages" });
const runs = new Counter({
  name: "popwright_runs_total",
  help: "Runs: ok, or the code of the error",
  labelNames: ["outcome"],
});
const success = new Gauge({
  name: "popwright_last_success_timestamp_seconds",
  help: "Time of the last successful run",
});
const seconds = new Histogram({
  name: "popwright_command_seconds",
  help: "From a command to the end of its response",
  labelNames: ["command"],
  buckets: [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60],
});

// The channel has the commands of all clients, pools and runs of this process.
const timers = new WeakMap<object, () => void>();
subscribe("tracing:popwright:command:start", (message) => {
  const trace = message as Pop3Trace;
  const command = /^[A-Z]+/.exec(trace.command ?? "")?.[0] ?? "greeting";
  timers.set(trace, seconds.startTimer({ command }));
});
subscribe("tracing:popwright:command:asyncEnd", (message) => {
  timers.get(message as Pop3Trace)?.();
});

const server = createServer((_request, response) => {
  void register.metrics().then((text) => response.setHeader("content-type", register.contentType).end(text));
});
server.listen(Number(setting("PORT", "9464")), "127.0.0.1", () => {
  console.log(`metrics at http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`);
});

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());

const folder = setting("MAIL", "mail");
for await (const event of fetchAll([setting("POP3_URL")], {
  ledger: new FileLedger(join(folder, "ledger")),
  destination: new Maildir(join(folder, "Maildir")),
  repeat: true,
  stop: stop.signal,
})) {
  if (event.type === "delivered") {
    messages.inc({ outcome: event.known ? "known" : "delivered" });
    bytes.inc(event.octets);
  } else if (event.type === "message-failed") {
    messages.inc({ outcome: "failed" });
  } else if (event.type === "failed") {
    runs.inc({ outcome: event.error.code });
  } else if (event.type === "end") {
    runs.inc({ outcome: "ok" });
    success.setToCurrentTime();
    console.log(`${event.report.delivered} messages delivered`);
  }
}
server.close();
