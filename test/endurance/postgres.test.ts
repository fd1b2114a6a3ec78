// PostgresStore under SIGKILL, SIGSTOP and crashes of the server, with a handler that knows no keys: every message is there
// once, and no row and no entry is written under an old fence. The database counts that itself.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { writeSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { PostgresStore } from "popwright/postgres";
import { Pop3Server } from "popwright/testing";
import { DATABASE_USER, PostgresServer } from "../servers/postgres.ts";
import { accountOf, mail } from "../support/mail.ts";

const CHILD = join(import.meta.dirname, "postgres-child.mjs");
const {
  POPWRIGHT_POSTGRES_KILLS = "20",
  POPWRIGHT_POSTGRES_STOPS = "4",
  POPWRIGHT_POSTGRES_CRASHES = "3",
} = process.env;
const USERS = ["ann", "bea", "cy"];

/** Milliseconds, for what hangs. */
const limitFor = (rounds: string): number => 300_000 + 30_000 * Number(rounds);

/** Milliseconds. Short, because a stopped process is waited for until its lease has ended. */
const LEASE = { heartbeat: 200, stale: 600 };

/** Numbers from 0 to 1, the same in each run of the tests. */
function randomFrom(seed: number): () => number {
  let random = seed;
  return () => (random = (random * 48_271) % 2_147_483_647) / 2_147_483_647;
}

let database: PostgresServer;
beforeAll(async () => {
  database = await PostgresServer.start();
});
afterAll(() => database.stop());

/** Counts each row that is written under a fence that is not that of its mailbox. It can be seen although it is undone. */
const GUARD = (schema: string): string => `
  CREATE TABLE mail (mailbox text, octets bytea, fence bigint);
  CREATE SEQUENCE old_fences;
  CREATE SEQUENCE rows_checked;
  CREATE FUNCTION check_row() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      PERFORM nextval('rows_checked');
      IF NOT EXISTS (SELECT FROM ${schema}.mailboxes m WHERE m.mailbox = NEW.mailbox AND m.fence = NEW.fence)
      THEN PERFORM nextval('old_fences'); END IF;
      RETURN NEW;
    END $$;
  CREATE TRIGGER check_row BEFORE INSERT ON mail FOR EACH ROW EXECUTE FUNCTION check_row();
  CREATE FUNCTION check_entry() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      PERFORM nextval('rows_checked');
      IF EXISTS (SELECT FROM ${schema}.mailboxes m WHERE m.id = NEW.mailbox AND m.fence > NEW.fence)
        AND TG_OP = 'INSERT'
      THEN PERFORM nextval('old_fences'); END IF;
      RETURN NEW;
    END $$;
  CREATE TRIGGER check_entry BEFORE INSERT OR UPDATE ON ${schema}.entries FOR EACH ROW EXECUTE FUNCTION check_entry();`;

/** The maildrops of a server, and the database that they are fetched into. */
class Scene {
  readonly server: Pop3Server;
  readonly users: readonly string[];
  readonly wanted: string[] = [];
  readonly pool: pg.Pool;

  private constructor(server: Pop3Server, users: readonly string[], pool: pg.Pool) {
    this.server = server;
    this.users = users;
    this.pool = pool;
  }

  static async create(users: readonly string[], lock: boolean): Promise<Scene> {
    const accounts = Object.fromEntries(users.map((user) => [user, { pass: "secret", messages: [] }]));
    const server = await Pop3Server.listen({ users: accounts, lock });
    const pool = new pg.Pool({ host: database.host, user: DATABASE_USER, database: "postgres", max: 2 });
    // The server crashes.
    pool.on("error", () => undefined);
    await pool.query("DROP TABLE IF EXISTS mail; DROP SCHEMA IF EXISTS popwright CASCADE");
    await pool.query(
      "DROP SEQUENCE IF EXISTS old_fences, rows_checked; DROP FUNCTION IF EXISTS check_row, check_entry",
    );
    await new PostgresStore(pool).migrate();
    await pool.query(GUARD("popwright"));
    return new Scene(server, users, pool);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.pool.end();
    await this.server.close();
  }

