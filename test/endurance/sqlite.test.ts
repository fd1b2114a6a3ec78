// SqliteStore under SIGKILL and SIGSTOP, with a handler that knows no keys: every message is there once, and a run that
// was stopped past its lease changes nothing.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { writeSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { beforeAll, expect, test } from "vitest";
import type { SqliteDatabase } from "popwright/sqlite";
import { Pop3Server } from "popwright/testing";
import install from "../better-sqlite3/install.ts";
import { openDatabase } from "../sqlite/stores.ts";
import { accountOf, mail } from "../support/mail.ts";
import { scratch } from "../support/scratch.ts";

const CHILD = join(import.meta.dirname, "sqlite-child.mjs");
const { POPWRIGHT_SQLITE_KILLS = "20", POPWRIGHT_SQLITE_STOPS = "4" } = process.env;
const USERS = ["ann", "bea", "cy"];

const ANY = /^C: /;
/** Commands that change something. */
const CHANGING = /^C: (?:DELE|QUIT)/;

/** Numbers from 0 to 1, the same in each run of the tests. */
function randomFrom(seed: number): () => number {
  let random = seed;
  return () => (random = (random * 48_271) % 2_147_483_647) / 2_147_483_647;
}

// Milliseconds: it may have to be compiled.
beforeAll(install, 600_000);

/** The maildrops of a server, and the database that they are fetched into. */
class Scene {
  readonly server: Pop3Server;
  readonly users: readonly string[];
  readonly wanted: string[] = [];
  readonly #path: string;
  readonly #database: SqliteDatabase;

  private constructor(server: Pop3Server, users: readonly string[], path: string) {
    this.server = server;
    this.users = users;
    this.#path = path;
    this.#database = openDatabase(path);
    this.#database.exec("PRAGMA journal_mode=WAL; CREATE TABLE mail (octets BLOB)");
  }

  static async create(users: readonly string[], lock: boolean): Promise<Scene> {
    const accounts = Object.fromEntries(users.map((user) => [user, { pass: "secret", messages: [] }]));
    const server = await Pop3Server.listen({ users: accounts, lock });
    return new Scene(server, users, join(await scratch(), "mail.db"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#database.close();
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

  start(): ChildProcess & { readonly stdout: NonNullable<ChildProcess["stdout"]> } {
    const accounts = Object.fromEntries(this.users.map((user) => [user, accountOf(this.server, user)]));
    // What failed because of a kill is due again at once, and never given up.
    const policy = { delete: "delivered", commitEvery: 12, retry: { first: 0, longest: 0 }, tries: 1e9 };
    const task = JSON.stringify({ accounts, path: this.#path, policy });
    return spawn(process.execPath, ["--no-warnings", CHILD, task], { stdio: ["ignore", "pipe", "inherit"] });
  }

  /** Runs until the end. Every mailbox must be done. */
  async settle(): Promise<void> {
    const outcomes = await outcomesOf(this.start());
    expect(outcomes).toMatchObject(this.users.map(() => ({ outcome: "done", failed: [] })));
  }

  /** All messages are in the database, each once, and none is on the server. */
  expectAll(): void {
    const rows = this.#database.prepare("SELECT octets FROM mail").all() as { octets: Uint8Array }[];
    const messages = rows.map(({ octets }) => Buffer.from(octets).toString("latin1"));
    const there = new Set(messages);
    expect({
      lost: this.wanted.filter((message) => !there.has(message)).length,
      twice: messages.length - there.size,
      foreign: [...there].filter((message) => !this.wanted.includes(message)).length,
    }).toEqual({ lost: 0, twice: 0, foreign: 0 });
    for (const user of this.users) expect(this.server.maildrop(user).messages).toHaveLength(0);
  }

  /** How many commands of a kind the server has received. */
  sent(kind: RegExp): number {
    return this.server.transcript.sessions.flat().filter((line) => kind.test(line)).length;
  }

  /** Everything that a run writes. */
  written(): unknown[] {
    return ["mail", "popwright_entries", "popwright_mailboxes"].map((table) =>
      this.#database.prepare(`SELECT * FROM ${table}`).all(),
    );
  }

  /** Ends all leases, as if time had passed. Returns whether no process is within a transaction. */
  expire(): boolean {
    try {
      this.#database.exec("PRAGMA busy_timeout=0; UPDATE popwright_mailboxes SET expires = 1");
      return true;
    } catch {
      return false;
    }
  }
}

/** What a child prints at its end; an empty list if it was killed before. */
async function outcomesOf(child: ReturnType<Scene["start"]>): Promise<Record<string, unknown>[]> {
  let printed = "";
  child.stdout.on("data", (octets: Buffer) => (printed += octets.toString()));
  await once(child, "close");
  return printed === "" ? [] : (JSON.parse(printed) as Record<string, unknown>[]);
}

test("killed at random", async () => {
  await using scene = await Scene.create(USERS, true);
  scene.fill(20);
  const began = performance.now();
  await scene.settle();
  let latest = performance.now() - began;
  const random = randomFrom(20_261_129);
  const wantedKills = Number(POPWRIGHT_SQLITE_KILLS);
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
  await scene.settle();
  scene.expectAll();
  const { length } = scene.wanted;
  writeSync(
    1,
    `killed ${String(kills)} times in ${String(runs)} runs: ${String(length)} messages, each there once\n`,
  );
});

async function isStopped({ pid }: ChildProcess): Promise<boolean> {
  // It may end now.
  const stat = await readFile(`/proc/${String(pid)}/stat`, "latin1").catch(() => "");
  return stat.slice(stat.lastIndexOf(")")).startsWith(") T");
}

/** Stops a process, and waits until it is stopped or has ended. */
async function stop(child: ChildProcess, signal: "SIGSTOP" | "SIGUSR2"): Promise<void> {
  child.kill(signal);
  while (child.exitCode === null && !(await isStopped(child))) await turn();
}

// At any instruction: what the run has confirmed right before may still be sent, so DELE and QUIT are not counted.
test.each([
  ["at any instruction", "SIGSTOP", /^$/],
  ["between two turns", "SIGUSR2", CHANGING],
] as const)(
  "stopped past its lease %s, while another process takes the mailbox",
  async (how, signal, kind) => {
    await using scene = await Scene.create(["ann"], false);
    const random = randomFrom(20_261_130);
    const stops = Number(POPWRIGHT_SQLITE_STOPS);
    let [stopped, lost] = [0, 0];
    while (stopped < stops) {
      scene.fill(24);
      const from = scene.sent(ANY);
      const commands = 6 + Math.floor(random() * 60);
      const sleeper = scene.start();
      const ended = outcomesOf(sleeper);
      while (scene.sent(ANY) < from + commands && sleeper.exitCode === null) await turn();
      await stop(sleeper, signal);
      // A process that is stopped within a transaction keeps the other from writing.
      while (sleeper.exitCode === null && !scene.expire()) {
        sleeper.kill("SIGCONT");
        await turn();
        await stop(sleeper, signal);
      }
      if (sleeper.exitCode === null) {
        stopped++;
        await scene.settle();
        const before = [scene.written(), scene.sent(kind)];
        sleeper.kill("SIGCONT");
        const [outcome] = await ended;
        expect([scene.written(), scene.sent(kind)]).toEqual(before);
        if (outcome?.["cause"] === "POP3_LEASE_LOST") lost++;
      }
      await scene.server.idle();
    }
    await scene.settle();
    scene.expectAll();
    const others = `${String(stopped - lost)} had closed it`;
    writeSync(1, `stopped ${String(stopped)} times ${how}: ${String(lost)} lost the mailbox, ${others}\n`);
  },
);
