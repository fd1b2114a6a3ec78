// `npm run fleet`: starts servers, providers, workers and the status page, and ends all of them at SIGTERM or Ctrl-C.
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { Redis } from "ioredis";
import { Fleet } from "popwright/bullmq";
import { PostgresStore } from "popwright/postgres";
import { Database } from "./database.ts";
import { demoAccounts, PROVIDERS } from "./demo-accounts.ts";
import { startServers, type Servers } from "./servers.ts";
import { QUEUE } from "./settings.ts";

/** The status page. The workers have the two ports after it, and the providers the third one. */
const PORT = Number(process.env["PORT"] ?? 8025);
const WORKERS = 2;
const POP3_PORT = PORT + WORKERS + 1;

const children = new Set<ChildProcess>();
let isEnding = false;

/** Starts a process. `again`: starts another one when it has died. */
function start(program: string, env: Readonly<Record<string, string>>, again: boolean): ChildProcess {
  const child = fork(join(import.meta.dirname, program), {
    execArgv: process.execArgv,
    env: { ...process.env, ...env },
  });
  children.add(child);
  child.once("exit", (code, signal) => {
    children.delete(child);
    if (isEnding) return;
    console.log(`${env["FLEET_NAME"] ?? program} has died (${signal ?? String(code)})`);
    if (again) setTimeout(() => isEnding || start(program, env, again), 500);
  });
  return child;
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
}

async function stop(wanted: readonly ChildProcess[]): Promise<void> {
  for (const child of wanted) child.kill("SIGTERM");
  await Promise.all(wanted.map(ended));
}

/** Creates the tables and the accounts, and adds the mailboxes to the fleet. */
async function prepare({ postgres, redis }: Servers): Promise<void> {
  const database = new Database(postgres);
  await database.migrate();
  await new PostgresStore(database.pool).migrate();
  for (const account of demoAccounts(POP3_PORT)) await database.add(account);
  const client = new Redis(redis, "127.0.0.1", { maxRetriesPerRequest: null });
  await using fleet = new Fleet({ redis: client, queue: QUEUE });
  await fleet.reconcile(await database.ids(), { spread: 4000 });
  await database.close();
  client.disconnect();
}

async function main(): Promise<void> {
  const servers = await startServers();
  try {
    for (const number of PROVIDERS.keys()) {
      const provider = start(
        "provider.ts",
        { PROVIDER: String(number), POP3_PORT: String(POP3_PORT) },
        false,
      );
      const [answer] = (await Promise.race([once(provider, "message"), once(provider, "exit")])) as [unknown];
      if (answer !== "ready")
        throw new Error(`port ${String(POP3_PORT)} is in use: set PORT to another number`);
    }
    await prepare(servers);
    const env = (name: string, port: number): Record<string, string> => ({
      FLEET_NAME: name,
      FLEET_POSTGRES: servers.postgres,
      FLEET_REDIS: String(servers.redis),
      FLEET_PORT: String(port),
    });
    for (let number = 1; number <= WORKERS; number++)
      start("worker.ts", env(`worker-${String(number)}`, PORT + number), true);
    start("web.ts", env("web", PORT), true);
    console.log(`Status page: http://127.0.0.1:${String(PORT)}/   Ctrl-C ends everything.`);
    await signalled();
    isEnding = true;
    console.log("Ending: the workers finish their current messages.");
    const of = (program: string): ChildProcess[] =>
      [...children].filter(({ spawnargs }) => spawnargs.some((arg) => arg.endsWith(program)));
    await stop(of("worker.ts"));
  } finally {
    isEnding = true;
    await stop([...children]);
    await servers.stop();
  }
}

async function signalled(): Promise<void> {
  await new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
  });
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
