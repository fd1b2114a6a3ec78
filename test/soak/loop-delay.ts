// How long the event loop stands still at most while a large message comes in pieces that could not be worse.
import { createHash } from "node:crypto";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setImmediate as turn } from "node:timers/promises";
import { Pop3Client } from "popwright";
import { MemoryWire, type Chunks } from "./memory-wire.ts";

/** Milliseconds. */
const LONGEST = 50;
/** The best of this number of runs counts: another process may hold one of them up. */
const RUNS = 3;
/** A process that gets no more than that of the time is held up by others. */
const HELD_UP = 0.9;
/** A run that took this long is not repeated, even if other processes took the time; milliseconds. */
const LONG_ENOUGH = 10_000;
const MIB = 1024 * 1024;

/** The longest turn of the loop, in milliseconds. */
interface Longest {
  /** By the clock on the wall, in which other processes may have their turn. */
  readonly wall: number;
  /** By the time that this process has computed. */
  readonly cpu: number;
  /** The share of the time in which it computed: less than 1 if other processes had the processor. */
  readonly share: number;
}

export interface LoopDelay extends Longest {
  readonly name: string;
  /** How long it may stand still; milliseconds. */
  readonly bound: number;
  readonly runs: number;
  /** Of all runs. */
  readonly seconds: number;
  readonly problem: string | undefined;
}

interface Load {
  readonly name: string;
  /** The size that LIST announces, in octets; without it, LIST is not sent. */
  readonly announced?: number;
  /** How long the loop may stand still; milliseconds. @default 50 */
  readonly longest?: number;
  /** The response to RETR. */
  readonly chunks: () => Chunks;
  /** What the client has to make of it: SHA-256 in hex. */
  readonly hash: string;
}

const LINE = Buffer.from(`${"0123456789".repeat(6)}ab\r\n`, "latin1");
const END = Buffer.from(".\r\n", "latin1");
const OK = Buffer.from("+OK\r\n", "latin1");

function* octetByOctet(octets: number): Chunks {
  const single = Array.from(LINE, (octet) => Buffer.from([octet]));
  yield OK;
  for (let at = 0; at < octets; at++) yield single[at % single.length] as Buffer;
  yield END;
}

/** In chunks as TCP has them. */
function* repeated(line: string, count: number): Chunks {
  const lines = Math.floor((64 * 1024) / line.length);
  const chunk = Buffer.from(line.repeat(lines), "latin1");
  yield OK;
  for (let left = count; left > 0; left -= lines)
    yield chunk.subarray(0, Math.min(left, lines) * line.length);
  yield END;
}

const hashOf = (octets: Buffer): string => createHash("sha256").update(octets).digest("hex");

const LOADS: readonly Load[] = [
  {
    name: "a message of 64 MiB, octet by octet",
    announced: 64 * MIB,
    chunks: () => octetByOctet(64 * MIB),
    hash: hashOf(Buffer.alloc(64 * MIB, LINE)),
  },
  {
    name: "a message of 64 MiB that was not announced",
    // Its memory doubles as it comes, so that 32 MiB are copied at once.
    longest: 2 * LONGEST,
    chunks: () => repeated(LINE.toString("latin1"), MIB),
    hash: hashOf(Buffer.alloc(64 * MIB, LINE)),
  },
  {
    name: "a message of a million lines of a dot",
    chunks: () => repeated("..\r\n", 1_000_000),
    hash: hashOf(Buffer.from(".\r\n".repeat(1_000_000), "latin1")),
  },
  {
    name: "a message of a million short lines",
    chunks: () => repeated("short\r\n", 1_000_000),
    hash: hashOf(Buffer.from("short\r\n".repeat(1_000_000), "latin1")),
  },
];

/** A load after the other, and what was measured of it. */
export async function* loopDelays(): AsyncGenerator<LoopDelay, void> {
  for (const load of LOADS) {
    const { name, longest = LONGEST } = load;
    const began = performance.now();
    let best: Longest = { wall: Infinity, cpu: Infinity, share: 1 };
    let runs = 0;
    const enough = (): boolean => best.cpu <= longest && performance.now() - began > LONG_ENOUGH;
    while (best.wall > longest && runs < RUNS && !enough()) {
      const { wall, cpu, share } = await run(load);
      best = {
        wall: Math.min(best.wall, wall),
        cpu: Math.min(best.cpu, cpu),
        share: Math.min(best.share, share),
      };
      runs++;
    }
    const seconds = (performance.now() - began) / 1000;
    // On a machine that has no time for us the loop stands still whatever we do, and computing takes longer.
    const most = best.share < HELD_UP ? 2 * longest : longest;
    const problem =
      best.wall > longest && best.cpu > most
        ? `the loop stood still for ${best.wall.toFixed(1)} ms, ${best.cpu.toFixed(1)} ms of them by our own doing`
        : undefined;
    yield { name, bound: longest, ...best, runs, seconds, problem };
  }
}

async function run({ announced, chunks, hash }: Load): Promise<Longest> {
  const wire = new MemoryWire((line) => {
    if (line.startsWith("RETR")) return chunks();
    if (line === "LIST") return [Buffer.from(`+OK\r\n1 ${announced ?? 0}\r\n.\r\n`, "latin1")];
    return [Buffer.from(line === "CAPA" ? "-ERR\r\n" : "+OK\r\n", "latin1")];
  });
  const client = await Pop3Client.connect(wire.options);
  if (announced !== undefined) await client.list();
  // Its own resolution is part of what it measures.
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const turns = new Turns();
  const [since, used] = [performance.now(), process.cpuUsage()];
  delay.enable();
  const message = await client.retr(1);
  const { wall, cpu } = await turns.longest();
  const { user, system } = process.cpuUsage(used);
  const share = (user + system) / 1000 / (performance.now() - since);
  delay.disable();
  client.close();
  if (hashOf(message) !== hash) throw new Error("not the message that was sent");
  // After a very short run the monitor has no sample yet.
  return { wall: Math.max(delay.max / 1e6, wall), cpu, share };
}

/** How long each turn of the loop takes, and how much the process computes in it. */
class Turns {
  #wall = 0;
  #cpu = 0;
  #over = false;
  readonly #done: Promise<void>;

  constructor() {
    this.#done = this.#watch();
  }

  async #watch(): Promise<void> {
    let [since, used] = [performance.now(), process.cpuUsage()];
    while (!this.#over) {
      await turn();
      const { user, system } = process.cpuUsage(used);
      this.#cpu = Math.max(this.#cpu, (user + system) / 1000);
      this.#wall = Math.max(this.#wall, performance.now() - since);
      [since, used] = [performance.now(), process.cpuUsage()];
    }
  }

  /** The longest turn in milliseconds, including the current one. */
  async longest(): Promise<{ readonly wall: number; readonly cpu: number }> {
    this.#over = true;
    await this.#done;
    return { wall: this.#wall, cpu: this.#cpu };
  }
}
