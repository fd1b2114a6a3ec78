// The calls of a session of the soak, at random: what they resolve with is compared with what the server has.
import type { Readable } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import type { CallOptions, Pop3Client, Pop3Message } from "popwright";
import type { StoredMessage } from "popwright/testing";
import { asReceived } from "../support/messages.ts";
import type { Random } from "../../bench/random.ts";

/** An answer that is not the right one. */
export class WrongAnswer extends Error {}

/** What the maildrop holds, and what this session has done to it. */
export interface Maildrop {
  readonly messages: readonly StoredMessage[];
  /** Numbers that may or may not be marked: their DELE or RSET was given up. */
  readonly uncertain: Set<number>;
}

/** The right answer comes, or an error. */
export type Call = (
  client: Pop3Client,
  maildrop: Maildrop,
  random: Random,
  options: CallOptions,
) => Promise<void>;

function same(what: string, got: unknown, right: unknown): void {
  if (got !== right) throw new WrongAnswer(`${what}: ${String(got)}, not ${String(right)}`);
}

function sameOctets(message: number, got: Buffer, { messages }: Maildrop): void {
  const right = asReceived((messages[message - 1] as StoredMessage).octets);
  if (!got.equals(right))
    throw new WrongAnswer(`message ${message}: ${got.length} octets, not the ${right.length}`);
}

/** As it goes over the wire, dots apart. */
const sizeOf = ({ octets }: StoredMessage): number => asReceived(octets).length;

/** A whole listing, but for what may be marked or not. */
function sameListing<V>(
  client: Pop3Client,
  { messages, uncertain }: Maildrop,
  got: ReadonlyMap<number, V>,
  valueOf: (message: StoredMessage) => V,
): void {
  const { marked } = client;
  for (const [index, message] of messages.entries()) {
    const number = index + 1;
    if (!uncertain.has(number))
      same(`entry ${number}`, got.get(number), marked.has(number) ? undefined : valueOf(message));
  }
  if (got.size > messages.length) throw new WrongAnswer(`${got.size} entries of ${messages.length}`);
}

/** A message that is there for sure; 0: none is. */
function present(client: Pop3Client, { messages, uncertain }: Maildrop, random: Random): number {
  const { marked } = client;
  const numbers = messages.map((_, index) => index + 1).filter((n) => !marked.has(n) && !uncertain.has(n));
  return numbers.length === 0 ? 0 : random.of(numbers);
}

/** Reads a stream slowly or fast, to its end or not; `undefined`: not. */
async function read(stream: Readable, random: Random): Promise<Buffer | undefined> {
  const pieces: Buffer[] = [];
  const most = random.of([Infinity, Infinity, Infinity, 1, 2]);
  const rests = random.below(3);
  for await (const piece of stream) {
    pieces.push(piece as Buffer);
    if (pieces.length >= most) return undefined;
    for (let rest = 0; rest < rests; rest++) await turn();
  }
  return Buffer.concat(pieces);
}

async function take(message: Pop3Message, maildrop: Maildrop, random: Random): Promise<void> {
  const how = random.below(4);
  if (how === 0) return;
  const octets = how === 1 ? await read(message.stream(), random) : await message.buffer();
  if (octets !== undefined) sameOctets(message.number, octets, maildrop);
}

/** Calls that change nothing: they may be made together. */
export const QUESTIONS: readonly Call[] = [
  async (client, { messages, uncertain }, _random, options) => {
    const marked = client.marked.size;
    const { count } = await client.stat(options);
    if (uncertain.size === 0) same("STAT", count, messages.length - marked);
  },
  async (client, maildrop, _random, options) => {
    const listing = await client.list(options);
    sameListing(client, maildrop, listing, sizeOf);
  },
  async (client, maildrop, _random, options) => {
    const listing = await client.uidl(options);
    sameListing(client, maildrop, listing, ({ uid }) => uid);
  },
  async (client, maildrop, random, options) => {
    const n = present(client, maildrop, random);
    if (n > 0)
      same(`LIST ${n}`, await client.list(n, options), sizeOf(maildrop.messages[n - 1] as StoredMessage));
  },
  async (client, maildrop, random, options) => {
    const n = present(client, maildrop, random);
    if (n > 0) same(`UIDL ${n}`, await client.uidl(n, options), maildrop.messages[n - 1]?.uid);
  },
  ...Array<Call>(3).fill(async (client, maildrop, random, options) => {
    const n = present(client, maildrop, random);
    if (n > 0) sameOctets(n, await client.retr(n, options), maildrop);
  }),
  ...Array<Call>(2).fill(async (client, maildrop, random, options) => {
    const n = present(client, maildrop, random);
    if (n === 0) return;
    const octets = await read(client.retrStream(n, options), random);
    if (octets !== undefined) sameOctets(n, octets, maildrop);
  }),
  async (client, maildrop, random, options) => {
    const n = present(client, maildrop, random);
    if (n === 0) return;
    const top = await client.top(n, random.below(5), options);
    const whole = asReceived(maildrop.messages[n - 1]?.octets ?? Buffer.alloc(0));
    if (!whole.subarray(0, top.length).equals(top)) throw new WrongAnswer(`TOP ${n}`);
  },
  async (client, _maildrop, _random, options) => client.noop(options),
];

/** Calls that are made one at a time. */
export const DEEDS: readonly Call[] = [
  async (client, maildrop, random, options) => {
    const n = present(client, maildrop, random);
    if (n === 0) return;
    maildrop.uncertain.add(n);
    await client.dele(n, options);
    maildrop.uncertain.delete(n);
  },
  async (client, maildrop, _random, options) => {
    for (const n of client.marked) maildrop.uncertain.add(n);
    await client.rset(options);
    maildrop.uncertain.clear();
  },
  async (client, maildrop, random, { signal }) => {
    let left = random.of([Infinity, Infinity, 1, 2, 3]);
    for await (const message of client.retrieve(undefined, { signal })) {
      await take(message, maildrop, random);
      if (--left <= 0) break;
    }
  },
  async (client, maildrop, random, options) => {
    const together = Array.from({ length: 2 + random.below(8) }, () => random.of(QUESTIONS));
    const results = await Promise.allSettled(together.map((call) => call(client, maildrop, random, options)));
    const failed = results
      .filter((result) => result.status === "rejected")
      .map(({ reason }) => reason as unknown);
    // A wrong answer is worse than none.
    const worst = failed.find((reason) => reason instanceof WrongAnswer) ?? failed[0];
    if (worst !== undefined) throw worst as Error;
  },
];
