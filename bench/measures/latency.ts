// Measures the cost of a distant server: the number of round trips, and the time that they take.
import type { Target } from "../contenders/contender.ts";
import { PEERS } from "../contenders/names.ts";
import { installedPrograms } from "../contenders/programs.ts";
import { NoOutcome, runJob, type Outcome } from "../job.ts";
import type { Plan } from "../plan.ts";
import type { Stage, Way } from "../stage.ts";
import { median } from "../statistics.ts";
import { NONE, number, text, type Cell, type Row, type Table } from "../table.ts";
import type { Measure } from "./measure.ts";

const SMALL = "200x5000";
/** Milliseconds: long enough that bytes of one write arrive together. */
const COUNTING = 6;

export const latency: Measure = {
  name: "latency",
  async run(stage, plan) {
    return [await trips(stage, plan), await times(stage, plan)];
  },
};

/** Each client gets its own route, so that all round trips on it are its own. */
async function trips(stage: Stage, plan: Plan): Promise<Table> {
  const rows = await Promise.all(["drain", "popwright", ...PEERS].map((name) => tripsOf(stage, plan, name)));
  return {
    id: "trips",
    title: "Round trips, counted",
    note:
      "200 messages of 5 KB. A session lasts from the TCP connect, which is the first round trip, to the reply " +
      "to QUIT; with implicit TLS or without TLS. A poll finds nothing new: connect, log in, UIDL, QUIT " +
      "(yapople: LIST).",
    columns: ["RETR alone", "session, TLS", "session, plain", "poll, TLS"],
    rows,
  };
}

async function tripsOf(stage: Stage, plan: Plan, contender: string): Promise<Row> {
  const way = await stage.way(COUNTING);
  const limit = plan.limit + 10;
  const over = (tls: boolean): { contender: string; target: Target; counts: number } => {
    return { contender, target: stage.over(way, SMALL, tls), counts: way.counts };
  };
  const alone = await count(() => runJob({ task: "retrieve", ...over(false) }, limit));
  // It sends only RETR, and none of the commands that a client must send before and after it.
  if (contender === "drain") return { name: contender, cells: [alone, NONE, NONE, NONE] };
  return {
    name: contender,
    cells: [
      alone,
      await count(() => runJob({ task: "retrieve", session: true, ...over(true) }, limit)),
      await count(() => runJob({ task: "retrieve", session: true, ...over(false) }, limit)),
      await count(() => runJob({ task: "poll", polls: 1, ...over(true) }, limit)),
    ],
  };
}

async function count(run: () => Promise<Outcome>): Promise<Cell> {
  return tell(run, ({ trips: counted }) => number(counted));
}

async function tell(run: () => Promise<Outcome>, show: (outcome: Outcome) => Cell): Promise<Cell> {
  try {
    return show(await run());
  } catch (error) {
    if (!(error instanceof NoOutcome)) throw error;
    return text(error.message);
  }
}

/** Slow clients mostly wait, so they are measured together; popwright and the limit are measured alone. */
async function times(stage: Stage, plan: Plan): Promise<Table> {
  const own = ["drain, RETR alone", "popwright, RETR alone", "popwright"];
  const order = [...own, ...PEERS, ...installedPrograms().map(({ name }) => name)];
  const cells = new Map<string, Cell[]>();
  const enter = (name: string, cell: Cell): void => {
    cells.set(name, [...(cells.get(name) ?? []), cell]);
  };
  for (const roundTrip of plan.roundTrips) {
    const way = await stage.way(roundTrip);
    // Two hundred commands, one at a time, and the rest; fetchmail sends two for each message.
    const limit = Math.ceil((plan.everyone ? 0.6 : 0.25) * roundTrip) + plan.limit;
    enter("drain, RETR alone", await several(plan, () => retrieve(stage, way, "drain", false, limit)));
    enter(
      "popwright, RETR alone",
      await several(plan, () => retrieve(stage, way, "popwright", false, limit)),
    );
    enter("popwright", await several(plan, () => retrieve(stage, way, "popwright", true, limit)));
    const target = stage.over(way, SMALL, true);
    const errand = { directory: stage.directory, count: 200, limit, session: true };
    const waiting: (() => Promise<void>)[] = [
      ...PEERS.map((peer) => async () => {
        enter(peer, await tell(() => retrieve(stage, way, peer, true, limit), ms));
      }),
      ...installedPrograms().map((program) => async () => {
        enter(program.name, await tell(() => program.fetch(target, errand), ms));
      }),
    ];
    // Without a delay no client waits, so each must be measured alone.
    if (roundTrip === 0) for (const one of waiting) await one();
    else await Promise.all(waiting.map((one) => one()));
  }
  return {
    id: "latency",
    title: "200 messages of 5 KB from a distant server, ms",
    note: "From the TCP connect to the reply to QUIT over TLS, unless noted otherwise.",
    columns: plan.roundTrips.map((roundTrip) => `RTT ${roundTrip} ms`),
    rows: order.flatMap((name) => {
      const row = cells.get(name);
      return row === undefined ? [] : [{ name, cells: row }];
    }),
  };
}

function ms(outcome: Outcome): Cell {
  return number(outcome["ms"]);
}

async function several(plan: Plan, run: () => Promise<Outcome>): Promise<Cell> {
  const all: number[] = [];
  for (let round = 0; round < plan.rounds; round++) all.push((await run())["ms"] ?? NaN);
  return number(median(all));
}

function retrieve(
  stage: Stage,
  way: Way,
  contender: string,
  session: boolean,
  limit: number,
): Promise<Outcome> {
  return runJob({ task: "retrieve", contender, target: stage.over(way, SMALL, session), session }, limit);
}
