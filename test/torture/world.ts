// What one run of the command line finds: a server with mail, and a directory. Each run has a world of its own, so each
// begins with the same state.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Pop3Server } from "popwright/testing";
import { certificate } from "../support/certificate.ts";
import { readLog, shimVariables, type Fault, type LoggedCall } from "./shim.ts";

const CLI = join(import.meta.dirname, "../../dist/cli.js");

/** A run that takes longer hangs. Usually it takes a fifth of a second; milliseconds. */
const PATIENCE = 120_000;

/** One has lines that a destination changes. */
export const MESSAGES: readonly Buffer[] = [
  "Subject: one\r\n\r\nFrom the first line\r\n.\r\n>From\r\n",
  `Subject: two\r\n\r\n${"A line of the longer message.\r\n".repeat(200)}`,
].map((text) => Buffer.from(text));

/** Comes after the run, so that the next one has mail to deliver. */
export const LATER: Buffer = Buffer.from("Subject: later\r\n\r\nlater\r\n");

/** A message that arrives in several pieces, and is written in several blocks. */
export const LARGE: Buffer = Buffer.from(
  `Subject: large\r\n\r\n${"A line of a large message.\r\n".repeat(100_000)}`,
);

/** How a run of the command line ended. */
export interface Ended {
  /** `null`: a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Whether it was ended because it took too long. */
  readonly hung: boolean;
  readonly stdout: Buffer;
  readonly stderr: string;
  readonly calls: readonly LoggedCall[];
  /** The call that failed, if the run came to it. */
  readonly hit: LoggedCall | undefined;
}

export interface WorldOptions {
  /** The messages that are to arrive. @default MESSAGES */
  readonly messages?: readonly Buffer[];
  /** Whether the server has TLS from the first byte. */
  readonly tls?: boolean;
}

export class World {
  readonly server: Pop3Server;
  readonly messages: readonly Buffer[];
  /** Proxies and whatever else must be closed. */
  readonly #more: AsyncDisposable[] = [];
  readonly #base: string;

  private constructor(base: string, server: Pop3Server, messages: readonly Buffer[]) {
    this.#base = base;
    this.server = server;
    this.messages = messages;
  }

  static async create({ messages = MESSAGES, tls = false }: WorldOptions = {}): Promise<World> {
    const base = await mkdtemp(join(tmpdir(), "popwright-torture-"));
    await mkdir(join(base, "root"), { mode: 0o700 });
    const users = { ann: { pass: "secret" } };
    const world = new World(base, await Pop3Server.listen({ users, tls: tls && certificate }), messages);
    for (const name of ["home", "spool", "file"]) await mkdir(world.path(name), { mode: 0o700 });
    return world;
  }

  /** The path of a file or directory whose calls count. */
  path(...parts: readonly string[]): string {
    return join(this.#base, "root", ...parts);
  }

  get url(): string {
    return this.urlAt("127.0.0.1");
  }

  /** The URL of the mailbox, with this name or address of the server. */
  urlAt(host: string): string {
    const { port, secure } = this.server;
    return `${secure ? "pop3s" : "pop3"}://ann@${host}:${String(port)}${secure ? "" : "?stls=never"}`;
  }

  /** What every run has in its environment, in addition to the password. */
  get env(): Record<string, string> {
    return { HOME: this.path("home"), XDG_STATE_HOME: this.path("home", "state"), TZ: "UTC" };
  }

  /** Closes something together with the server. */
  own<T extends AsyncDisposable>(owned: T): T {
    this.#more.push(owned);
    return owned;
  }

  /** Adds messages on the server. */
  add(...messages: readonly Buffer[]): void {
    for (const message of messages) this.server.maildrop("ann").add(message);
  }

  get onServer(): readonly Buffer[] {
    return this.server.maildrop("ann").messages.map(({ octets }) => octets);
  }

  /** Runs the command line as a process. `library`: the shim that logs its calls, and lets `fault` happen. */
  async run(words: readonly string[], library?: string, fault?: Fault): Promise<Ended> {
    const [out, err, log] = ["out", "err", "log"].map((name) => join(this.#base, name)) as [
      string,
      string,
      string,
    ];
    const outputs = [openSync(out, "w"), openSync(err, "w")];
    const child = spawn(process.execPath, [CLI, ...words], {
      cwd: this.#base,
      stdio: ["ignore", ...outputs],
      env: {
        PATH: process.env["PATH"],
        ...this.env,
        TMPDIR: this.path("spool"),
        POPWRIGHT_PASSWORD: "secret",
        // One thread for files, so that they are used in the same order each time.
        UV_THREADPOOL_SIZE: "1",
        ...(library !== undefined && shimVariables(library, { root: this.path(), log, fault })),
      },
    });
    for (const output of outputs) closeSync(output);
    let hung = false;
    const clock = setTimeout(() => {
      hung = true;
      child.kill("SIGKILL");
    }, PATIENCE);
    const [code, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
    clearTimeout(clock);
    const calls = library === undefined ? [] : await readLog(log);
    const hit = calls.find(({ isChosen }) => isChosen);
    await this.server.idle();
    return {
      ...{ code, signal, hung, calls, hit },
      stdout: await readFile(out),
      stderr: await readFile(err, "utf8"),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const owned of this.#more) await owned[Symbol.asyncDispose]();
    await this.server.close();
    await rm(this.#base, { recursive: true, force: true });
  }
}
