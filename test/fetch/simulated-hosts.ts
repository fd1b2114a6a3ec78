// Hosts in memory and in simulated time, with empty mailboxes: each reply takes its time, and a host may be down.
import type { Duplex } from "node:stream";
import type { Pop3ClientOptions } from "popwright";
import { duplexPair } from "../support/duplex-pair.ts";

/** How a host is down: it refuses each connection at once, or does not answer at all. */
export type Outage = "refuses" | "hangs";

export interface Connection {
  readonly host: string;
  readonly box: number;
  /** Milliseconds, by `Date.now()`. */
  readonly at: number;
}

const REPLIES: Readonly<Record<string, string>> = { UIDL: "+OK\r\n.\r\n", LIST: "+OK\r\n.\r\n" };

export class SimulatedHosts {
  /** All attempts to connect, in order. */
  readonly connections: Connection[] = [];
  /** The hosts that are down. */
  readonly down: Map<string, Outage> = new Map();
  readonly #latency: number;

  /** `latency`: how long the greeting and each reply take, in milliseconds. */
  constructor(latency: number) {
    this.#latency = latency;
  }

  /** The account of a mailbox. */
  account(host: string, box: number, more: Partial<Pop3ClientOptions> = {}): Pop3ClientOptions {
    return {
      ...{ host, port: 110, secure: false, stls: "never", capa: false, pipelining: false },
      auth: { user: `box${String(box)}`, pass: "secret", mechanism: "USER" },
      socket: () => this.#connect(host, box),
      ...more,
    };
  }

  async #connect(host: string, box: number): Promise<Duplex> {
    this.connections.push({ host, box, at: Date.now() });
    const outage = this.down.get(host);
    if (outage === "hangs") await new Promise(() => undefined);
    if (outage === "refuses") throw Object.assign(new Error("refused"), { code: "ECONNREFUSED" });
    const [ours, theirs] = duplexPair();
    this.#say(theirs, "+OK ready\r\n");
    let text = "";
    theirs.on("data", (octets: Buffer) => {
      text += octets.toString("latin1");
      for (let end = text.indexOf("\r\n"); end !== -1; end = text.indexOf("\r\n")) {
        const line = text.slice(0, end);
        text = text.slice(end + 2);
        this.#say(theirs, REPLIES[line] ?? "+OK\r\n", line === "QUIT");
      }
    });
    theirs.on("error", () => undefined);
    return ours;
  }

  #say(to: Duplex, words: string, last = false): void {
    setTimeout(() => {
      if (!to.writable) return;
      to.write(words, "latin1");
      if (last) to.end();
    }, this.#latency);
  }
}
