// The status page: what it shows comes from the fleet, the ledger and the tables of the application.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createBullBoard } from "@bull-board/api";
import { BullMQAdapter } from "@bull-board/api/bullMQAdapter";
import { FastifyAdapter } from "@bull-board/fastify";
import { Queue, QueueEvents } from "bullmq";
import fastify from "fastify";
import { Redis } from "ioredis";
import { pino } from "pino";
import { Fleet } from "popwright/bullmq";
import { PostgresStore } from "popwright/postgres";
import { CHART, Database } from "./database.ts";
import { PROVIDERS } from "./demo-accounts.ts";
import { FleetMetrics } from "./metrics.ts";
import { LEDGER_TIMES, QUEUE, settings } from "./settings.ts";

const { postgres, redisPort, port, name } = settings();
const log = pino({ name });
const database = new Database(postgres, 4);
const store = new PostgresStore(database.pool, LEDGER_TIMES);
const redis = new Redis(redisPort, "127.0.0.1", { maxRetriesPerRequest: null });
redis.on("error", (error) => log.warn({ code: (error as NodeJS.ErrnoException).code }, "Redis"));
const fleet = new Fleet({
  redis,
  queue: QUEUE,
  onError: (error) => log.warn({ error: error.message }, "fleet"),
});
const metrics = new FleetMetrics();
/** All providers of the example have the same. */
const pop3Port = port + 3;

const server = fastify();

// Nothing comes from another machine: bull-board asks for fonts, and does without them. No other page may use this one.
const POLICY = "default-src 'self'; frame-ancestors 'none'";
const BOARD_POLICY = `${POLICY}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:`;
server.addHook("onRequest", async (request, reply) => {
  // A page of another site could reach loopback under a name of its own.
  const { hostname, url } = request;
  if (hostname !== "127.0.0.1" && hostname !== "localhost")
    return reply.code(421).send({ error: "use http://127.0.0.1" });
  reply
    .header("content-security-policy", url.startsWith("/queues") ? BOARD_POLICY : POLICY)
    .header("x-content-type-options", "nosniff")
    .header("cache-control", "no-store");
  return undefined;
});

for (const [path, file, type] of [
  ["/", "index.html", "text/html; charset=utf-8"],
  ["/page.js", "page.js", "text/javascript; charset=utf-8"],
  ["/style.css", "style.css", "text/css; charset=utf-8"],
  ["/icon.svg", "icon.svg", "image/svg+xml"],
] as const) {
  const content = await readFile(join(import.meta.dirname, "page", file));
  server.get(path, async (_, reply) => reply.type(type).send(content));
}

server.get("/api/status", async () => {
  const [{ worst, hosts, ...status }, chart] = await Promise.all([fleet.status(), database.chart()]);
  const accounts = await database.accounts(worst.map(({ id }) => id));
  return {
    ...status,
    now: Date.now(),
    hosts: hosts.map((host) => ({ ...host, label: labelOf(host.host) })),
    worst: worst.map((each) => ({
      ...each,
      login: accounts.get(each.id)?.login,
      host: accounts.get(each.id)?.host,
    })),
    chart: { seconds: CHART.seconds, points: chart },
  };
});

function labelOf(host: string): string | undefined {
  return PROVIDERS.find((provider) => provider.host === host)?.domain;
}

server.get<{ Querystring: { q?: string } }>("/api/mailboxes", async ({ query: { q = "" } }) =>
  (await database.search(q)).map(({ id, login, host }) => ({ id, login, host })),
);

interface ById {
  Params: { id: string };
}

