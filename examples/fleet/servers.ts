// PostgreSQL and Redis in a temporary directory. They end with this process, however it ends, and leave nothing.
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import {
  accessSync,
  chmodSync,
  chownSync,
  constants,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
} from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Redis } from "ioredis";
import pg from "pg";

/** How to reach the servers. */
export interface Servers {
  /** The directory of the socket of PostgreSQL. */
  readonly postgres: string;
  /** The port of Redis on 127.0.0.1. */
  readonly redis: number;
  stop(): Promise<void>;
}

const isRoot = process.getuid?.() === 0;

/** PostgreSQL refuses to run as root. */
function asPostgres(command: readonly string[]): [string, string[]] {
  const prefix = isRoot ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] : [];
  const [file = "", ...args] = [...prefix, ...command];
  return [file, args];
}

/** Returns the path of a program. Throws an error that says what to install. */
function find(name: string, directories: readonly string[]): string {
  const path = directories
    .map((directory) => join(directory, name))
    .find((each) => {
      try {
        accessSync(each, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
  if (path !== undefined) return path;
  throw new Error(
    `${name} is not installed. On Debian: apt-get install --no-install-recommends postgresql redis-server`,
  );
}

function postgresDirectories(): string[] {
  const versions = "/usr/lib/postgresql";
  try {
    const sorted = readdirSync(versions).sort((a, b) => Number(b) - Number(a));
    return sorted.map((version) => join(versions, version, "bin"));
  } catch {
    return [];
  }
}

/** Starts both servers. Rejects with what is missing, or with what a server says. */
export async function startServers(): Promise<Servers> {
  const path = (process.env["PATH"] ?? "").split(":");
  const [initdb, postgres] = ["initdb", "postgres"].map((name) =>
    find(name, [...postgresDirectories(), ...path]),
  );
  const redisServer = find("redis-server", [...path, "/usr/bin", "/usr/local/bin"]);
  const directory = mkdtempSync(join(tmpdir(), "popwright-fleet-"));
  chmodSync(directory, 0o755);
  const [data, socket, redisData] = ["data", "socket", "redis"].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  for (const each of [data, socket, redisData]) mkdirSync(each, { mode: 0o700 });
  if (isRoot) for (const each of [data, socket]) give(each);
  run(
    asPostgres([
      initdb as string,
      "-D",
      data,
      "-U",
      "fleet",
      "-A",
      "trust",
      "-E",
      "UTF8",
      "--locale=C",
      "-N",
    ]),
    directory,
  );
  const port = await freePort();
  const options = ["listen_addresses=", `unix_socket_directories=${socket}`, "shared_buffers=32MB"].flatMap(
    (each) => ["-c", each],
  );
  const redisOptions = [
    "--port",
    String(port),
    "--bind",
    "127.0.0.1",
    "--dir",
    redisData,
    "--appendonly",
    "yes",
    "--save",
    "",
    "--maxmemory-policy",
    "noeviction",
  ];
  const children = [
    start(asPostgres([postgres as string, "-D", data, ...options]), directory),
    start([redisServer, redisOptions], directory),
  ];
  const guard = guardOf(children, directory);
  const stop = async (): Promise<void> => {
    await Promise.all(children.map(end));
    guard.stdin?.end("stopped\n");
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    await until(() => answersPostgres(socket), children, "PostgreSQL");
    await until(() => answersRedis(port), children, "Redis");
  } catch (error) {
    await stop();
    throw error;
  }
  return { postgres: socket, redis: port, stop };
}

function give(path: string): void {
  const id = (flag: string): number =>
    Number(spawnSync("id", [flag, "postgres"], { encoding: "utf8" }).stdout);
  chownSync(path, id("-u"), id("-g"));
}

function run([file, args]: [string, string[]], cwd: string): void {
  const { status, stdout, stderr } = spawnSync(file, args, { cwd, encoding: "utf8" });
  if (status !== 0) throw new Error(`${file} failed: ${stdout}${stderr}`);
}

/** In a process group of its own: Ctrl-C is for us, and the servers must outlive the workers. */
function start([file, args]: [string, string[]], cwd: string): ChildProcess {
  return spawn(file, args, { cwd, stdio: ["ignore", "ignore", "ignore"], detached: true });
}

/** Ends the servers and removes their directory if this process dies: then the pipe to the guard is closed. */
function guardOf(children: readonly ChildProcess[], directory: string): ChildProcess {
  const script =
    'read word && exit 0; directory=$1; shift; kill -KILL "$@" 2>/dev/null; sleep 1; rm -rf -- "$directory"';
  const pids = children.map(({ pid }) => String(pid));
  const guard = spawn("/bin/sh", ["-c", script, "guard", directory, ...pids], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  guard.stdin.on("error", () => undefined);
  guard.unref();
  return guard;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  // For PostgreSQL: end all sessions, and write what has to be written.
  child.kill("SIGINT");
  const timer = setTimeout(() => child.kill("SIGKILL"), 5000);
  await ended;
  clearTimeout(timer);
}

async function until(
  isReady: () => Promise<boolean>,
  children: readonly ChildProcess[],
  name: string,
): Promise<void> {
  while (!(await isReady())) {
    if (children.some(({ exitCode }) => exitCode !== null)) throw new Error(`${name} did not start`);
    await delay(50);
  }
}

async function answersPostgres(host: string): Promise<boolean> {
  const client = new pg.Client({ host, user: "fleet", database: "postgres" });
  client.on("error", () => undefined);
  try {
    await client.connect();
    await client.end();
    return true;
  } catch {
    return false;
  }
}

async function answersRedis(port: number): Promise<boolean> {
  const client = new Redis(port, "127.0.0.1", { retryStrategy: () => null, lazyConnect: true });
  client.on("error", () => undefined);
  try {
    await client.ping();
    return true;
  } catch {
    return false;
  } finally {
    client.disconnect();
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
