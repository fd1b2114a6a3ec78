// A cluster of two servers, each with one half of the slots.
import { Cluster } from "ioredis";
import { turns } from "../support/turns.ts";
import { RedisServer } from "./redis-server.ts";

export class RedisCluster {
  readonly #servers: readonly RedisServer[];
  readonly #clients: Cluster[] = [];

  static async start(): Promise<RedisCluster> {
    const servers = await Promise.all([1, 2].map(() => RedisServer.start({ "cluster-enabled": "yes" })));
    const [first, second] = servers.map((server) => server.client());
    await first?.call("cluster", ["addslotsrange", "0", "8191"]);
    await second?.call("cluster", ["addslotsrange", "8192", "16383"]);
    const { port = 0 } = servers[1] ?? {};
    const busPort = await second?.config("GET", "cluster-port");
    await first?.call("cluster", ["meet", "127.0.0.1", port, (busPort as [string, string])[1]]);
    for (const client of [first, second])
      while (!/cluster_state:ok[^]*cluster_size:2/.test(String(await client?.call("cluster", ["info"]))))
        await turns();
    return new RedisCluster(servers);
  }

  private constructor(servers: readonly RedisServer[]) {
    this.#servers = servers;
  }

  client(): Cluster {
    const client = new Cluster(this.#servers.map(({ port }) => ({ host: "127.0.0.1", port })));
    this.#clients.push(client);
    return client;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.disconnect();
    await Promise.all(this.#servers.map((server) => server.stop()));
  }
}
