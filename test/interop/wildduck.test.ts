// Many runs against WildDuck 1.46.1, which mixes up pipelined replies, and 1.51.1, which does not: no file is damaged,
// and no message is lost.
import { join } from "node:path";
import { expect, test } from "vitest";
import { fetchMail, MemoryLedger, Maildir, type Destination } from "../../src/fetch/index.ts";
import { octetsIn } from "../support/folder.ts";
import { scratch } from "../support/scratch.ts";
import { WildDuck } from "../servers/wildduck.ts";
import { sha256 } from "./sha256.ts";

/** For each way; six ways make 300. */
const RUNS = 50;

/** Numbers from 0 to 1, the same each time. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) & 0x7fff_ffff;
    return state / 0x7fff_ffff;
  };
}

/** A message as the server keeps it: some look like replies, some have no end of the last line. */
function message(number: number, random: () => number): Buffer {
  const size = random() < 0.3 ? random() * 400_000 : random() * 3000;
  let text = `Message-ID: <${number}@mail.test>\r\n\r\n`;
  while (text.length < size) {
    text += "x".repeat(1 + Math.floor(random() * 200));
    text += random() < 0.02 ? "\r\n+OK 12 octets\r\n." : "\r\n";
  }
  if (random() < 0.5) text += random() < 0.5 ? "." : "the end";
  return Buffer.from(text, "latin1");
}

/** The server ends the last line if it has no end. */
const served = (kept: Buffer): Buffer =>
  kept.toString("latin1").endsWith("\r\n") ? kept : Buffer.concat([kept, Buffer.from("\r\n")]);

/** Holds the server back now and then. */
function slowly(destination: Destination): Destination {
  return {
    async begin(delivery, signal, ledger) {
      const writer = await destination.begin(delivery, signal, ledger);
      if (writer === "known") return writer;
      return {
        async write(octets) {
          await new Promise((resolve) => setImmediate(resolve));
          await writer.write(octets);
        },
        commit: (entry) => writer.commit(entry),
        abort: () => writer.abort(),
      };
    },
  };
}

// At the same time: for most of it the server waits for an acknowledgement (Nagle's algorithm).
test.concurrent.for([
  { version: "1.46.1", named: true, deletion: "never" },
  { version: "1.46.1", named: true, deletion: "delivered" },
  { version: "1.46.1", named: false, deletion: "never" },
  { version: "1.46.1", named: false, deletion: "delivered" },
  { version: "1.51.1", named: true, deletion: "never" },
  { version: "1.51.1", named: true, deletion: "delivered" },
] as const)(
  `${RUNS} runs: $version, $named, delete $deletion`,
  { timeout: 300_000 },
  async (row, { onTestFinished }) => {
    const { version, named, deletion } = row;
    const random = randomFrom(named ? 1 : 2);
    const sum = { messages: 0, sessions: 0, roundTrips: 0, broken: 0 };
    for (let run = 0; run < RUNS; run++) {
      const count = 2 + Math.floor(random() * 12);
      // Sizes that the server announces count no end that it adds. In 1.51.1, which pipelines, a message of another size
      // with a line like a reply in it would count as damaged.
      const made = Array.from({ length: count }, (_, index) => message(index, random));
      const kept = version === "1.51.1" ? made.map(served) : made;
      const messages = new Map(kept.map((octets, index) => [`uid-${index}`, octets]));
      await using server = await WildDuck.start({
        version,
        named,
        messages,
        chunk: random() < 0.5 ? 65_536 : 1000,
      });
      const directory = await scratch(onTestFinished);
      const maildir = new Maildir(directory);
      const account = {
        ...{ host: server.host, port: server.port, secure: false, stls: "never" as const },
        auth: { user: "ann", pass: "secret" },
      };
      const options = {
        ledger: new MemoryLedger(),
        destination: random() < 0.5 ? slowly(maildir) : maildir,
        policy: { delete: deletion },
        force: true,
        onEvent: ({ type }: { readonly type: string }): void => {
          if (type === "pipelining-broken") sum.broken++;
        },
      };
      expect(await fetchMail(account, options)).toMatchObject({
        outcome: "done",
        delivered: count,
        failed: [],
      });
      expect(await fetchMail(account, options)).toMatchObject({ outcome: "done", delivered: 0, failed: [] });
      const wanted = kept.map(served).map(sha256);
      expect((await octetsIn(join(directory, "new"))).map(sha256).sort()).toEqual(wanted.sort());
      expect(server.maildrop.size).toBe(deletion === "never" ? count : 0);
      sum.messages += count;
      sum.sessions += server.sessions;
      sum.roundTrips += server.roundTrips;
    }
    // Each server that does not say what it is breaks one session, and the run goes on in another.
    expect(sum.sessions).toBe(2 * RUNS + sum.broken);
    expect(named ? sum.broken === 0 : sum.broken > RUNS / 2).toBe(true);
    console.log(`${version}, named ${named}, delete ${deletion}:`, JSON.stringify(sum));
  },
);
