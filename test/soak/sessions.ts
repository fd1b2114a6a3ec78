// Thousands of sessions with random faults leave no memory in use, and no handle or listener.
import { getEventListeners } from "node:events";
import { Random } from "../../bench/random.ts";
import { makeCertificate, Pop3Server, type Pop3ServerOptions } from "popwright/testing";
import type { Pop3ClientOptions } from "popwright";
import { seededMessages } from "../support/messages.ts";
import { isSilent, randomTrouble, type Trouble } from "./random-fault.ts";
import { runSession, type Tally } from "./session.ts";
import { Watch, type Base } from "./watch.ts";

/** Sessions against one server, one after the other. */
const GROUP = 4;
/** Servers at the same time. */
const SIDE_BY_SIDE = 8;
/** Sessions between two looks at the memory. */
const BATCH = 500;
/** The number of batches before the base is measured. */
const WARM = 2;
/** The lowest heap of this number of last batches counts: garbage may be left in one of them. */
const LAST = 3;
/** How far the heap may grow: 150 octets for each of ten thousand sessions. */
const GROWTH = 1.5 * 1024 * 1024;
/** The run ends early if it has found more problems than this. */
const MANY = 10;

/** Clocks for a server that falls silent, and for one that is only slow, on a busy machine; milliseconds. */
const SHORT = { greeting: 80, command: 80, body: 80, quit: 80, drain: 80 };
const LONG = { quit: 60_000, drain: 60_000 };

const certificate = makeCertificate();
const user = "ann";
const pass = "hunter2-hunter2";
const messages = [...seededMessages(9, 1939), Buffer.alloc(40_000, `${"0123456789".repeat(6)}ab\r\n`)];

export interface Sessions {
  readonly sessions: number;
  readonly seed: number;
  readonly seconds: number;
  readonly tally: Tally;
  /** After each batch, without garbage; octets. */
  readonly heap: readonly number[];
  /** The same, at the end of the warm-up. */
  readonly base: number;
  readonly problems: readonly string[];
}

export async function soak(sessions: number, seed: number): Promise<Sessions> {
  const began = performance.now();
  const tally: Tally = { whole: 0, resolved: 0, failed: new Map() };
  const problems: string[] = [];
  const lasting = new AbortController();
  using watch = new Watch();
  const heap: number[] = [];
  let base: Base | undefined;
  for (let from = 0; from < sessions; from += BATCH) {
    const groups = Array.from(
      { length: Math.ceil(Math.min(BATCH, sessions - from) / GROUP) },
      (_, index) => from / GROUP + index,
    );
    await Promise.all(
      Array.from({ length: SIDE_BY_SIDE }, async () => {
        for (let group = groups.shift(); group !== undefined; group = groups.shift()) {
          try {
            await runGroup(seed * 1_000_003 + group * 7919, tally, lasting.signal);
          } catch (error) {
            problems.push(`group ${group}: ${String(error)}`);
          }
        }
      }),
    );
    const now = await watch.look();
    heap.push(now.heap);
    // The first batches warm up: code is compiled, and what is loaded late is loaded.
    if (heap.length <= WARM) base = now;
    else if (base !== undefined) {
      const since = `after ${from + BATCH} sessions`;
      problems.push(...watch.compare(base, now).map((problem) => `${since}: ${problem}`));
    }
    if (problems.length > MANY) break;
  }
  const growth = Math.min(...heap.slice(-LAST)) - (base?.heap ?? 0);
  if (growth > GROWTH) problems.push(`the heap has grown by ${growth} octets`);
  problems.push(...watch.problems);
  const left = getEventListeners(lasting.signal, "abort").length;
  if (left > 0) problems.push(`${left} listeners on a signal that outlasts all sessions`);
  return {
    sessions,
    seed,
    seconds: (performance.now() - began) / 1000,
    tally,
    heap,
    base: base?.heap ?? 0,
    problems,
  };
}

async function runGroup(seed: number, tally: Tally, lasting: AbortSignal): Promise<void> {
  const random = new Random(seed);
  const protection = random.of(["plain", "plain", "plain", "stls", "tls"]);
  const troubles = Array.from({ length: random.below(5) }, () => randomTrouble(random));
  const codes = troubles.flatMap((trouble) => trouble.codes);
  await using server = await Pop3Server.listen(serverOptions(random, protection, troubles));
  const tls = { ca: certificate.cert };
  for (let session = 0; session < GROUP; session++) {
    const drop = server.maildrop(user);
    for (const octets of messages.slice(drop.messages.length)) drop.add(octets);
    const options = clientOptions(random, protection, server, tls, troubles);
    await runSession({ server, user, options, secret: pass, codes, random, lasting }, tally);
  }
}

function serverOptions(random: Random, protection: string, troubles: readonly Trouble[]): Pop3ServerOptions {
  return {
    users: { [user]: { pass, messages: [] } },
    ...(protection === "tls" ? { tls: { ...certificate } } : { stls: { ...certificate } }),
    pipelining: random.below(4) > 0,
    sasl: ["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256"],
    chunk: random.of([Infinity, Infinity, Infinity, 300 + random.below(5000)]),
    faults: troubles.map(({ fault }) => fault),
    allowUnusedFaults: true, // what strikes is left to chance
  };
}

function clientOptions(
  random: Random,
  protection: string,
  { host, port }: Pop3Server,
  tls: { readonly ca: string },
  troubles: readonly Trouble[],
): Pop3ClientOptions {
  // Proofs that take long to compute, seldom.
  const mechanism = random.of([
    ...["USER", "USER", "USER", "USER", "PLAIN", "PLAIN", "PLAIN", "LOGIN", "LOGIN", "CRAM-MD5"],
    random.below(4) === 0 ? "SCRAM-SHA-256" : protection === "stls" ? "PLAIN" : "APOP",
  ]);
  return {
    host,
    port,
    auth: { user, pass, mechanism },
    ...(protection === "tls" ? {} : { secure: false, stls: protection === "stls" ? "required" : "never" }),
    // A TLS session is resumed if the options are the same object.
    ...(protection === "plain" ? {} : { tls: random.below(4) === 0 ? { ...tls } : tls }),
    timeouts: troubles.some(isSilent) ? SHORT : LONG,
  };
}
