// A server on loopback that plays a script, and keeps every octet that the client wrote. The script is a function of the
// connection, or a list of steps.
import * as net from "node:net";
import type { TLSSocketOptions } from "node:tls";
import type { Pop3ClientOptions } from "popwright";
import { serialUntilOf } from "../../src/net/serial-hosts.ts";
import { tls } from "./certificate.ts";
import { Peer } from "./peer.ts";
import { turns } from "./turns.ts";

/** What a server does with one connection, from its first octet to its last. */
export type Script = (peer: Peer) => Promise<void> | void;

/**
 * One step. `"S: text"` sends a line, a Buffer is sent as it is; what stands together goes out in one write.
 * `"C: text"` expects a line, a pattern expects one that it matches. `"* tls"` begins TLS, `"* close"` sends FIN,
 * `"* reset"` sends RST, `"* octets"` waits until the client has written anything at all, `"* wait"` for
 * {@link ScriptedServer.goOn}. After the last step the server takes what comes until the client closes.
 */
export type Step = string | RegExp | Buffer;

/** How the connection is protected: not at all, by STLS, or from the first octet. */
export type Protection = "plain" | "stls" | "tls";

export interface ScriptOptions {
  /** @default "plain" */
  readonly protection?: Protection;
  /** The certificate and its key, for `"* tls"`. */
  readonly tls?: TLSSocketOptions;
  /** The most octets in a packet. @default Infinity */
  readonly chunk?: number;
  /** Whether a line of the client has to come alone: nothing may follow it before it is answered. @default false */
  readonly lockstep?: boolean;
}

/** The password of every client here: it must be seen nowhere but on the wire. */
export const SECRET = "hunter2-hunter2";

export class ScriptedServer implements AsyncDisposable {
  /** The connections. Each plays the script from its beginning. */
  readonly peers: Peer[] = [];
  readonly #server: net.Server;
  readonly #protection: Protection;
  readonly #plays: Promise<void>[] = [];
  readonly #clear: Buffer[] = [];
  readonly #secure: Buffer[] = [];
  readonly #watchers: Set<() => void> = new Set();
  /** A script of steps tells of its failure by {@link played}, another one at the end. */
  readonly #failures: unknown[] = [];
  #goOn: () => void = () => undefined;
  readonly #wait: Promise<void> = new Promise((resolve) => (this.#goOn = resolve));

