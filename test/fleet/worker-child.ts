// A worker in a process of its own, for tests that kill and stop it. Its task is in the first argument.
import { Redis } from "ioredis";
import { createFetchWorker } from "popwright/bullmq";
import { Maildir } from "popwright/fetch";
import { RedisLedger } from "popwright/redis";

export interface ChildTask {
  readonly redis: number;
  readonly pop3: number;
  readonly maildir: string;
  /** Milliseconds. */
  readonly stale: number;
  readonly lock: number;
}

const { redis: port, pop3, maildir, stale, lock } = JSON.parse(process.argv[2] as string) as ChildTask;
const connect = (): Redis => {
  const redis = new Redis(port, "127.0.0.1", { maxRetriesPerRequest: null });
  redis.on("error", () => undefined);
  return redis;
};

const worker = await createFetchWorker({
  redis: connect(),
  account: (id) => ({
    account: {
      ...{ host: "127.0.0.1", port: pop3, secure: false, stls: "never" },
      auth: { user: id, pass: "secret", mechanism: "PLAIN" },
    },
  }),
  ledger: new RedisLedger(connect(), { stale, heartbeat: stale / 4 }),
  destination: new Maildir(maildir),
  policy: {
    delete: "delivered",
    poll: { shortest: 50, longest: 200 },
    retry: { first: 0, longest: 0 },
    tries: 1e9,
  },
  concurrency: 10,
  lock,
  onPoll: ({ outcome }) => void process.send?.(outcome),
});
process.once("SIGTERM", () => void worker.close({ within: 5000 }).then(() => process.exit(0)));
process.send?.("ready");