  /** Adds new mail to each maildrop that has less than half as many messages. */
  fill(count: number): void {
    for (const user of this.users) {
      const maildrop = this.server.maildrop(user);
      for (let left = maildrop.messages.length < count / 2 ? count : 0; left > 0; left--) {
        const number = this.wanted.length + 1;
        const message = mail(number, "x".repeat((number * 7919) % 9000));
        maildrop.add(message);
        this.wanted.push(message);
      }
    }
  }

  start(more: object = {}): ChildProcess & { readonly stdout: NonNullable<ChildProcess["stdout"]> } {
    const accounts = Object.fromEntries(this.users.map((user) => [user, accountOf(this.server, user)]));
    // What failed because of a kill is due again at once, and never given up.
    const policy = { delete: "delivered", commitEvery: 12, retry: { first: 0, longest: 0 }, tries: 1e9 };
    const task = JSON.stringify({ accounts, host: database.host, user: DATABASE_USER, policy, ...more });
    return spawn(process.execPath, ["--no-warnings", CHILD, task], { stdio: ["ignore", "pipe", "inherit"] });
  }

  /** Runs until the end. Every mailbox must be done. */
  async settle(more?: object): Promise<void> {
    const outcomes = await outcomesOf(this.start(more));
    expect(outcomes).toMatchObject(this.users.map(() => ({ outcome: "done", failed: [] })));
  }

  /** All messages are in the database, each once, none is on the server, and no row came under an old fence. */
  async expectAll(): Promise<string> {
    const { rows } = await this.pool.query<{ octets: Buffer }>("SELECT octets FROM mail");
    const messages = rows.map(({ octets }) => octets.toString("latin1"));
    const there = new Set(messages);
    const counted = await this.pool.query<{ old: boolean; checked: string }>(
      "SELECT (SELECT is_called FROM old_fences) AS old, (SELECT last_value FROM rows_checked)::text AS checked",
    );
    expect({
      lost: this.wanted.filter((message) => !there.has(message)).length,
      twice: messages.length - there.size,
      foreign: [...there].filter((message) => !this.wanted.includes(message)).length,
      underOldFence: counted.rows[0]?.old,
    }).toEqual({ lost: 0, twice: 0, foreign: 0, underOldFence: false });
    for (const user of this.users) expect(this.server.maildrop(user).messages).toHaveLength(0);
    return `${String(this.wanted.length)} messages, each there once; ${counted.rows[0]?.checked ?? "?"} rows checked, none under an old fence`;
  }

  /** How many commands the server has received. */
  sent(): number {
    return this.server.transcript.sessions.flat().filter((line) => line.startsWith("C: ")).length;
  }

  /** Everything that a run writes. */
  async written(): Promise<unknown[]> {
    const queries = [
      "mail ORDER BY octets",
      "popwright.entries ORDER BY mailbox, id",
      "popwright.mailboxes ORDER BY id",
    ];
    return Promise.all(
      queries.map(async (query) => (await this.pool.query(`SELECT * FROM ${query}`)).rows as unknown),
    );
  }

  /** Waits until all leases have ended and no transaction of a stopped process is left, by the clock of the database. */
  async leasesEnded(): Promise<void> {
    const query = `SELECT (SELECT count(*) FROM popwright.mailboxes WHERE token IS NOT NULL AND expires > clock_timestamp())
      + (SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%') = 0 AS ended`;
    while ((await this.pool.query<{ ended: boolean }>(query)).rows[0]?.ended !== true) await turn();
  }
}

/** What a child prints at its end; an empty list if it was killed before. */
async function outcomesOf(child: ReturnType<Scene["start"]>): Promise<Record<string, unknown>[]> {
  let printed = "";
  child.stdout.on("data", (octets: Buffer) => (printed += octets.toString()));
  await once(child, "close");
  return printed === "" ? [] : (JSON.parse(printed) as Record<string, unknown>[]);
}

