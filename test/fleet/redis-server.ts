// Debian's redis-server on a free port of loopback, with a directory of its own. It can be killed and started again.
import { join } from "node:path";
import { Redis, type RedisOptions } from "ioredis";
import { inDirectory, removeDirectory } from "../servers/directory.ts";
import { launch, stopAll } from "../servers/launch.ts";
import { accepts, onFreePorts } from "../servers/ports.ts";
import type { ServerProcess } from "../servers/process.ts";

export class RedisServer {
  readonly port: number;
  readonly #directory: string;
  readonly #settings: Readonly<Record<string, string | number>>;
  readonly #clients: { disconnect(): void }[] = [];
  #processes: readonly ServerProcess[] = [];

  /** Starts a server that keeps what it has acknowledged, with the settings of a ledger. */
  static start(settings: Readonly<Record<string, string | number>> = {}): Promise<RedisServer> {
    return inDirectory("redis", (directory) =>
      onFreePorts(2, async ([port, busPort]) => {
        // Only a node of a cluster has the second port.
        const more =
          "cluster-enabled" in settings ? { ...settings, "cluster-port": busPort as number } : settings;
        const server = new RedisServer(port as number, directory, more);
        await server.restart();
        return server;
      }),
    );
  }

  private constructor(port: number, directory: string, settings: Readonly<Record<string, string | number>>) {
    this.port = port;
    this.#settings = settings;
    this.#directory = directory;
  }

  /** Starts the server on its old data. */
  async restart(): Promise<void> {
    const { port } = this;
    const output = join(this.#directory, "output");
    const settings = {
      port,
      bind: "127.0.0.1",
      dir: this.#directory,
      save: "",
      appendonly: "yes",
      appendfsync: "everysec",
      "maxmemory-policy": "noeviction",
      ...this.#settings,
    };
    const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
    this.#processes = await launch({
      name: "redis-server",
      processes: [{ command: ["redis-server", ...args], directory: this.#directory, output }],
      ready: async () => (await accepts(port)) && (await this.#isLoaded()),
    });
  }

  /** A client that is closed with the server. */
  client(options: Pick<RedisOptions, "maxRetriesPerRequest" | "password" | "retryStrategy"> = {}): Redis {
    const client = new Redis(this.port, "127.0.0.1", { maxRetriesPerRequest: null, ...options });
    // While the server is away, each attempt to connect is an error.
    client.on("error", () => undefined);
    this.#clients.push(client);
    return client;
  }

  /** Ends the server as a crash would. */
  async kill(): Promise<void> {
    for (const process of this.#processes) await process.kill();
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.disconnect();
    await stopAll(this.#processes);
    await removeDirectory(this.#directory);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #isLoaded(): Promise<boolean> {
    const client = new Redis(this.port, "127.0.0.1", {
      retryStrategy: () => null,
      enableReadyCheck: false,
      // A question that is lost must not use up all the time.
      connectTimeout: 1000,
      commandTimeout: 1000,
    });
    client.on("error", () => undefined);
    try {
      await client.ping();
      return true;
    } catch (error) {
      return (error as Error).message.startsWith("NOAUTH");
    } finally {
      client.disconnect();
    }
  }
}
