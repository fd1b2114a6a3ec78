// Measures RETR alone without network delay: many small messages, and large ones.
import { LIMITS, PEERS } from "../contenders/names.ts";
import { installedPrograms } from "../contenders/programs.ts";
import { runJob } from "../job.ts";
import { mailboxNamed } from "../mailbox.ts";
import type { Plan } from "../plan.ts";
import { inTurn, measured, values, type Entered, type Entry } from "../round.ts";
import type { Stage } from "../stage.ts";
import { median, medianRatio } from "../statistics.ts";
import { NONE, number, runs, text, type Row, type Table } from "../table.ts";
import type { Measure } from "./measure.ts";

interface Scene {
  readonly id: string;
  readonly title: string;
  readonly mailbox: string;
  readonly tls: boolean;
  /** The rounds in one process: those before the measured ones, and those. */
  readonly before?: number;
  readonly rounds?: number;
  /** Whether programs take part. They start as a new process each time, so only in cold measures. */
  readonly programs: boolean;
}

function scenes(plan: Plan): Scene[] {
  const small = plan.smallCount.toLocaleString("en-US");
  const large = `${plan.largeCount}x1000000`;
  return [
    { id: "cold", title: "2,000 × 5 KB, new process", mailbox: "2000x5000", tls: false, programs: true },
    {
      id: "first",
      title: `the first ${small} × 5 KB of a process`,
      mailbox: `${plan.smallCount}x5000`,
      tls: false,
      programs: false,
    },
    {
      id: "steady",
      title: "2,000 × 5 KB, rounds 11 to 20 of a process",
      mailbox: "2000x5000",
      before: 10,
      rounds: 10,
      tls: false,
      programs: false,
    },
    { id: "megabyte", title: `${plan.largeCount} × 1 MB`, mailbox: large, tls: false, programs: true },
    {
      id: "cold-tls",
      title: "2,000 × 5 KB, new process, TLS",
      mailbox: "2000x5000",
      tls: true,
      programs: true,
    },
    {
      id: "megabyte-tls",
      title: `${plan.largeCount} × 1 MB, TLS`,
      mailbox: large,
      tls: true,
      programs: false,
    },
  ];
}

export const throughput: Measure = {
  name: "throughput",
  async run(stage, plan) {
    const tables: Table[] = [];
    for (const scene of scenes(plan)) {
      const entered = await inTurn(entries(stage, plan, scene));
      tables.push(toTable(scene, entered));
    }
    return tables;
  },
};

function entries(stage: Stage, plan: Plan, scene: Scene): Entry[] {
  const { mailbox, tls, before = 0, rounds = 1 } = scene;
  const target = stage.target(mailbox, tls);
  const everyone = plan.everyone || !tls;
  const clients = [...LIMITS, "popwright", ...(everyone ? PEERS : [])].map((contender): Entry => {
    return {
      name: contender,
      rounds: PEERS.includes(contender) ? plan.peerRounds : plan.rounds,
      run: () => runJob({ task: "retrieve", contender, target, before, rounds }, plan.limit),
    };
  });
  if (!scene.programs || !everyone) return clients;
  const errand = { directory: stage.directory, count: mailboxNamed(mailbox).count, limit: plan.limit };
  const programs = installedPrograms().map((program): Entry => {
    return { name: program.name, rounds: plan.peerRounds, run: () => program.fetch(target, errand) };
  });
  return [...clients, ...programs];
}

function toTable({ id, title, mailbox, rounds = 1 }: Scene, entered: readonly Entered[]): Table {
  const { count, octets } = mailboxNamed(mailbox);
  const limit = (name: string, value = "ms"): (number | undefined)[] => {
    const found = entered.find((one) => one.name === name);
    return found === undefined ? [] : values(found, value);
  };
  const rows = entered.map((one): Row => {
    const { name, failure } = one;
    const ms = measured(one, "ms");
    if (ms.length === 0) return { name, cells: [text(failure ?? "–"), ...Array<typeof NONE>(8).fill(NONE)] };
    return {
      name,
      cells: [
        runs(ms),
        number(medianRatio(values(one, "ms"), limit("scan"))),
        number(medianRatio(values(one, "ms"), limit("drain"))),
        number((rounds * count * 1000) / median(ms)),
        number((rounds * octets) / median(ms) / 1000),
        number(median(measured(one, "cpu"))),
        number(medianRatio(values(one, "cpu"), limit("scan", "cpu"))),
        number(medianRatio(values(one, "cpu"), limit("drain", "cpu"))),
        number(median(measured(one, "peak"))),
      ],
    };
  });
  return {
    id,
    title,
    columns: [
      "ms",
      "× scan",
      "× drain",
      "messages/s",
      "MB/s",
      "CPU ms",
      "CPU × scan",
      "CPU × drain",
      "peak MB",
    ],
    rows,
  };
}
