// A PostgreSQL server in a directory of its own, reached through a socket in it. It can crash, and start again.
import { chown, mkdir } from "node:fs/promises";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { inDirectory, removeDirectory } from "./directory.ts";
import { launch } from "./launch.ts";
import { accepts } from "./ports.ts";
import type { ServerProcess } from "./process.ts";
import { run } from "./tool.ts";

const VERSIONS = "/usr/lib/postgresql";
const PORT = 5432;
/** Who may do everything, without a password. */
export const DATABASE_USER = "popwright";

/** Gives the path of a program of the newest version that is installed. */
function program(name: string): string {
  let versions: string[] = [];
  try {
    versions = readdirSync(VERSIONS).sort((a, b) => Number(b) - Number(a));
  } catch {
    // Then the error says that it is not installed.
  }
  return join(VERSIONS, versions[0] ?? "0", "bin", name);
}

const isRoot = process.getuid?.() === 0;

/** The command as a user that is not root: PostgreSQL and PgBouncer refuse that one. */
export function unprivileged(command: readonly [string, ...string[]]): [string, ...string[]] {
  return isRoot
    ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", ...command]
    : [...command];
}

/** Makes a directory into which such a user can write. */
export async function unprivilegedDirectory(path: string): Promise<string> {
  await mkdir(path);
  if (!isRoot) return path;
  const id = async (flag: string): Promise<number> => Number(await run(["id", flag, "postgres"]));
  await chown(path, await id("-u"), await id("-g"));
  return path;
}

export class PostgresServer {
  /** The directory of the socket: the `host` of a connection. */
  readonly host: string;
  readonly #directory: string;
  #processes: readonly ServerProcess[] = [];

  private constructor(directory: string) {
    this.#directory = directory;
    this.host = join(directory, "socket");
  }

  static start(): Promise<PostgresServer> {
    return inDirectory("postgres", async (directory) => {
      const server = new PostgresServer(directory);
      await unprivilegedDirectory(server.host);
      await unprivilegedDirectory(server.#data);
      const options = [
        "-D",
        server.#data,
        "-U",
        DATABASE_USER,
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--locale=C",
        "-N",
      ];
      await run(unprivileged([program("initdb"), ...options]), { cwd: directory });
      await server.#start();
      return server;
    });
  }

  /** Ends it as `pg_ctl restart -m immediate` does: without a checkpoint, and clients get no answer. Starts it again. */
  async crash(): Promise<void> {
    await run(unprivileged([program("pg_ctl"), "stop", "-D", this.#data, "-m", "immediate", "-w"]), {
      cwd: this.#directory,
    });
    await this.#ended();
    await this.#start();
  }

  async stop(): Promise<void> {
    for (const process of this.#processes) await process.stop();
    await removeDirectory(this.#directory);
  }

  get #data(): string {
    return join(this.#directory, "data");
  }

  async #ended(): Promise<void> {
    for (const process of this.#processes) {
      await process.exited;
      await process.kill();
    }
  }

  async #start(): Promise<void> {
    const settings = [
      "listen_addresses=",
      `unix_socket_directories=${this.host}`,
      "fsync=on",
      "shared_buffers=32MB",
      "max_connections=60",
    ];
    const command = [
      program("postgres"),
      "-D",
      this.#data,
      ...settings.flatMap((setting) => ["-c", setting]),
    ];
    const output = join(this.#directory, "output");
    const isReady = [program("pg_isready"), "-q", "-h", this.host] as const;
    this.#processes = await launch({
      name: "PostgreSQL",
      processes: [
        {
          command: unprivileged(command as [string, ...string[]]),
          directory: this.#directory,
          output,
        },
      ],
      ready: async () =>
        (await accepts(join(this.host, `.s.PGSQL.${String(PORT)}`))) &&
        run(isReady as unknown as [string, ...string[]]).then(
          () => true,
          () => false,
        ),
    });
  }
}
