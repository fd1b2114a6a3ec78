// A mailbox of a hundred thousand messages: a run holds a listing and a ledger in memory, never the mail. A
// poll without new mail takes no more round trips than for an empty mailbox.
import { execFile } from "node:child_process";
import { writeSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import type { Pop3ClientOptions } from "popwright";
import { fetchMail, FileLedger, type FetchReport } from "popwright/fetch";
import { Pop3Server } from "popwright/testing";
import { CountingProxy } from "../support/counting-proxy.ts";
import { scratch } from "../support/scratch.ts";
import { mail } from "../support/mail.ts";

const PROGRAM = join(import.meta.dirname, "large-mailbox.mjs");
const COUNT = 100_000;
const [EARLY, LATE] = [20_000, 95_000];
/**
 * How far the heap may grow per message, for its entry in the ledger. It is less than the size of the
 * message; octets.
 */
const GROWTH = 400;
const ROUND_TRIPS = 7;

interface Sample {
  /** The messages and the octets that have come so far. */
  readonly messages: number;
  readonly octets: number;
  /** What is in use of the heap, and of the memory of the machine; octets. */
  readonly heap: number;
  readonly resident: number;
}

interface Outcome {
  readonly report: FetchReport;
  readonly samples: readonly Sample[];
  /** The most of the machine's memory that the run has had; octets. */
  readonly peak: number;
  /** The ledger that was opened again: what it takes, and how long that took each time. */
  readonly opened: {
    readonly entries: number;
    readonly octets: number;
    readonly milliseconds: readonly number[];
  };
}

const mib = (octets: number): string => `${(octets / 1024 / 1024).toFixed(0)} MiB`;
const say = (line: string): void => void writeSync(1, `${line}\n`);

async function fetchAlone(account: Pop3ClientOptions, state: string): Promise<Outcome> {
  const task = JSON.stringify({ account, state, every: 5000, rounds: 5 });
  const { stdout } = await promisify(execFile)(process.execPath, ["--expose-gc", PROGRAM, task]);
  return JSON.parse(stdout) as Outcome;
}

/** The most that was in use until then. */
function highest(samples: readonly Sample[], until: number, what: "heap" | "resident"): number {
  return Math.max(...samples.filter(({ messages }) => messages <= until).map((sample) => sample[what]));
}

test(`a mailbox of ${COUNT} messages`, async () => {
  // A thousand octets each, on the average.
  const messages = Array.from({ length: COUNT }, (_, index) =>
    mail(index + 1, "x".repeat(500 + (index % 900))),
  );
  await using server = await Pop3Server.listen({ users: { ann: { pass: "secret", messages } }, tls: true });
  const account = (port: number): Pop3ClientOptions => ({
    ...{ host: "127.0.0.1", port, tls: { ca: server.ca } },
    auth: { user: "ann", pass: "secret", mechanism: "PLAIN" },
  });
  const state = await scratch();

  const { report, samples, peak, opened } = await fetchAlone(account(server.port), state);
  const octets = messages.reduce((sum, { length }) => sum + length, 0);
  expect(report).toMatchObject({ outcome: "done", listed: COUNT, delivered: COUNT, octets, failed: [] });
  const came = (until: number): number => samples.find((sample) => sample.messages === until)?.octets ?? NaN;
  const grown = (what: "heap" | "resident"): number =>
    highest(samples, LATE, what) - highest(samples, EARLY, what);
  const each = grown("heap") / (LATE - EARLY);
  say(
    `${COUNT} messages, ${mib(octets)}: the heap ${mib(highest(samples, EARLY, "heap"))} at ${EARLY}, ` +
      `${mib(highest(samples, LATE, "heap"))} at ${LATE}, ${each.toFixed(0)} octets for each message; ` +
      `resident ${mib(peak)} at most`,
  );
  expect(each).toBeLessThan(GROWTH);
  expect(grown("resident")).toBeLessThan(came(LATE) - came(EARLY));

  expect(opened.entries).toBe(COUNT);
  say(
    `its ledger opens in ${Math.min(...opened.milliseconds).toFixed(0)} ms, ` +
      `and takes ${(opened.octets / COUNT).toFixed(0)} octets for each message`,
  );

  await using proxy = await CountingProxy.before(server.port);
  const options = { ledger: new FileLedger(state), destination: () => undefined, mailbox: "ann" };
  const poll = await fetchMail(account(proxy.port), options);
  expect(poll).toMatchObject({ outcome: "done", listed: COUNT, delivered: 0, octets: 0 });
  say(
    `the next poll takes ${proxy.trips} round trips, and ${poll.duration} ms with the proxy that counts them`,
  );
  expect(proxy.trips).toBeLessThanOrEqual(ROUND_TRIPS);
  const commands = server.transcript.sessions.at(-1)?.filter((line) => /^C: (?:UIDL|RETR|TOP)/.test(line));
  expect(commands).toEqual(["C: UIDL"]);
  await server.idle();
});
