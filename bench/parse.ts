// Compares two builds of popwright/parse: node bench/dist/parse.js BEFORE/dist/parse.js AFTER/dist/parse.js
//
// Both parse the same 1,000 messages alternately in one process, so that the machine's mood is the same for both.
// It prints the CPU time of each and the ratio, of the headers alone and of whole messages.
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { makeMail, type MailKind } from "./mail.ts";

interface Parse {
  readonly parseHeaders: (octets: Uint8Array) => Promise<unknown>;
  readonly parseMessage: (octets: Uint8Array) => Promise<unknown>;
}

const ROUNDS = 9;

/** Sizes and kinds as a mailbox has them: mostly small texts and HTML, and a few large attachments. */
const KINDS: readonly (readonly [kind: MailKind, size: number, count: number])[] = [
  ["prose", 3_000, 250],
  ["8-bit", 5_000, 200],
  ["html", 20_000, 350],
  ["base64", 80_000, 180],
  ["base64", 1_000_000, 20],
];
const messages = KINDS.flatMap(([kind, size, count]) =>
  Array.from({ length: count }, (_, number) => makeMail(kind, size, number)),
);

const paths = process.argv.slice(2);
if (paths.length !== 2) throw new Error("expected two files: BEFORE/dist/parse.js AFTER/dist/parse.js");
const builds: Parse[] = [];
for (const path of paths) builds.push((await import(pathToFileURL(resolve(path)).href)) as Parse);

for (const name of ["parseHeaders", "parseMessage"] as const) {
  const times: number[][] = [[], []];
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [index, build] of builds.entries()) {
      const start = process.cpuUsage();
      for (const message of messages) await build[name](message);
      const { user, system } = process.cpuUsage(start);
      if (round > 0) times[index]?.push((user + system) / 1000); // the first round compiles
    }
  }
  const [before = NaN, after = NaN] = times.map(median);
  console.log(
    `${name} of ${messages.length} messages: ${before.toFixed()} ms before, ${after.toFixed()} ms after, ` +
      `after / before = ${(after / before).toFixed(2)}`,
  );
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}
