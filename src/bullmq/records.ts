// What a fleet keeps in Redis in addition to the jobs: when mailboxes are due, what is wrong with them, which are paused,
// and what the workers say of themselves. All of it may be lost: the next polls write it again.
import { Connection, Script, type RedisClient } from "../redis/client.ts";
import { TROUBLES, type MailboxTrouble, type TroubleRecord } from "./report.ts";
import type { WorkerRecord } from "./worker-record.ts";

/** Milliseconds. */
const TIMEOUT = 10_000;

/**
 * Sets or clears what is wrong with a mailbox. KEYS: a hash, and a sorted set for each trouble, whose scores are when it
 * began. ARGV: id, the number of the trouble or 0, now, record. The time of the first trouble stays until all is well.
 */
const SET_TROUBLE = new Script(`
local since = ARGV[3]
for at = 2, #KEYS do
  local score = redis.call('ZSCORE', KEYS[at], ARGV[1])
  if score then
    if tonumber(score) < tonumber(since) then since = score end
    redis.call('ZREM', KEYS[at], ARGV[1])
  end
end
if ARGV[2] == '0' then return redis.call('HDEL', KEYS[1], ARGV[1]) end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[4])
return redis.call('ZADD', KEYS[1 + ARGV[2]], since, ARGV[1])
`);

/** What is known of a mailbox when its poll begins. */
export interface MailboxRecord {
  /** When it is due, in milliseconds since 1970. */
  readonly due: number | undefined;
  readonly isPaused: boolean;
  readonly trouble: TroubleRecord | undefined;
}

export class FleetRecords {
  readonly connection: Connection;
  readonly #base: string;

  constructor(redis: RedisClient, prefix: string, queue: string) {
    this.connection = new Connection(redis, TIMEOUT);
    this.#base = `${prefix}:${queue}:fleet:`;
  }

  async of(id: string): Promise<MailboxRecord> {
    const [due, paused, trouble] = await Promise.all([
      this.#call("zscore", "due", id),
      this.#call("sismember", "paused", id),
      this.#call("hget", "trouble", id),
    ]);
    return {
      due: due === null ? undefined : Number(due),
      isPaused: paused === 1,
      trouble: trouble === null ? undefined : (JSON.parse(trouble as string) as TroubleRecord),
    };
  }

  /** Notes when a mailbox is due. `isNew`: only if it is not known yet. */
  async due(id: string, at: number, isNew = false): Promise<void> {
    await this.#call("zadd", "due", ...(isNew ? ["NX"] : []), Math.round(at), id);
  }

  /** Notes when several mailboxes are due. */
  async dueAll(times: readonly (readonly [id: string, at: number])[]): Promise<void> {
    if (times.length > 0)
      await this.#call("zadd", "due", ...times.flatMap(([id, at]) => [Math.round(at), id]));
  }

  async pause(id: string, isPaused: boolean): Promise<void> {
    await this.#call(isPaused ? "sadd" : "srem", "paused", id);
  }

  /** Notes what is wrong with a mailbox; `undefined`: nothing. */
  async setTrouble(id: string, record: TroubleRecord | undefined): Promise<void> {
    const keys = ["trouble", ...TROUBLES.map((trouble) => `trouble:${trouble}`)].map(
      (key) => this.#base + key,
    );
    const number = record === undefined ? 0 : TROUBLES.indexOf(record.trouble) + 1;
    const args = [id, number, record?.at ?? Date.now(), JSON.stringify(record ?? "")];
    await this.connection.run(SET_TROUBLE, keys, args);
  }

  /** Forgets a mailbox. */
  async forget(id: string): Promise<void> {
    await Promise.all([this.#call("zrem", "due", id), this.pause(id, false), this.setTrouble(id, undefined)]);
  }

  /** The mailboxes that have been due for the longest time, and until when they are. */
  async oldestDue(before: number, count: number): Promise<readonly (readonly [id: string, at: number])[]> {
    return pairs(
      await this.#call("zrange", "due", "-inf", before, "BYSCORE", "LIMIT", 0, count, "WITHSCORES"),
    );
  }

  /** How many mailboxes were due before a time. */
  async countDue(before: number): Promise<number> {
    return Number(await this.#call("zcount", "due", "-inf", before));
  }

  async countTroubles(): Promise<Record<MailboxTrouble, number>> {
    const counts = await Promise.all(TROUBLES.map((trouble) => this.#call("zcard", `trouble:${trouble}`)));
    return Object.fromEntries(TROUBLES.map((trouble, at) => [trouble, Number(counts[at])])) as Record<
      MailboxTrouble,
      number
    >;
  }

  /** How many mailboxes the fleet itself has paused. */
  async countPaused(): Promise<number> {
    return Number(await this.#call("scard", "paused"));
  }

  /** The mailboxes that have had a trouble for the longest time, and since when. */
  async oldestTroubles(
    trouble: MailboxTrouble,
    count: number,
  ): Promise<readonly (readonly [string, number])[]> {
    return pairs(await this.#call("zrange", `trouble:${trouble}`, 0, count - 1, "WITHSCORES"));
  }

  /** Since when a mailbox has had its trouble, in milliseconds since 1970. */
  async since(id: string, trouble: MailboxTrouble): Promise<number | undefined> {
    const score = await this.#call("zscore", `trouble:${trouble}`, id);
    return score === null ? undefined : Number(score);
  }

  async publish(worker: WorkerRecord): Promise<void> {
    await this.#call("hset", "workers", worker.id, JSON.stringify(worker));
  }

  async withdraw(id: string): Promise<void> {
    await this.#call("hdel", "workers", id);
  }

  async workers(): Promise<readonly WorkerRecord[]> {
    const texts = (await this.#call("hvals", "workers")) as string[];
    return texts.map((text) => JSON.parse(text) as WorkerRecord);
  }

  #call(command: string, key: string, ...args: (string | number)[]): Promise<unknown> {
    return this.connection.call(command, this.#base + key, ...args);
  }
}

function pairs(answer: unknown): (readonly [string, number])[] {
  const flat = (answer as unknown[]).flat() as string[];
  return Array.from({ length: flat.length / 2 }, (_, at) => [
    flat[2 * at] as string,
    Number(flat[2 * at + 1]),
  ]);
}
