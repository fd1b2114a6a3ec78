// Measures the whole job of a mail fetcher: from the start of the program until all messages are durable in a
// Maildir, and it is noted which they are.
import { mkdir, mkdtemp, readdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isInstalled, mpopArguments, timed } from "../contenders/programs.ts";
import { NoOutcome, type Outcome } from "../job.ts";
import { mailboxNamed } from "../mailbox.ts";
import { inTurn, measured, values, type Entered, type Entry } from "../round.ts";
import type { Stage } from "../stage.ts";
import { median, medianRatio } from "../statistics.ts";
import { NONE, number, runs, text, type Row, type Table } from "../table.ts";
import type { Measure } from "./measure.ts";

const SCENES = [
  { id: "maildir-5k", title: "2,000 × 5 KB", mailbox: "2000x5000" },
  { id: "maildir-2k", title: "20,000 × 2 KB", mailbox: "20000x2000" },
  { id: "maildir-1m", title: "200 × 1 MB", mailbox: "200x1000000" },
] as const;

/** Seconds. The disk of a busy machine is slow. */
const LIMIT = 600;

type Scene = (typeof SCENES)[number];

/** Starts a program that fetches into `Mail` in a directory. */
type Fetcher = (stage: Stage, mailbox: string, directory: string) => Promise<Outcome>;

const popwright: Fetcher = (stage, mailbox, directory) => {
  const program = fileURLToPath(new URL("fetch-mail.js", import.meta.url));
  const { port } = stage.target(mailbox);
  return timed(process.execPath, [program, String(port), mailbox, directory], LIMIT);
};

const mpop: Fetcher = async (stage, mailbox, directory) => {
  const target = join(directory, "Mail");
  for (const name of ["tmp", "new", "cur"]) await mkdir(join(target, name), { recursive: true });
  return timed("mpop", mpopArguments(stage.target(mailbox), directory, `maildir,${target}`), LIMIT);
};

export const maildir: Measure = {
  name: "maildir",
  async run(stage, plan) {
    const tables: Table[] = [];
    for (const scene of plan.name === "quick" ? SCENES.slice(0, 1) : SCENES) {
      const fetchers = Object.entries({ popwright, ...(isInstalled("mpop") && { mpop }) });
      const entries = fetchers.map(([name, fetcher]): Entry => {
        return { name, rounds: 3, run: () => fetched(stage, scene, fetcher) };
      });
      tables.push(toTable(scene, await inTurn(entries)));
    }
    return tables;
  },
};

/** Runs a fetcher, and checks that all messages are there. */
async function fetched(stage: Stage, { mailbox }: Scene, fetcher: Fetcher): Promise<Outcome> {
  const directory = await mkdtemp(join(stage.directory, "maildir-"));
  // The directory stays until the stage is removed: ext4 creates files slowly for a minute after others were deleted.
  const outcome = await fetcher(stage, mailbox, directory);
  const { count } = mailboxNamed(mailbox);
  const { length } = await readdir(join(directory, "Mail/new"));
  if (length !== count) throw new NoOutcome(`${length} of ${count} messages`);
  return outcome;
}

function toTable({ id, title, mailbox }: Scene, entered: readonly Entered[]): Table {
  const { count } = mailboxNamed(mailbox);
  const peer = (value: string): (number | undefined)[] =>
    entered.filter(({ name }) => name === "mpop").flatMap((one) => values(one, value));
  return {
    id,
    title: `${title} into a Maildir, durable`,
    note: "From the start of the program to its end. mpop syncs files; popwright syncs files, their names, and what it has fetched.",
    columns: ["ms", "× mpop", "messages/s", "CPU ms", "CPU × mpop"],
    rows: entered.map((one): Row => {
      const { name, failure } = one;
      const ms = measured(one, "ms");
      if (ms.length === 0) return { name, cells: [text(failure ?? "–"), NONE, NONE, NONE, NONE] };
      return {
        name,
        cells: [
          runs(ms),
          number(medianRatio(values(one, "ms"), peer("ms"))),
          number((count * 1000) / median(ms)),
          number(median(measured(one, "cpu"))),
          number(medianRatio(values(one, "cpu"), peer("cpu"))),
        ],
      };
    }),
  };
}
