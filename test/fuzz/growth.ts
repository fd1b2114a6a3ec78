// Tells whether the work of a parser grows faster than its input: a part of an input is repeated until it is long, and then eight
// times as long.
import type { Target } from "./target.ts";

/** How much longer the second input is. */
const TIMES = 8;

/** The first length in octets: branches are counted exactly, and time is not. */
const [COUNTED, TIMED] = [2048, 16 * 1024];

/** How much more work the longer input may be: eight times as much, with room for what is not proportional. */
const BRANCHES = 2.5 * TIMES;
const TIME = 4 * TIMES;

/** So many for each octet are no sign: a short input may take a shorter way. */
const BRANCHES_PER_OCTET = 50;

/** Milliseconds of CPU time. Below that, the garbage collector and the compiler decide. */
const NOTICEABLE = 200;

const TRIES = 3;

/** The lengths of the beginnings and of the ends of an input that are repeated; 0: all of it is repeated. */
const LENGTHS = [0, 1, 2, 3];

/** What is repeated, and how. */
interface Repetition {
  readonly what: string;
  readonly longer: Longer;
}

/** Resolves with what is wrong, or `undefined`. `timed`: measures CPU time as well, which also sees the work in native code. */
export async function growthOf(target: Target, data: Buffer, timed: boolean): Promise<string | undefined> {
  if (target.parse === undefined) return undefined;
  for (const { what, longer } of repetitions(data)) {
    const why =
      (await branchGrowth(target, longer)) ?? (timed ? await timeGrowth(target, longer) : undefined);
    if (why !== undefined) return `${what}, it takes ${why}`;
  }
  return undefined;
}

/** An input with its end over and over after the rest, and with its beginning over and over before the rest. */
function* repetitions(data: Buffer): Generator<Repetition, void> {
  for (const size of LENGTHS.filter((length) => length < data.length)) {
    const [head, end] = [data.subarray(0, data.length - size), data.subarray(data.length - size)];
    const [first, rest] = [data.subarray(0, size), data.subarray(size)];
    if (size === 0) yield { what: "repeated", longer: (length) => Buffer.alloc(length, data) };
    else {
      yield {
        what: `with its last ${size} repeated`,
        longer: (length) => Buffer.concat([head, Buffer.alloc(length, end)]),
      };
      yield {
        what: `with its first ${size} repeated`,
        longer: (length) => Buffer.concat([Buffer.alloc(length, first), rest]),
      };
    }
  }
}

type Longer = (length: number) => Buffer;

async function branchGrowth(target: Target, longer: Longer): Promise<string | undefined> {
  const few = await branchesOf(target, longer(COUNTED));
  const many = await branchesOf(target, longer(COUNTED * TIMES));
  if (many <= Math.max(few * BRANCHES, BRANCHES_PER_OCTET * COUNTED * TIMES)) return undefined;
  return `${few} branches for ${COUNTED} octets, and ${many} for ${COUNTED * TIMES}`;
}

async function timeGrowth(target: Target, longer: Longer): Promise<string | undefined> {
  let slowest: string | undefined;
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const much = await timeOf(target, longer(TIMED * TIMES));
    if (much < NOTICEABLE) return undefined;
    const little = await timeOf(target, longer(TIMED));
    if (much < little * TIME) return undefined;
    slowest = `${little.toFixed(0)} ms for ${TIMED} octets, and ${much.toFixed(0)} ms for ${TIMED * TIMES}`;
  }
  return slowest;
}

async function branchesOf({ parse, hits }: Target, data: Buffer): Promise<number> {
  hits.fill(0);
  await parse?.(data);
  return hits.reduce((sum, count) => sum + count, 0);
}

async function timeOf({ parse }: Target, data: Buffer): Promise<number> {
  const before = process.cpuUsage();
  await parse?.(data);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}
