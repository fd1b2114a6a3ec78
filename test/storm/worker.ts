// A worker of the storm, in a process of its own: it polls the mailboxes of both fleets, and stores their mail in PostgreSQL.
import { Redis } from "ioredis";
import pg from "pg";
import { createFetchWorker, type FetchWorker, type FleetAccount, type FleetPoll } from "popwright/bullmq";
import { DestinationError, type FetchedMessage, type FetchPolicy } from "popwright/fetch";
import { PostgresStore } from "popwright/postgres";
import { DATABASE_USER } from "../servers/postgres.ts";
import { FenceWitness } from "./fence-witness.ts";
import {
  ALL_BOXES,
  CAP,
  CONCURRENCY,
  HOSTS,
  PASSWORD,
  TIMES,
  type LedgerKind,
  type WorkerOrder,
} from "./settings.ts";

/** What the storm learns of a worker. */
export type WorkerMessage = { readonly isReady: true } | TurnMessage;

/** The beginning or the end of a turn of a mailbox. */
export type TurnMessage = { readonly begun: string; readonly at: number } | PollMessage;

/** A turn of a mailbox that has ended. */
export interface PollMessage {
  /** When it ended, in milliseconds since 1970. */
  readonly at: number;
  readonly id: string;
  /** How long it took, in milliseconds. */
  readonly duration: number;
  readonly outcome: FleetPoll["outcome"];
  readonly lag: number | undefined;
  readonly code: string | undefined;
  /** When the next one is due, in milliseconds since 1970. */
  readonly nextPollAt: number | undefined;
}

const order = JSON.parse(process.env["STORM"] ?? "") as WorkerOrder;
const boxes = new Map(ALL_BOXES.map((box) => [box.id, box]));

const pool = new pg.Pool({ host: order.postgres, user: DATABASE_USER, database: "postgres", max: 8 });
const { heartbeat, lease: stale, lock, shortest, longest, within } = TIMES;
const store = new PostgresStore<pg.PoolClient>(pool, { heartbeat, stale });

/** A client for a fleet. While Redis is away, it tries again and again. */
function connect(): Redis {
  const redis = new Redis(order.redis, "127.0.0.1", { maxRetriesPerRequest: null });
  redis.on("error", () => undefined);
  return redis;
}

const serialOf = ({ octets }: FetchedMessage): number =>
  Number(/^Subject: (\d+)/m.exec(octets.toString("latin1"))?.[1]);

/** Knows no keys: what it is given twice is stored twice. */
const inTransaction = store.deliver(async (client, message) => {
  const { mailbox, fence } = message;
  const insert = "INSERT INTO storm.postgres_mail (mailbox, fence, serial) VALUES ($1, $2, $3)";
  await client.query(insert, [mailbox, String(fence), serialOf(message)]);
});

/**
 * Knows keys, as the ledger is elsewhere: a message may come twice. It remembers the largest fence of each mailbox, and
 * refuses a run with a smaller one, which has slept between its last question to the ledger and this statement.
 */
async function byKey(message: FetchedMessage): Promise<"new" | "known"> {
  const { key, mailbox, fence } = message;
  const insert = `
    WITH tried AS (INSERT INTO storm.redis_tries (serial) VALUES ($4)),
      current AS (
        INSERT INTO storm.redis_fences AS known (mailbox, fence) VALUES ($2, $3)
        ON CONFLICT (mailbox) DO UPDATE SET fence = excluded.fence WHERE known.fence <= excluded.fence RETURNING fence
      ),
      inserted AS (
        INSERT INTO storm.redis_mail (key, mailbox, fence, serial) SELECT $1, $2, fence, $4 FROM current
        ON CONFLICT (key) DO NOTHING RETURNING key
      )
    SELECT (SELECT count(*) FROM current) AS current, (SELECT count(*) FROM inserted) AS inserted`;
  let row: { readonly current: string; readonly inserted: string } | undefined;
  try {
    ({
      rows: [row],
    } = await pool.query(insert, [key, mailbox, String(fence), serialOf(message)]));
  } catch (cause) {
    throw new DestinationError("PostgreSQL is away", { cause, down: true });
  }
  if (row?.current === "0") throw new DestinationError("another run has the mailbox", { later: true });
  return row?.inserted === "0" ? "known" : "new";
}

function send(message: WorkerMessage): void {
  if (process.connected) process.send?.(message);
}

function accountOf(id: string): FleetAccount | undefined {
  send({ begun: id, at: Date.now() });
  const box = boxes.get(id);
  if (box === undefined) return undefined;
  const policy: FetchPolicy = {
    delete: box.deletes ? "delivered" : "never",
    poll: { shortest, longest },
    retry: { first: 1000, longest: 2000 },
  };
  const [host, port] = [(HOSTS[box.host] as (typeof HOSTS)[number]).host, order.ports[box.host] as number];
  return {
    account: { host, port, secure: false, stls: "never", auth: { user: id, pass: PASSWORD } },
    policy,
  };
}

function start(kind: LedgerKind): Promise<FetchWorker> {
  const redis = connect();
  return createFetchWorker({
    redis,
    queue: kind,
    account: accountOf,
    ...(kind === "postgres"
      ? { ledger: store, destination: inTransaction }
      : {
          ledger: new FenceWitness(pool, redis, { heartbeat, stale }),
          destination: byKey,
        }),
    concurrency: CONCURRENCY,
    maxPerHost: CAP,
    lock,
    onPoll({ id, outcome, lag, duration, error, nextPollAt }) {
      const { code } = (error ?? {}) as { readonly code?: string };
      send({ at: Date.now(), id, duration, outcome, lag, code, nextPollAt });
    },
  });
}

/** A service manager would start the process again, if Redis is away when it starts. */
async function startPatiently(kind: LedgerKind): Promise<FetchWorker> {
  for (;;) {
    try {
      return await start(kind);
    } catch (error) {
      if (!String(error).includes("Redis has not answered")) throw error;
    }
  }
}

const workers = await Promise.all([startPatiently("postgres"), startPatiently("redis")]);
send({ isReady: true });

process.once("SIGTERM", () => {
  void Promise.all(workers.map((worker) => worker.close({ within: within - 5000 }))).then(() =>
    process.exit(),
  );
});
process.once("disconnect", () => process.exit());
