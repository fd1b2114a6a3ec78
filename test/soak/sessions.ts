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
/** Sessions between two looks at the memory, at least. */
const BATCH = 500;
/** Sessions before the base is measured, at least. */
const WARM = 1000;
/** The lowest heap of this number of last batches counts: garbage may be left in one of them. */
const LAST = 3;
/** How far the heap may grow: 150 octets for each of ten thousand sessions. */
const GROWTH = 1.5 * 1024 * 1024;
/** The run ends early if it has found more problems than this. */
const MANY = 10;

/** Clocks of a client whose server falls silent, for each session at the same time; milliseconds. */
const SHORT = 10;
/** Clocks of the others, whose server is only slow, on a busy machine; milliseconds. */
const LONG = 600_000;

const certificate = makeCertificate();
const user = "ann";
const pass = "hunter2-hunter2";
const messages = [...seededMessages(9, 1939), Buffer.alloc(40_000, `${"0123456789".repeat(6)}ab\r\n`)];

export interface Soak {
  /** At least this number of sessions. */
  readonly sessions: number;
  /** And at least this time. */
  readonly seconds: number;
  /** Sessions at the same time. */
  readonly together: number;
  readonly seed: number;
}

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

export async function soak({ sessions, seconds, together, seed }: Soak): Promise<Sessions> {
  const batch = Math.max(BATCH, together * GROUP);
  const warm = Math.ceil(WARM / batch);
  const began = performance.now();
  const tally: Tally = { whole: 0, resolved: 0, failed: new Map() };
  const problems: string[] = [];
  const lasting = new AbortController();
  using watch = new Watch();
  const heap: number[] = [];
  let base: Base | undefined;
  let done = 0;
  while (done < sessions || performance.now() - began < 1000 * seconds) {
    const from = done / GROUP;
    const groups = Array.from({ length: batch / GROUP }, (_, index) => from + index);
    await Promise.all(
      Array.from({ length: together }, async () => {
        for (let group = groups.shift(); group !== undefined; group = groups.shift()) {
          try {
            const random = new Random(seed * 1_000_003 + group * 7919);
            await runGroup(random, SHORT * together, tally, lasting.signal);
          } catch (error) {
            problems.push(`group ${group}: ${String(error)}`);
          }
        }
      }),
    );
    done += batch;
    const now = await watch.look();
    heap.push(now.heap);
    // The first batches warm up: code is compiled, and what is loaded late is loaded.
    if (heap.length <= warm) base = now;
    else if (base !== undefined) {
      const since = `after ${done} sessions`;
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
    sessions: done,
    seed,
    seconds: (performance.now() - began) / 1000,
    tally,
    heap,
    base: base?.heap ?? 0,
    problems,
  };
}

async function runGroup(random: Random, short: number, tally: Tally, lasting: AbortSignal): Promise<void> {
  const protection = random.of(["plain", "plain", "plain", "stls", "tls"]);
  const troubles = Array.from({ length: random.below(5) }, () => randomTrouble(random));
  const clock = troubles.some(isSilent) ? short : LONG;
  const codes = troubles.flatMap((trouble) => trouble.codes);
  await using server = await Pop3Server.listen(serverOptions(random, protection, troubles));
  const tls = { ca: certificate.cert };
  for (let session = 0; session < GROUP; session++) {
    const drop = server.maildrop(user);
    for (const octets of messages.slice(drop.messages.length)) drop.add(octets);
    const options = clientOptions(random, protection, server, tls, clock);
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
  clock: number,
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
    timeouts: { greeting: clock, command: clock, body: clock, quit: clock, drain: clock },
  };
}
