// A worker of the example: polls mailboxes, stores their mail in the transaction of the ledger, and answers probes.
import fastify from "fastify";
import { Redis } from "ioredis";
import { pino } from "pino";
import { createFetchWorker, type FetchPolicy, type FleetPoll } from "popwright/bullmq";
import { Database, type PollRow } from "./database.ts";
import { StoreWithFences } from "./fences.ts";
import { WorkerMetrics } from "./metrics.ts";
import { SessionLogs } from "./session-log.ts";
import { LEDGER_TIMES, LIMIT_PER_HOST, QUEUE, settings } from "./settings.ts";

const { postgres, redisPort, port, name } = settings();
const log = pino({ name });
const database = new Database(postgres);
const store = new StoreWithFences(database.pool, LEDGER_TIMES);
const sessions = new SessionLogs();
const redis = new Redis(redisPort, "127.0.0.1", { maxRetriesPerRequest: null });
redis.on("error", (error) => log.warn({ code: (error as NodeJS.ErrnoException).code }, "Redis"));
const metrics = new WorkerMetrics();

/** Short, so that there is something to see. Providers ask for minutes. */
const POLICY: FetchPolicy = { delete: "delivered", poll: { shortest: 4000, longest: 20_000 } };
/** After five crashes it is left alone for the longest pause. */
const DANGEROUS: FetchPolicy = { ...POLICY, poll: { shortest: 600_000, longest: 600_000 } };

const dangerous = new Set<string>();

/** Polls that are not noted yet. */
const rows: PollRow[] = [];

const destination = store.deliver(async (client, { mailbox, octets }) => {
  const subject = /^Subject: (.*)$/m.exec(octets.toString("latin1"))?.[1] ?? "(no subject)";
  const insert = "INSERT INTO mail (account, subject, octets) VALUES ($1, $2, $3)";
  await client.query(insert, [mailbox, subject.trim(), octets]);
});

const worker = await createFetchWorker({
  redis,
  queue: QUEUE,
  ledger: store,
  destination,
  policy: POLICY,
  maxPerHost: LIMIT_PER_HOST,
  concurrency: 20,
  lock: 5000,
  // Asked before each poll: a new password or a pause counts at once.
  async account(id) {
    const found = await database.account(id);
    if (found === undefined) return undefined;
    const { host, port: pop3Port, login, password, paused, kills } = found;
    if (kills) dangerous.add(id);
    return {
      // On loopback only. Everywhere else leave `secure` at its default, which is TLS.
      account: { host, port: pop3Port, secure: false, stls: "never", auth: { user: login, pass: password } },
      paused,
      ...(kills && { policy: DANGEROUS }),
    };
  },
  onEvent({ type, mailbox }) {
    // As a mailbox does whose mail makes the process run out of memory.
    if (type === "begin" && dangerous.has(mailbox)) process.kill(process.pid, "SIGKILL");
  },
  onPoll(poll) {
    metrics.polled(poll);
    rows.push(rowOf(poll));
    const { id, outcome, lag, duration, report, error } = poll;
    const { code } = (error ?? {}) as { readonly code?: string };
    const delivered = report?.delivered ?? 0;
    const line = { mailbox: id, fence: store.takeFence(id), outcome, code, lag, duration, delivered };
    if (outcome === "failed") log.warn(line, "poll");
    else log.debug(line, "poll");
  },
  onError: (error) => log.warn({ error: error.message }, "worker"),
});

function rowOf({ id, outcome, report, lag, duration, error }: FleetPoll): PollRow {
  return {
    account: id,
    at: new Date(),
    outcome,
    delivered: report?.delivered ?? 0,
    octets: report?.octets ?? 0,
    lag,
    duration,
    code: (error as { readonly code?: string } | undefined)?.code,
    error: error?.message.slice(0, 300),
    session: sessions.take(id),
  };
}

/** They are for the page only, so a few may be lost. */
async function flush(): Promise<void> {
  const noted = rows.splice(0);
  if (noted.length > 0) await database.note(noted).catch(() => undefined);
}
const timer = setInterval(() => void flush(), 500);

const server = fastify();
server.get("/metrics", async (_, reply) =>
  reply.type(metrics.registry.contentType).send(await metrics.registry.metrics()),
);
server.get("/healthz", async (_, reply) => {
  const { live, reasons } = await worker.health();
  return reply.code(live ? 200 : 503).send({ live, reasons });
});
server.get("/readyz", async (_, reply) => {
  const { ready, reasons } = await worker.health();
  return reply.code(ready ? 200 : 503).send({ ready, reasons });
});
await server.listen({ host: "127.0.0.1", port });
log.info({ port, worker: worker.id }, "the worker polls");

async function end(): Promise<void> {
  log.info("the worker ends after its current messages");
  // Kubernetes grants 30 seconds.
  await worker.close({ within: 20_000 });
  clearInterval(timer);
  await flush();
  await server.close();
  redis.disconnect();
  await database.close();
  log.info("the worker has ended");
  process.exit();
}

process.once("SIGTERM", () => void end());
process.once("disconnect", () => process.exit());
// Ctrl-C reaches every process of the terminal: the one that started us sends SIGTERM.
process.on("SIGINT", () => undefined);
