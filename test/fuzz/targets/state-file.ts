// The state file next to a journal, which is written in place. Oracles: what is written is read again; a file that is torn
// between two states at any octet or block, cut, zeroed or changed is one of the two states or none.
import { encodeLine } from "../../../src/fetch/ledger/journal-line.ts";
import { decodeState, encodeState, type KeptState } from "../../../src/fetch/ledger/state-file.ts";
import { expectSame, expectThat, octets, text } from "../oracle.ts";

export const FILES: readonly string[] = ["fetch/ledger/state-file", "fetch/ledger/journal-line"];
export const TOKENS: readonly string[] = [
  '{"popwright":"state","version":1,"mailbox":"ann","fence":"7","state":{"lastRun":1}}',
  '"journal":{"size":9,"modified":"1","inode":"2","lines":3,"entries":4}',
  ...['"keyName":"a"', '"fence":"1"', '"state":{}', '"state":[]', '"version":2', "null", "-1", "1e400"],
  ...["00000000>", ">", " ", ",", "\n", "\0", '"', "{", "}"],
];

/** The size of what a disk writes at a time; octets. */
const BLOCK = 512;

/** What a file says, in one form: equal states have equal texts. */
function read(file: Buffer): string | undefined {
  const kept = decodeState(file);
  return kept && encodeState(kept);
}

export function fuzz(data: Buffer): void {
  read(data);
  // The first line with the checksum that it needs, so that what follows the checksum is tried as well.
  const [line = ""] = text(data).split("\n", 1);
  const kept = decodeState(octets(encodeLine(line, true)));
  if (kept !== undefined) {
    const written = encodeState(kept);
    expectSame(read(octets(written)), written, "a state written and read again");
    expectThat(kept.fence >= 0n && kept.fence < 10n ** 18n, "a fence", kept.fence);
  }
  checkTorn(data);
}

/** Two states whose values come from the input. */
function statesOf(data: Buffer): [KeptState, KeptState] {
  const [mailbox = "", listing = "", reason = ""] = data.toString("utf8").split("\n", 3);
  const number = data.length < 6 ? data.length : data.readUIntBE(0, 6);
  const before: KeptState = {
    mailbox,
    state: { lastRun: number, listing, interval: data.length },
    keyName: data.length % 3 === 0 ? listing : undefined,
    fence: BigInt(number),
    mark: { size: number, lines: 1, entries: 2, modified: -BigInt(number), inode: BigInt(number) },
  };
  const after: KeptState = {
    ...before,
    state: { ...before.state, lastRun: number + 1000, listing: reason, due: number },
    fence: BigInt(number) + 1n,
    mark: data.length % 2 === 0 ? undefined : before.mark,
  };
  return [before, after];
}

function checkTorn(data: Buffer): void {
  const [before, after] = statesOf(data).map((kept) => octets(encodeState(kept))) as [Buffer, Buffer];
  for (const file of [before, after])
    expectSame(read(file), text(file), "a state of the input, written and read again");
  const allowed = [undefined, text(before), text(after)];
  const cut = data.length < 2 ? data.length : data.readUInt16BE(data.length - 2) % (after.length + 1);
  const zeros = Buffer.alloc(after.length - cut);
  const head = after.subarray(0, cut);
  const torn: readonly (readonly [how: string, file: Buffer])[] = [
    ["written over the one before up to an octet", Buffer.concat([head, before.subarray(cut)])],
    [
      "written over a longer one up to an octet",
      Buffer.concat([head, octets(encodeLine("x".repeat(cut), true))]),
    ],
    ["cut off", head],
    ["zeroed from an octet on", Buffer.concat([head, zeros])],
    ["of which some blocks are new", blockwise(before, after, data)],
    ["with one changed octet", flipped(after, cut, data.length % 8)],
  ];
  for (const [how, file] of torn) expectThat(allowed.includes(read(file)), `a state file ${how}`, text(file));
}

/** A disk may write the blocks of a file in any order. */
function blockwise(before: Buffer, after: Buffer, data: Buffer): Buffer {
  const longer = Math.max(before.length, after.length);
  const blocks: Buffer[] = [];
  for (let at = 0; at < longer; at += BLOCK) {
    const file = ((data[at / BLOCK] ?? 0) & 1) === 0 ? before : after;
    blocks.push(file.subarray(at, at + BLOCK));
  }
  return Buffer.concat(blocks);
}

function flipped(file: Buffer, at: number, bit: number): Buffer {
  const copy = Buffer.from(file);
  if (at < copy.length) copy[at] = (copy[at] as number) ^ (1 << bit);
  return copy;
}

export function parse(data: Buffer): void {
  decodeState(data);
  decodeState(octets(encodeLine(text(data), true)));
}