  private constructor(script: Script | readonly Step[], options: ScriptOptions) {
    this.#protection = options.protection ?? "plain";
    this.#server = net.createServer((socket) => {
      const peer = new Peer(socket, (octets, isSecure) => {
        (isSecure ? this.#secure : this.#clear).push(octets);
        for (const watcher of this.#watchers) watcher();
      });
      this.peers.push(peer);
      for (const watcher of this.#watchers) watcher();
      const play = this.#play(peer, script, options);
      play.catch((error: unknown) => typeof script === "function" && this.#failures.push(error));
      this.#plays.push(play);
    });
  }

  async #play(peer: Peer, script: Script | readonly Step[], options: ScriptOptions): Promise<void> {
    if (this.#protection === "tls") await peer.startTls();
    if (typeof script === "function") return script(peer);
    try {
      await playSteps(peer, script, options, this.#wait);
      await peer.ended();
    } finally {
      peer.destroy();
    }
  }

  static async listen(
    script: Script | readonly Step[],
    how: Protection | ScriptOptions = {},
  ): Promise<ScriptedServer> {
    const server = new ScriptedServer(script, typeof how === "string" ? { protection: how } : how);
    const host = "127.0.0.1";
    await new Promise<void>((resolve) => server.#server.listen(0, host, resolve));
    if (serialUntilOf({ host, port: server.port }) === undefined) return server;
    // An earlier server had this port, and broke pipelining.
    await server[Symbol.asyncDispose]();
    return ScriptedServer.listen(script, how);
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port;
  }

  get connections(): number {
    return this.peers.length;
  }

  /** The options of a client that logs in here. */
  options(more: Partial<Pop3ClientOptions> = {}): Pop3ClientOptions {
    const secure = this.#protection === "tls";
    return {
      host: "127.0.0.1",
      port: this.port,
      secure,
      auth: { user: "ann", pass: SECRET },
      ...(!secure && { stls: this.#protection === "stls" ? "required" : "never" }),
      // An object of its own for each server: no TLS session is resumed at another one.
      ...(this.#protection !== "plain" && { tls: { ...tls } }),
      ...more,
    };
  }

  /** The latest connection, once there is one. */
  async peer(): Promise<Peer> {
    await this.#until(() => this.peers.length > 0);
    return this.peers[this.peers.length - 1] as Peer;
  }

  /** What the client wrote without TLS. */
  get clear(): string {
    return Buffer.concat(this.#clear).toString("latin1");
  }

  /** What the client wrote within TLS. */
  get secure(): string {
    return Buffer.concat(this.#secure).toString("latin1");
  }

  /** All of it as lines; the last one may be unfinished. */
  get lines(): string[] {
    const lines = `${this.clear}${this.secure}`.split("\r\n");
    if (lines.at(-1) === "") lines.pop();
    return lines;
  }

  /** Lets the script go on after `"* wait"`. */
  goOn(): void {
    this.#goOn();
  }

  /** Resolves when what the client has written matches. */
  async wrote(pattern: RegExp): Promise<void> {
    await this.#until(() => pattern.test(`${this.clear}${this.secure}`));
  }

  async #until(condition: () => boolean): Promise<void> {
    await new Promise<void>((resolve) => {
      const look = (): void => {
        if (!condition()) return;
        this.#watchers.delete(look);
        resolve();
      };
      this.#watchers.add(look);
      look();
    });
  }

  /** Resolves when the client has closed and the script was played; rejects if the client strayed from it. */
  async played(): Promise<void> {
    await Promise.all(this.#plays);
  }

  /** Ends everything. Throws what a function threw. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const peer of this.peers) peer.destroy();
    await closed;
    if (this.#failures.length > 0) throw new AggregateError(this.#failures, "a script of the server failed");
  }
}

async function playSteps(
  peer: Peer,
  script: readonly Step[],
  { tls, chunk = Infinity, lockstep = false }: ScriptOptions,
  wait: Promise<void>,
): Promise<void> {
  let output: Buffer[] = [];
  for (const step of script) {
    if (Buffer.isBuffer(step)) output.push(step);
    else if (typeof step === "string" && step.startsWith("S: ")) {
      output.push(Buffer.from(`${step.slice(3)}\r\n`, "utf8"));
    } else {
      await sendInPackets(peer, Buffer.concat(output), chunk);
      output = [];
      if (step === "* close") peer.end();
      else if (step === "* reset") peer.reset();
      else if (step === "* tls") void peer.startTls(tls);
      else if (step === "* wait") await wait;
      else if (step === "* octets") await peer.more();
      else await expectLine(peer, step instanceof RegExp ? step : step.slice(3), lockstep);
    }
  }
  await sendInPackets(peer, Buffer.concat(output), chunk);
}

async function expectLine(peer: Peer, expected: string | RegExp, lockstep: boolean): Promise<void> {
  const octets = await peer.line();
  if (octets === undefined) throw new Error(`the client closed; expected ${String(expected)}`);
  const line = Buffer.from(octets, "latin1").toString("utf8");
  if (!(typeof expected === "string" ? line === expected : expected.test(line)))
    throw new Error(`expected ${String(expected)}, the client said ${line}`);
  if (!lockstep) return;
  await turns(8);
  if (peer.hasMore) throw new Error(`more came after ${line}, before its answer`);
}

/** Does not fail if the client is gone: a later step of the script will notice. */
async function sendInPackets(peer: Peer, octets: Buffer, chunk: number): Promise<void> {
  for (let at = 0; at < octets.length; at += chunk) {
    await peer.send(octets.subarray(at, Math.min(at + chunk, octets.length)));
    // So that a client in this process reads what was sent before. After the last packet the script goes on at once: what
    // the client then says may be TLS.
    if (at + chunk < octets.length) await turns(2);
  }
}
