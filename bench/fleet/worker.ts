// A worker of the fleet's benchmark: polls empty maildrops, with a ledger in Redis.
import { Redis } from "ioredis";
import { createFetchWorker, type FetchPolicy } from "popwright/bullmq";
import { RedisLedger } from "popwright/redis";
import { accountOf, CONCURRENCY, cpuTime, order, type Counted, type Question } from "./settings.ts";

const given = order();
const redis = new Redis(given.redis, "127.0.0.1", { maxRetriesPerRequest: null });

let policy: FetchPolicy = {};
let [polls, failures, cpu] = [0, 0, 0];
let lags: number[] = [];

process.on("message", ({ pause }: Question) => {
  const counted: Counted = { polls, failures, cpu: cpuTime() - cpu, lags };
  policy = { poll: { shortest: pause, longest: pause, jitter: 0 } };
  [polls, failures, cpu, lags] = [0, 0, cpuTime(), []];
  process.send?.(counted);
});

await createFetchWorker({
  redis,
  account: (id) => ({ account: accountOf(id, given), policy }),
  ledger: new RedisLedger(redis),
  destination: () => "new",
  concurrency: CONCURRENCY,
  // Counted, and never reached.
  maxPerHost: 1000,
  onPoll({ outcome, lag }) {
    if (outcome === "done") polls++;
    else failures++;
    if (lag !== undefined) lags.push(lag);
  },
});
process.once("disconnect", () => process.exit());
process.send?.("ready");
