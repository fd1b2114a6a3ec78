// Many random callers that read, leave and abort: every call settles, with its own answer.
import type { Readable } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import fc from "../support/fast-check.ts";
import { describe, expect, it } from "vitest";
import { Pop3Client, type CallOptions, type Pop3Message } from "popwright";
import { stopClocks, timePasses } from "../support/clock.ts";
import { maildropScript, uidOf, type Answers } from "../support/maildrop-script.ts";
import { ScriptedServer } from "../support/scripted-server.ts";
import type { Peer } from "../support/peer.ts";
import { codeOf, guardEachTest } from "../support/sentry.ts";
import { endAs, type End } from "../support/wire-ends.ts";
import { turns } from "../support/turns.ts";

guardEachTest();

/** Octets; larger and smaller than a read, a stream's buffer and the window. */
const SIZES = [0, 1, 40, 3000, 66_000, 140_000, 400_000, 20];
const COUNT = SIZES.length;
const WINDOW = { octets: 100_000, commandOctets: 60 };

const BODIES = SIZES.map((size, index) => {
  const line = `${index + 1}.${"abcdefgh".repeat(index + 1)}\r\n.${index + 1}\r\n+OK\r\n`;
  return Buffer.from(`${line.repeat(Math.ceil(size / line.length)).slice(0, size)}\r\n`, "latin1");
});
const RESPONSES = BODIES.map((body) =>
  Buffer.from(`+OK\r\n${body.toString("latin1").replaceAll(/^\./gm, "..")}.\r\n`, "latin1"),
);

interface Act {
  readonly kind: "retr" | "uidl" | "list" | "echo" | "stream" | "loop";
  readonly message: number;
  /** Turns of the loop before it begins. */
  readonly after: number;
  /** Turns from then on until its signal is aborted. */
  readonly abort: number | undefined;
  /** How many pieces of a stream are read; the rest is left. */
  readonly pieces: number | undefined;
  /** What becomes of each message of a loop. */
  readonly takes: readonly ("buffer" | "stream" | "skip" | "leave")[];
}

const ACT: fc.Arbitrary<Act> = fc.record({
  kind: fc.constantFrom("retr", "uidl", "list", "echo", "stream", "loop"),
  message: fc.integer({ min: 1, max: COUNT }),
  after: fc.nat(12),
  abort: fc.option(fc.nat(15), { nil: undefined, freq: 2 }),
  pieces: fc.option(fc.nat(4), { nil: undefined }),
  takes: fc.array(fc.constantFrom("buffer", "buffer", "stream", "stream", "skip", "leave"), {
    maxLength: COUNT,
  }),
});

/** Where the octets of the server are cut into packets: lengths, over and over. */
const CUTS = fc.array(fc.integer({ min: 1, max: 90_000 }), { minLength: 1, maxLength: 5 });

/** Runs one act. Resolves with what its answer should have been and was not, or with the code of its error. */
async function perform(client: Pop3Client, act: Act): Promise<string> {
  const { kind, message } = act;
  await turns(act.after);
  const controller = new AbortController();
  const options: CallOptions = act.abort === undefined ? {} : { signal: controller.signal };
  if (act.abort !== undefined) void turns(act.abort).then(() => controller.abort());
  try {
    if (kind === "retr") return same(await client.retr(message, options), message);
    if (kind === "uidl")
      return (await client.uidl(message, options)) === uidOf(message) ? "ok" : "wrong unique-id";
    if (kind === "list")
      return (await client.list(message, options)) === SIZES[message - 1] ? "ok" : "wrong size";
    if (kind === "echo")
      return (await client.command(`ECHO ${message}`, options)).text === String(message)
        ? "ok"
        : "wrong text";
    if (kind === "stream") return await readStream(client.retrStream(message, options), message, act.pieces);
    return await runLoop(client, act, options);
  } catch (error) {
    return codeOf(error);
  }
}

function same(octets: Buffer, message: number): string {
  return octets.equals(BODIES[message - 1] as Buffer) ? "ok" : `wrong octets for message ${message}`;
}

async function readStream(stream: Readable, message: number, pieces: number | undefined): Promise<string> {
  const got: Buffer[] = [];
  if (pieces === 0) {
    // On a dead session it fails before it is left.
    stream.on("error", () => undefined).destroy();
    return "left";
  }
  for await (const piece of stream) {
    got.push(piece as Buffer);
    await turns(message % 3);
    if (got.length === pieces) return "left";
  }
  return same(Buffer.concat(got), message);
}

