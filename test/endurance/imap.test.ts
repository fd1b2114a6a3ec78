// Kills a fetcher that appends to an IMAP server, and cuts its connections: each message is in the folder once, byte for
// byte and with its time, also identical ones and those without Message-ID and Date.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeSync } from "node:fs";
import { join } from "node:path";
import { ImapFlow } from "imapflow";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Pop3Server } from "popwright/testing";
import { CuttingRelay } from "../servers/cutting-relay.ts";
import { Dovecot } from "../servers/dovecot.ts";
import { reach } from "../servers/transport.ts";
import { accountOf } from "../support/mail.ts";
import { scratch } from "../support/scratch.ts";

const CHILD = join(import.meta.dirname, "imap-child.mjs");
/** `POPWRIGHT_IMAP_KILLS=200` for the long run. */
const KILLS = Number(process.env["POPWRIGHT_IMAP_KILLS"] ?? 12);
/** 1,000 messages in the long run. */
const BATCH = 20;

interface Sample {
  readonly octets: Buffer;
  /** Its INTERNALDATE; `undefined`: the time at which it was appended. */
  readonly date: number | undefined;
}

/** Of ten messages, two are identical to others, and two have neither Message-ID nor Date. */
function sample(number: number): Sample {
  const kind = number % 10;
  const id = kind < 2 ? Math.floor(number / 40) : number;
  const time = new Date(Date.UTC(2001, 0, 1) + id * 3_599_000);
  const date = time.toUTCString().replace("GMT", "+0000");
  const received = `Received: from a by b (c; d);\r\n\t${date}\r\n`;
  const body = `${"text ".repeat(12)}\r\n`.repeat((id * 7919) % (kind === 5 ? 3000 : 90));
  const message = (header: string): Buffer => Buffer.from(`${header}\r\n${body}\r\n.\r\n${id}\r\n`);
  if (kind === 2 || kind === 3)
    return { octets: message(`Subject: no date ${kind === 2 ? "twice" : id}\r\n`), date: undefined };
  const header = `Message-ID: <${id}@example.com>\r\nDate: ${date}\r\nSubject: ${id}\r\n`;
  if (kind === 4) return { octets: message(header), date: time.getTime() };
  return {
    octets: message(`${received}Received: x; Mon, 1 Jan 2001 00:00:00 +0000\r\n${header}`),
    date: time.getTime(),
  };
}

let dovecot: Dovecot;
let embedded: Pop3Server;
let relay: CuttingRelay;
beforeAll(async () => {
  dovecot = await Dovecot.start({ users: { ann: "secret", target: "secret" }, imap: true });
  embedded = await Pop3Server.listen({ users: { bea: { pass: "secret", messages: [] } } });
  relay = await CuttingRelay.to(dovecot.imapPort);
});
afterAll(async () => {
  await relay.close();
  await embedded.close();
  await dovecot.stop();
});

class Scene {
  readonly wanted: Sample[] = [];
  readonly #task: string;

  constructor(directory: string) {
    const ann = {
      ...reach(dovecot, "plain"),
      auth: { user: "ann", pass: "secret", mechanism: "PLAIN" },
    };
    // What failed because of a kill is due again at once, and never given up.
    const policy = { delete: "delivered", commitEvery: 7, retry: { first: 0, longest: 0 }, tries: 1e9 };
    const url = `imap://target@127.0.0.1:${relay.port}/INBOX`;
    const accounts = { ann, bea: accountOf(embedded, "bea") };
    this.#task = JSON.stringify({ accounts, url, password: "secret", directory, policy });
  }