test("killed at random", { timeout: limitFor(POPWRIGHT_POSTGRES_KILLS) }, async () => {
  await using scene = await Scene.create(USERS, true);
  scene.fill(20);
  const began = performance.now();
  await scene.settle();
  let latest = performance.now() - began;
  const random = randomFrom(20_261_129);
  const wantedKills = Number(POPWRIGHT_POSTGRES_KILLS);
  let [kills, runs] = [0, 0];
  for (; kills < wantedKills; runs++) {
    expect(runs).toBeLessThan(3 * wantedKills + 10);
    await scene.server.idle();
    scene.fill(20);
    const child = scene.start();
    const timer = setTimeout(() => child.kill("SIGKILL"), latest * (0.4 + 0.6 * random()));
    await outcomesOf(child);
    clearTimeout(timer);
    if (child.signalCode === "SIGKILL") kills++;
    // One of five or so gets to its end, however busy the machine is.
    latest *= child.signalCode === "SIGKILL" ? 1.03 : 0.9;
  }
  await scene.server.idle();
  // The server may need a moment to notice that a connection of the last one is gone.
  await scene.settle({ again: true });
  const all = await scene.expectAll();
  writeSync(1, `killed ${String(kills)} times in ${String(runs)} runs: ${all}\n`);
});

async function isStopped({ pid }: ChildProcess): Promise<boolean> {
  // It may end now.
  const stat = await readFile(`/proc/${String(pid)}/stat`, "latin1").catch(() => "");
  return stat.slice(stat.lastIndexOf(")")).startsWith(") T");
}

const STOPPED = "stopped past its lease at any instruction, while another process takes the mailbox";

test(STOPPED, { timeout: limitFor(POPWRIGHT_POSTGRES_STOPS) }, async () => {
  await using scene = await Scene.create(["ann"], false);
  const random = randomFrom(20_261_130);
  const stops = Number(POPWRIGHT_POSTGRES_STOPS);
  let [stopped, lost] = [0, 0];
  while (stopped < stops) {
    scene.fill(24);
    const from = scene.sent();
    const commands = 6 + Math.floor(random() * 60);
    const sleeper = scene.start({ store: LEASE });
    const ended = outcomesOf(sleeper);
    while (scene.sent() < from + commands && sleeper.exitCode === null) await turn();
    sleeper.kill("SIGSTOP");
    while (sleeper.exitCode === null && !(await isStopped(sleeper))) await turn();
    if (sleeper.exitCode === null) {
      stopped++;
      await scene.leasesEnded();
      await scene.settle({ again: true });
      const before = await scene.written();
      sleeper.kill("SIGCONT");
      const [outcome] = await ended;
      expect(await scene.written()).toEqual(before);
      if (outcome?.["cause"] === "POP3_LEASE_LOST") lost++;
    }
    await scene.server.idle();
  }
  await scene.settle({ again: true });
  const all = await scene.expectAll();
  const others = `${String(stopped - lost)} ended otherwise`;
  writeSync(1, `stopped ${String(stopped)} times: ${String(lost)} lost the mailbox, ${others}; ${all}\n`);
});

const CRASHED = "the server crashes while mail is fetched";

test(CRASHED, { timeout: limitFor(POPWRIGHT_POSTGRES_CRASHES) }, async () => {
  await using scene = await Scene.create(USERS, true);
  const crashes = Number(POPWRIGHT_POSTGRES_CRASHES);
  const random = randomFrom(20_261_131);
  for (let crash = 0; crash < crashes; crash++) {
    scene.fill(24);
    const from = scene.sent();
    const commands = 20 + Math.floor(random() * 120);
    const child = scene.start({ again: true });
    const ended = outcomesOf(child);
    while (scene.sent() < from + commands && child.exitCode === null) await turn();
    await database.crash();
    expect(await ended).toMatchObject(USERS.map(() => ({ outcome: "done" })));
    await scene.server.idle();
  }
  await scene.settle({ again: true });
  const all = await scene.expectAll();
  writeSync(1, `PostgreSQL crashed ${String(crashes)} times: ${all}\n`);
});