async function runLoop(client: Pop3Client, { takes, pieces }: Act, options: CallOptions): Promise<string> {
  let at = 0;
  for await (const message of client.retrieve(undefined, options)) {
    const take = takes[at++] ?? "buffer";
    if (take === "leave") return "left";
    const result = await takeAs(message, take, pieces);
    if (!["ok", "left"].includes(result)) return result;
  }
  return at === COUNT ? "ok" : `${at} messages in the loop`;
}

async function takeAs(message: Pop3Message, take: string, pieces: number | undefined): Promise<string> {
  if (take === "buffer") return same(await message.buffer(), message.number);
  if (take === "stream") return readStream(message.stream(), message.number, pieces);
  await turns(2);
  return "left";
}

/** Answers in packets cut by `cuts`, and ends as `end` says, after `end.after` octets. */
function script(cuts: readonly number[], pipelining: boolean, end?: { kind: End; after: number }): Answers {
  let at = 0;
  let left = end?.after ?? Infinity;
  const send = async (peer: Peer, whole: Buffer): Promise<undefined> => {
    for (let from = 0; from < whole.length;) {
      const to = Math.min(from + (cuts[at++ % cuts.length] as number), whole.length, from + left);
      await peer.send(whole.subarray(from, to));
      left -= to - from;
      from = to;
      if (left <= 0 && end !== undefined) await endAs(peer, end.kind);
      if (peer.over) return undefined;
      await turn();
    }
    return undefined;
  };
  const sizes = SIZES.map((size, index) => `${index + 1} ${size}\r\n`).join("");
  return {
    RETR: (peer, line) => send(peer, RESPONSES[Number(line.slice(5)) - 1] as Buffer),
    LIST: (peer, line) => {
      const n = Number(line.slice(5));
      return send(peer, Buffer.from(n > 0 ? `+OK ${n} ${SIZES[n - 1] ?? ""}\r\n` : `+OK\r\n${sizes}.\r\n`));
    },
    ...(!pipelining && { CAPA: "+OK\r\nUIDL\r\nSASL PLAIN\r\n.\r\n" }),
  };
}

const acts = fc.array(ACT, { minLength: 1, maxLength: 10 });
const SEED = 1939;

describe("random callers", () => {
  stopClocks();

  it("each get their own answer from a correct server, or the error of their abort", async () => {
    await fc.assert(
      fc.asyncProperty(acts, CUTS, fc.boolean(), async (all, cuts, pipelining) => {
        await using server = await ScriptedServer.listen(
          maildropScript(script(cuts, pipelining), { count: COUNT }),
        );
        const client = await Pop3Client.connect(server.options({ pipelining: WINDOW }));
        const results = await Promise.all(all.map((act) => perform(client, act)));
        const allowed = all.map(({ abort }) =>
          abort === undefined ? ["ok", "left"] : ["ok", "left", "POP3_ABORTED"],
        );
        for (const [index, result] of results.entries()) expect(allowed[index]).toContain(result);
        // In step, and nothing left in flight that could be taken for an answer.
        expect(await client.uidl(5)).toBe(uidOf(5));
        expect(same(await client.retr(3), 3)).toBe("ok");
        await client.quit();
      }),
      { seed: SEED, numRuns: 100 },
    );
  });

  it("all settle with the correct answer or an error, whenever the server ends the session", async () => {
    const end = fc.record({
      kind: fc.constantFrom<End>("close", "reset", "stall"),
      after: fc.oneof(fc.nat(200), fc.nat(700_000)),
    });
    await fc.assert(
      fc.asyncProperty(acts, CUTS, fc.boolean(), end, async (all, cuts, pipelining, ending) => {
        await using server = await ScriptedServer.listen(
          maildropScript(script(cuts, pipelining, ending), { count: COUNT }),
        );
        const clocks = { command: 80, body: 80, drain: 80 };
        const client = await Pop3Client.connect(server.options({ pipelining: WINDOW, timeouts: clocks }));
        const results = await timePasses(Promise.all(all.map((act) => perform(client, act))));
        for (const result of results) {
          if (!["ok", "left"].includes(result)) expect(result).toMatch(/^POP3_/);
        }
        client.close();
      }),
      { seed: SEED, numRuns: 100 },
    );
  });
});
