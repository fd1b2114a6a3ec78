// The connection to Redis: runs scripts and commands with a time limit, and refuses a Redis that evicts keys.
import { createHash } from "node:crypto";
import { configError, shown } from "../options/checks.ts";
import { messageOf } from "../protocol/foreign-error.ts";
import { printable } from "../protocol/printable.ts";

/**
 * The part of a client of `ioredis` that is used: a `Redis` or a `Cluster`. Its option `keyPrefix` must not be set.
 *
 * @example
 * ```ts
 * const redis = new Redis("redis://127.0.0.1:6379", { maxRetriesPerRequest: null });
 * ```
 */
export interface RedisClient {
  /** Sends any command. */
  call(command: string, args: (string | number)[]): Promise<unknown>;
  /** Of a cluster: the clients of its nodes. */
  nodes?(role: "master"): readonly RedisClient[];
  /** The options of the client. */
  readonly options?: {
    /** Must not be set: the options of popwright have a prefix of their own. */
    readonly keyPrefix?: string | undefined;
  };
}

/** How long a Redis that does not evict keys is trusted, in milliseconds: its settings may change. */
const TRUST = 10 * 60_000;

/** A script in Lua, and the name by which Redis knows it. */
export class Script {
  readonly text: string;
  readonly sha: string;

  constructor(text: string) {
    this.text = text;
    this.sha = createHash("sha1").update(text).digest("hex");
  }
}

/** Throws `POP3_CONFIG` if the value is not a client of ioredis, or has a key prefix. */
export function checkClient(redis: unknown): asserts redis is RedisClient {
  const { call, options } = (redis ?? {}) as Partial<RedisClient>;
  if (typeof call !== "function")
    throw configError(
      `redis must be a client of ioredis, such as new Redis("redis://127.0.0.1") (got ${shown(redis)})`,
    );
  if (options?.keyPrefix !== undefined && options.keyPrefix !== "")
    throw configError("the option keyPrefix of ioredis must not be set: use the option prefix instead");
}

/** Throws `POP3_CONFIG` if keys cannot begin with this text. */
export function checkPrefix(what: string, prefix: unknown): asserts prefix is string {
  // No braces: they decide where a cluster stores a key. No wildcards of SCAN.
  if (typeof prefix !== "string" || !/^[\w:.-]{1,64}$/.test(prefix))
    throw configError(
      `${what} must be 1 to 64 letters, digits, and characters of ":._-" (got ${shown(prefix)})`,
    );
}

/** Sends commands, each with a time limit. Rejects with what ioredis rejects with. */
export class Connection {
  readonly redis: RedisClient;
  readonly #timeout: number;
  #trustedUntil = -Infinity;
  #checking: Promise<void> | undefined;

  /** `timeout`: milliseconds. */
  constructor(redis: RedisClient, timeout: number) {
    this.redis = redis;
    this.#timeout = timeout;
  }

  /** Sends a command. */
  call(command: string, ...args: (string | number)[]): Promise<unknown> {
    return this.#limited(this.redis.call(command, args));
  }

  /** Runs a script. All its keys must have the same hash tag. */
  run(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    return this.#limited(this.#run(script, [keys.length, ...keys, ...args]));
  }

  /** The clients of all nodes that have keys. */
  get nodes(): readonly RedisClient[] {
    return this.redis.nodes?.("master") ?? [this.redis];
  }

  /** Yields the keys with a pattern, each once. */
  async *scan(pattern: string): AsyncGenerator<readonly string[], void, undefined> {
    const seen = new Set<string>();
    for (const node of this.nodes) {
      let cursor = "0";
      do {
        const page = await this.#limited(node.call("scan", [cursor, "MATCH", pattern, "COUNT", 1000]));
        const [next, keys] = page as [string, string[]];
        const fresh = keys.filter((key) => !seen.has(key));
        for (const key of fresh) seen.add(key);
        if (fresh.length > 0) yield fresh;
        cursor = next;
      } while (cursor !== "0");
    }
  }

  /** Rejects with `POP3_CONFIG` if Redis may evict keys. It is asked at the first call, and now and then. */
  async refuseEviction(): Promise<void> {
    if (performance.now() < this.#trustedUntil) return;
    this.#checking ??= this.#refuseEviction().finally(() => (this.#checking = undefined));
    await this.#checking;
  }

  async #refuseEviction(): Promise<void> {
    const infos = await Promise.all(this.nodes.map((node) => this.#limited(node.call("info", ["memory"]))));
    for (const info of infos) {
      const [, policy = "noeviction"] = /^maxmemory_policy:(\S+)/m.exec(String(info)) ?? [];
      if (policy !== "noeviction")
        throw configError(
          `Redis has the maxmemory-policy ${printable(policy)}, so it may forget what was fetched: ` +
            "it must be noeviction (CONFIG SET maxmemory-policy noeviction, and the same in redis.conf)",
        );
    }
    this.#trustedUntil = performance.now() + TRUST;
  }

  async #run(script: Script, args: readonly (string | number)[]): Promise<unknown> {
    try {
      return await this.redis.call("evalsha", [script.sha, ...args]);
    } catch (error) {
      // It has restarted, or has never seen the script.
      if (!messageOf(error).startsWith("NOSCRIPT")) throw error;
      return this.redis.call("eval", [script.text, ...args]);
    }
  }

  /** ioredis may wait for ever for a Redis that is away. */
  async #limited<T>(call: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const error = (): Error => new Error(`Redis has not answered within ${String(this.#timeout)} ms`);
      timer = setTimeout(() => reject(error()), this.#timeout);
    });
    try {
      return await Promise.race([call, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}