server.get<ById>("/api/mailboxes/:id", async ({ params: { id } }) => {
  const account = await database.account(id);
  // Not 404: the page asks for what it shows, which another window may have removed.
  if (account === undefined) return { id, isGone: true };
  const [mailbox, { entries, state }, polls, session, mail] = await Promise.all([
    fleet.mailbox(id),
    store.read(id),
    database.lastPolls(id),
    database.lastSession(id),
    database.lastMail(id),
  ]);
  const statuses: Record<string, number> = {};
  for (const { status } of entries.values()) statuses[status] = (statuses[status] ?? 0) + 1;
  const { login, host, port: at, paused } = account;
  const { lastRun, failures, crashes } = state;
  return {
    id,
    login,
    host,
    port: at,
    paused,
    mailbox,
    statuses,
    state: { lastRun, failures, crashes },
    polls,
    session,
    mail,
  };
});

// Only `application/json` is taken, so no form of another site gets through.
server.post<ById>("/api/mailboxes/:id/poll", async ({ params: { id } }) => ({
  known: await fleet.pollNow(id),
}));

server.post<ById & { Body: { paused: boolean } }>(
  "/api/mailboxes/:id/pause",
  async ({ params: { id }, body }) => {
    await database.setPaused(id, body.paused);
    // It is asked for its account, and finds the change.
    await fleet.pollNow(id);
    return {};
  },
);

server.post<ById & { Body: { password: string } }>(
  "/api/mailboxes/:id/password",
  async ({ params: { id }, body }) => {
    await database.setPassword(id, body.password);
    await fleet.pollNow(id);
    return {};
  },
);

server.delete<ById>("/api/mailboxes/:id", async ({ params: { id } }) => {
  // The account first: a poll that is under way does not bring the job back.
  await database.remove(id);
  await fleet.remove(id);
  return {};
});

server.post<{ Body: { login: string; host: string; password: string } }>(
  "/api/mailboxes",
  async ({ body }, reply) => {
    const { login, host, password } = body;
    if (![login, host, password].every((each) => typeof each === "string" && each !== ""))
      return reply.code(400).send({ error: "login, host and password are needed" });
    const id = await database.add({ login, host, password, port: pop3Port });
    await fleet.add(id);
    return { id };
  },
);

server.get("/metrics", async (_, reply) => {
  const [status, oldest] = await Promise.all([fleet.status(), database.oldestSuccess()]);
  metrics.update(status, oldest);
  return reply.type(metrics.registry.contentType).send(await metrics.registry.metrics());
});
server.get("/healthz", async () => ({ live: true }));
server.get("/readyz", async (_, reply) => {
  try {
    await Promise.all([redis.ping(), database.pool.query("SELECT 1")]);
    return { ready: true };
  } catch (error) {
    return reply.code(503).send({ ready: false, reason: (error as Error).message });
  }
});

const queue = new Queue(QUEUE, { connection: redis, prefix: "{popwright}" });
// Jobs whose worker has died or was stopped. A deploy that kills workers causes some, too.
const events = new QueueEvents(QUEUE, { connection: redis, prefix: "{popwright}" });
events.on("stalled", () => metrics.stalled.inc());
events.on("error", (error) => log.warn({ error: error.message }, "events"));
const board = new FastifyAdapter();
board.setBasePath("/queues");
createBullBoard({ queues: [new BullMQAdapter(queue, { readOnlyMode: true })], serverAdapter: board });
await server.register(board.registerPlugin(), { prefix: "/queues" });

await server.listen({ host: "127.0.0.1", port });
log.info({ port }, "the status page is there");

/** Brings back what Redis has lost, and forgets old polls. */
const timer = setInterval(() => {
  const reconcile = async (): Promise<void> => {
    await fleet.reconcile(await database.ids(), { spread: 4000 });
    await database.prune();
  };
  void reconcile().catch((error: unknown) => log.warn({ error: String(error) }, "reconcile"));
}, 10_000);

process.once("SIGTERM", () => {
  clearInterval(timer);
  void Promise.all([server.close(), queue.close(), events.close(), fleet.close()]).then(() => process.exit());
});
process.once("disconnect", () => process.exit());
process.on("SIGINT", () => undefined);
