// npm run bench:guard: fails if something takes twice the work. It compares no absolute times. It divides the
// CPU time of each measure by that of a simpler way to read the same bytes; both run alternately on the same
// machine. The table below has the usual ratio, and MARGIN says how much more is allowed. On a busy machine,
// each check has three attempts. Waiting costs no CPU, so the guard also counts what is exact: round trips, pauses of
// the socket, TLS contexts, and syncs of files.
import { runJob, type Outcome, type RetrieveJob } from "./job.ts";
import { installPackage, Stage } from "./stage.ts";
import { digits } from "./statistics.ts";

/** A check passes up to the usual ratio times this margin: noise stays below it, twice the work does not. */
const MARGIN = 1.7;
const ATTEMPTS = 3;
/** Seconds after which no check gets another attempt. */
const TIME = 45;
const ROUNDS = 4;
/** The maximum seconds for one job. */
const LIMIT = 20;

interface Check {
  readonly name: string;
  /**
   * The ratio on a quiet machine. If you make the code faster, update it, or the guard loses its sensitivity.
   */
  readonly usual: number;
  readonly ratio: (stage: Stage) => Promise<number>;
}

const checks: readonly Check[] = [
  {
    name: "RETR of 2,000 × 5 KB, rounds 11 to 20 ÷ a scan",
    usual: 1.7,
    ratio: (stage) => against(stage, "2000x5000", { before: 10, rounds: 10 }),
  },
  {
    name: "RETR of the first 20,000 × 5 KB ÷ a scan",
    usual: 2.5,
    ratio: (stage) => against(stage, "20000x5000"),
  },
  {
    name: "RETR of 2,000 × 5 KB in a new process ÷ a scan",
    usual: 5,
    ratio: (stage) => against(stage, "2000x5000"),
  },
  {
    name: "RETR of 100 × 1 MB ÷ a scan",
    usual: 0.6,
    ratio: (stage) => against(stage, "100x1000000", { warm: "20x1000000" }),
  },
  {
    name: "the decoder on base64 ÷ a search for dots",
    usual: 1,
    async ratio() {
      const { speed, dots } = await runJob({ task: "decoder", input: "base64", chunk: 64 * 1024 }, LIMIT);
      return (dots ?? NaN) / (speed ?? NaN);
    },
  },
  {
    name: "UIDL of 100,000 ÷ a split string",
    usual: 1.5,
    async ratio(stage) {
      const target = stage.target("100000x5000");
      return best(
        (contender) => runJob({ task: "listing", contender, target, command: "uidl" }, LIMIT),
        "warmCpu",
      );
    },
  },
];

/**
 * Divides the best run of popwright by the best run of the scan: a disturbance can only make a run slower.
 */
async function best(run: (contender: string) => Promise<Outcome>, value: string): Promise<number> {
  let own = Infinity;
  let limit = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    limit = Math.min(limit, (await run("scan"))[value] ?? Infinity);
    own = Math.min(own, (await run("popwright"))[value] ?? Infinity);
  }
  return own / limit;
}

function against(
  stage: Stage,
  mailbox: string,
  how: Pick<RetrieveJob, "warm" | "before" | "rounds"> = {},
): Promise<number> {
  const target = stage.target(mailbox);
  return best((contender) => runJob({ task: "retrieve", contender, target, ...how }, LIMIT), "cpu");
}

async function passes(stage: Stage, { name, usual, ratio }: Check): Promise<boolean> {
  const most = usual * MARGIN;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const measured = await ratio(stage);
    const verdict = measured <= most ? "ok" : "too much";
    console.log(`${verdict.padEnd(9)} ${name}: ${digits(measured)}, at most ${digits(most)}`);
    if (measured <= most) return true;
    if (performance.now() > TIME * 1000) break;
  }
  return false;
}

/** The round trips for 200 messages of 5 KB, with implicit TLS; the TCP handshake counts. */
const trips = [
  { name: "round trips of RETR", most: 1, job: { task: "retrieve", tls: false, session: false } },
  { name: "round trips of a session", most: 8, job: { task: "retrieve", tls: true, session: true } },
  { name: "round trips of a poll", most: 7, job: { task: "poll", tls: true } },
] as const;

async function countTrips(stage: Stage): Promise<boolean> {
  const way = await stage.way(6);
  let all = true;
  for (const { name, most, job } of trips) {
    const target = stage.over(way, "200x5000", job.tls);
    const common = { contender: "popwright", target, counts: way.counts };
    const { trips: counted = NaN } =
      job.task === "poll"
        ? await runJob({ task: "poll", polls: 1, ...common }, LIMIT)
        : await runJob({ task: "retrieve", session: job.session, ...common }, LIMIT);
    const verdict = counted <= most ? "ok" : "too many";
    console.log(`${verdict.padEnd(9)} ${name}: ${counted}, at most ${most}`);
    all &&= counted <= most;
  }
  return all;
}

/** The most pauses of the socket for 100 MB, 1,500 chunks, when the reader is as fast as the network. */
const PAUSES = 20;

async function countPauses(stage: Stage): Promise<boolean> {
  let all = true;
  for (const contender of ["popwright", "popwright stream()"]) {
    const target = stage.target("1x100000000");
    const { pauses = NaN } = await runJob({ task: "large", contender, target }, LIMIT);
    const verdict = pauses <= PAUSES ? "ok" : "too many";
    console.log(`${verdict.padEnd(9)} pauses of ${contender}, 100 MB: ${pauses}, at most ${PAUSES}`);
    all &&= pauses <= PAUSES;
  }
  return all;
}

/** The most TLS contexts for all polls of a process: 45 ms of CPU time each, with the certificates of a system. */
const CONTEXTS = 1;
/** The most syncs per message of a mailbox with 200: one of its file, and two for each group of up to 16. */
const SYNCS = 1.5;

async function countContexts(stage: Stage): Promise<boolean> {
  const target = stage.target("20x5000", true);
  const { contexts = NaN } = await runJob({ task: "poll", contender: "popwright", target, polls: 20 }, LIMIT);
  const verdict = contexts <= CONTEXTS ? "ok" : "too many";
  console.log(`${verdict.padEnd(9)} TLS contexts of 50 polls: ${contexts}, at most ${CONTEXTS}`);
  return contexts <= CONTEXTS;
}

async function countSyncs(stage: Stage): Promise<boolean> {
  const { syncs = NaN, delivered = NaN } = await runJob(
    { task: "fetch", target: stage.target("200x5000") },
    LIMIT,
  );
  const each = syncs / delivered;
  const verdict = each <= SYNCS ? "ok" : "too many";
  console.log(`${verdict.padEnd(9)} syncs per message into a Maildir: ${digits(each)}, at most ${SYNCS}`);
  return each <= SYNCS;
}

await installPackage();
await using stage = await Stage.set();
let all = await countTrips(stage);
all = (await countPauses(stage)) && all;
all = (await countContexts(stage)) && all;
all = (await countSyncs(stage)) && all;
for (const check of checks) all = (await passes(stage, check)) && all;
if (!all) process.exitCode = 1;
