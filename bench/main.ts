// npm run bench: runs the measures, prints the tables and saves them.
import { parseArgs } from "node:util";
import { correctness } from "./measures/correctness.ts";
import { decoder } from "./measures/decoder.ts";
import { dovecot } from "./measures/dovecot.ts";
import { fetchers } from "./measures/fetchers.ts";
import { large } from "./measures/large.ts";
import { latency } from "./measures/latency.ts";
import { listing } from "./measures/listing.ts";
import { maildir } from "./measures/maildir.ts";
import type { Measure } from "./measures/measure.ts";
import { packageMeasure } from "./measures/package.ts";
import { poll } from "./measures/poll.ts";
import { sessions } from "./measures/sessions.ts";
import { throughput } from "./measures/throughput.ts";
import { FULL, QUICK } from "./plan.ts";
import { circumstances, writeDocumentation, writeResults } from "./report.ts";
import { installPackage, installPeers, Stage } from "./stage.ts";
import { toText, type Table } from "./table.ts";
import { targetTable } from "./targets.ts";

/** The most important measures come first: if the time runs out, the last ones are skipped. */
const measures: readonly Measure[] = [
  throughput,
  latency,
  maildir,
  fetchers,
  correctness,
  decoder,
  packageMeasure,
  large,
  listing,
  poll,
  sessions,
  dovecot,
];

const names = measures.map(({ name }) => name);
const USAGE = `npm run bench -- [--quick] [--only ${names.slice(0, 2).join(",")}] [--docs]

  --quick  takes less than two minutes: fewer rounds and smaller mailboxes
  --only   runs only these measures: ${names.join(", ")}
  --docs   writes the tables and the charts into docs/, as a full run always does`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string" },
      docs: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const wished = values.only?.split(",") ?? names;
  if (values.help || wished.some((name) => !names.includes(name))) {
    console.log(USAGE);
    process.exitCode = values.help ? 0 : 1;
    return;
  }
  const plan = values.quick ? QUICK : FULL;
  await installPackage();
  await installPeers();
  const began = performance.now();
  const tables: Table[] = [];
  let complete = values.only === undefined;
  {
    await using stage = await Stage.set();
    for (const measure of measures) {
      if (!wished.includes(measure.name)) continue;
      const since = performance.now();
      if (since - began > plan.time * 1000) {
        console.error(`\n(${measure.name}: skipped, the time is up; run it with --only ${measure.name})`);
        complete = false;
        continue;
      }
      for (const table of await measure.run(stage, plan)) {
        console.log(toText(table));
        tables.push(table);
      }
      console.error(`\n(${measure.name}: ${seconds(since)})`);
    }
  }
  const targets = targetTable(tables);
  if (targets.rows.length > 0) {
    console.log(toText(targets));
    tables.push(targets);
  }
  const where = circumstances(plan.name);
  await writeResults("latest", where, tables);
  if (complete && plan === FULL) await writeResults("full", where, tables);
  if (values.docs || (complete && plan === FULL)) await writeDocumentation(where, tables);
  console.log(`\n${plan.name} run: ${seconds(began)}`);
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(0)} s`;
}

await main();
