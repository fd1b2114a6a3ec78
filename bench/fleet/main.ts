// `npm run bench:fleet`: what a poll of a fleet costs, from a hundred to ten thousand mailboxes. `-- --help` has the options.
import { parseArgs } from "node:util";
import { table } from "../../test/soak/table.ts";
import { installPackage } from "../stage.ts";
import type { Tls } from "./settings.ts";

const USAGE = `npm run bench:fleet -- [--mailboxes N,...] [--workers N,...] [--tls none,full,resumed] [--seconds N] [--rate N]
  --mailboxes  how many, all of them empty (100,1000,10000)
  --workers    processes that poll (2)
  --tls        in the clear, with full or with resumed handshakes (none)
  --seconds    how long each part is measured (10)
  --rate       polls per second of the part that measures the lag (50)
It needs redis-server. CPU times are comparable on a busy machine, the others are not.
`;

const { values } = parseArgs({
  options: {
    mailboxes: { type: "string", default: "100,1000,10000" },
    workers: { type: "string", default: "2" },
    tls: { type: "string", default: "none" },
    seconds: { type: "string", default: "10" },
    rate: { type: "string", default: "50" },
    help: { type: "boolean", default: false },
  },
});

function numbers(name: "mailboxes" | "workers" | "seconds" | "rate"): readonly number[] {
  return values[name].split(",").map((text) => {
    const number = Number(text);
    if (Number.isInteger(number) && number >= 1) return number;
    throw new Error(`--${name} must be a whole number >= 1 (got ${text})`);
  });
}

async function main(): Promise<void> {
  if (values.help) {
    process.stdout.write(USAGE);
    return;
  }
  const [[seconds = 10], [rate = 50]] = [numbers("seconds"), numbers("rate")];
  await installPackage();
  // It needs the package.
  const { HEAD, Run } = await import("./run.ts");
  const rows: (readonly string[])[] = [];
  for (const tls of values.tls.split(",") as Tls[])
    for (const workers of numbers("workers"))
      for (const mailboxes of numbers("mailboxes")) {
        await using run = await Run.start(mailboxes);
        const row = await run.measure(tls, workers, { seconds, rate });
        rows.push(row);
        process.stdout.write(`${row.map((cell, at) => `${HEAD[at] ?? ""} ${cell}`).join(", ")}\n`);
      }
  process.stdout.write(`\n${table(HEAD.map((name, at) => [name, ...rows.map((row) => row[at] ?? "")]))}\n`);
}

await main();
