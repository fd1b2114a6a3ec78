// PgBouncer in transaction mode, in front of a PostgreSQL server: each transaction may have another connection.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { inDirectory, removeDirectory } from "./directory.ts";
import { launch, stopAll } from "./launch.ts";
import { accepts } from "./ports.ts";
import { DATABASE_USER, unprivileged, unprivilegedDirectory } from "./postgres.ts";
import type { ServerProcess } from "./process.ts";

/** In the directory of the socket, its number is that of PostgreSQL, so that clients need no other setting. */
const PORT = 5432;

export class PgBouncer {
  /** The directory of the socket: the `host` of a connection. */
  readonly host: string;
  readonly #directory: string;
  readonly #processes: readonly ServerProcess[];

  private constructor(directory: string, host: string, processes: readonly ServerProcess[]) {
    this.#directory = directory;
    this.host = host;
    this.#processes = processes;
  }

  /** `server`: the host of the PostgreSQL server. */
  static start(server: string): Promise<PgBouncer> {
    return inDirectory("pgbouncer", async (directory) => {
      const host = await unprivilegedDirectory(join(directory, "socket"));
      const [users, config] = [join(directory, "users"), join(directory, "config.ini")];
      await writeFile(users, `"${DATABASE_USER}" ""\n`);
      await writeFile(
        config,
        [
          "[databases]",
          `* = host=${server}`,
          "[pgbouncer]",
          ...["pool_mode = transaction", "default_pool_size = 3", "max_client_conn = 100"],
          ...["auth_type = trust", `auth_file = ${users}`],
          ...["listen_addr =", `listen_port = ${String(PORT)}`, `unix_socket_dir = ${host}`],
        ].join("\n"),
      );
      const processes = await launch({
        name: "PgBouncer",
        processes: [
          {
            command: unprivileged(["pgbouncer", "-q", config]),
            directory,
            output: join(directory, "output"),
          },
        ],
        ready: () => accepts(join(host, `.s.PGSQL.${String(PORT)}`)),
      });
      return new PgBouncer(directory, host, processes);
    });
  }

  async stop(): Promise<void> {
    await stopAll(this.#processes);
    await removeDirectory(this.#directory);
  }
}