  /** Adds new mail to each maildrop that has less than half as much. */
  async fill(): Promise<void> {
    const bea = embedded.maildrop("bea");
    if ((await dovecot.count("ann")) < BATCH / 2) await dovecot.deliver("ann", this.#more());
    if (bea.messages.length < BATCH / 2) for (const octets of this.#more()) bea.add(octets);
  }

  #more(): Buffer[] {
    const samples = Array.from({ length: BATCH }, (_, at) => sample(this.wanted.length + at));
    this.wanted.push(...samples);
    return samples.map(({ octets }) => octets);
  }

  /** Runs a fetcher, and kills it after a while. Resolves with what it printed. */
  async run(after?: number): Promise<{ readonly killed: boolean; readonly outcomes: unknown }> {
    const child = spawn(process.execPath, ["--no-warnings", CHILD, this.#task], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const timer = after === undefined ? undefined : setTimeout(() => child.kill("SIGKILL"), after);
    let printed = "";
    child.stdout.on("data", (octets: Buffer) => (printed += octets.toString()));
    await once(child, "close");
    clearTimeout(timer);
    const killed = child.signalCode === "SIGKILL";
    return { killed, outcomes: printed === "" ? undefined : JSON.parse(printed) };
  }

  /** Runs until the end, without cuts. Every mailbox must be done. */
  async settle(): Promise<void> {
    relay.budget = () => Infinity;
    const { outcomes } = await this.run();
    expect(outcomes).toMatchObject([
      { outcome: "done", failed: [] },
      { outcome: "done", failed: [] },
    ]);
  }
}

interface Found {
  readonly octets: Buffer;
  readonly date: number;
}

async function inbox(): Promise<Found[]> {
  const client = new ImapFlow({
    host: "127.0.0.1",
    port: dovecot.imapPort,
    secure: false,
    doSTARTTLS: false,
    auth: { user: "target", pass: "secret" },
    logger: false,
  });
  await client.connect();
  const found: Found[] = [];
  const { exists } = await client.mailboxOpen("INBOX", { readOnly: true });
  if (exists > 0)
    for await (const { source, internalDate } of client.fetch("1:*", { source: true, internalDate: true }))
      found.push({
        octets: Buffer.from(source ?? ""),
        date: new Date(internalDate ?? 0).getTime(),
      });
  await client.logout();
  return found;
}

/** How often each message is there. */
function counted(messages: readonly { readonly octets: Buffer }[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { octets } of messages) {
    const content = octets.toString("latin1");
    counts.set(content, (counts.get(content) ?? 0) + 1);
  }
  return counts;
}

function expectAll(wanted: readonly Sample[], found: readonly Found[], since: number): void {
  const [expected, there] = [counted(wanted), counted(found)];
  let [lost, twice, wrongTime] = [0, 0, 0];
  for (const [content, count] of expected) {
    const copies = there.get(content) ?? 0;
    lost += Math.max(0, count - copies);
    twice += Math.max(0, copies - count);
  }
  const foreign = [...there.keys()].filter((content) => !expected.has(content)).length;
  const dates = new Map(wanted.map(({ octets, date }) => [octets.toString("latin1"), date]));
  for (const { octets, date } of found) {
    const right = dates.get(octets.toString("latin1"));
    const isRight = right === undefined ? date >= since - 1000 && date <= Date.now() : date === right;
    if (!isRight) wrongTime++;
  }
  expect({ lost, twice, foreign, wrongTime }).toEqual({ lost: 0, twice: 0, foreign: 0, wrongTime: 0 });
}

test("killed at random, while connections are cut", { timeout: KILLS * 30_000 }, async () => {
  const began = Date.now();
  const scene = new Scene(await scratch());
  await scene.fill();
  const started = performance.now();
  await scene.settle();
  let latest = performance.now() - started;
  let state = 20_261_130;
  const random = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
  let [kills, runs, looks] = [0, 0, 0];
  relay.heard = (octets) => {
    if (octets.includes(" EXAMINE ")) looks++;
  };
  for (; kills < KILLS; runs++) {
    expect(runs).toBeLessThan(3 * KILLS + 10);
    await scene.fill();
    relay.budget = () => (random() < 0.6 ? Math.floor(200 + random() * 40_000) : Infinity);
    const { killed } = await scene.run(latest * (0.4 + 0.6 * random()));
    if (killed) kills++;
    // One of five or so gets to its end, however busy the machine is.
    latest *= killed ? 1.03 : 0.9;
  }
  await scene.settle();
  await embedded.idle();
  expectAll(scene.wanted, await inbox(), began);
  expect([await dovecot.count("ann"), embedded.maildrop("bea").messages.length]).toEqual([0, 0]);
  const { length } = scene.wanted;
  const seconds = ((Date.now() - began) / 1000).toFixed(0);
  writeSync(
    1,
    `killed ${kills} times and cut ${relay.cuts} times in ${runs} runs: ${length} messages, ${looks} of them looked for, each there once, ${seconds} s\n`,
  );
});
