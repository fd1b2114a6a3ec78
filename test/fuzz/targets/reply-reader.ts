// The replies of a session: each octet goes to the reply that it belongs to. The first octet says which replies are due.
// Oracles: a reader by the letter of RFC 1939, and any cutting.
import { Pop3Error } from "../../../src/errors.ts";
import { ReplyReader, type ReplySink } from "../../../src/protocol/reply-reader.ts";
import { replyStatus } from "../../../src/protocol/reply.ts";
import { readReply } from "../../support/by-the-letter.ts";
import { cuts, expectSame, expectThat, fromFirst, text } from "../oracle.ts";

export const FILES: readonly string[] = [
  "protocol/reply-reader",
  "protocol/line-reader",
  "protocol/dot-decoder",
  "protocol/reply",
];
export const TOKENS: readonly string[] = [
  "+OK\r\n",
  "-ERR no\r\n",
  "+OK text\r\n",
  ".\r\n",
  "\r\n",
  "..",
  "\0",
  "\n",
  "\r",
  "+ ",
];

/** What came for each reply, and how many octets belong to none. `broken`: the session is over. */
interface Heard {
  readonly replies: (string | null)[];
  left: number;
  broken: boolean;
}

class Session implements ReplySink {
  readonly heard: Heard = { replies: [], left: 0, broken: false };
  readonly #due: boolean[];
  #block = "";

  constructor(due: readonly boolean[]) {
    this.#due = [...due];
  }

  get waiting(): boolean {
    return this.#due.length > 0;
  }

  line(line: Buffer): boolean {
    const block = this.#due.shift() === true;
    const status = replyStatus(line);
    if (status === undefined || status === "continue") throw new Stray();
    if (status === "ok" && block) return true;
    this.heard.replies.push(status === "ok" ? text(line).slice(4) : null);
    return false;
  }

  octets(octets: Buffer): void {
    this.#block += text(octets);
  }

  end(): void {
    this.heard.replies.push(this.#block);
    this.#block = "";
  }
}

class Stray extends Error {}

function read(due: readonly boolean[], chunks: readonly Buffer[], limit: number): Heard {
  const session = new Session(due);
  const { heard } = session;
  const reader = new ReplyReader(limit, session);
  for (const chunk of chunks) {
    try {
      heard.left += reader.push(chunk);
    } catch (error) {
      const typed = Pop3Error.is(error) && ["POP3_LINE_TOO_LONG", "POP3_PROTOCOL"].includes(error.code);
      if (!typed && !(error instanceof Stray)) throw error;
      heard.broken = true;
      return heard;
    }
  }
  return heard;
}

function byTheLetter(
  due: readonly boolean[],
  wire: string,
): Pick<Heard, "replies"> & { readonly rest: string | undefined } {
  const replies: (string | null)[] = [];
  let reply = wire;
  for (const block of due) {
    const { outcome, rest } = readReply({ command: block ? "RETR" : "text", reply });
    if (rest === undefined) return { replies, rest };
    replies.push(outcome);
    reply = rest;
  }
  return { replies, rest: reply };
}

/** Up to eight replies, each with a block or without. */
function split(data: Buffer): readonly [due: readonly boolean[], wire: Buffer] {
  const [first, rest] = fromFirst(data, 256);
  const [second, wire] = fromFirst(rest, 256);
  return [Array.from({ length: first % 9 }, (_, bit) => ((second >> bit) & 1) === 1), wire];
}

export function fuzz(data: Buffer): void {
  const [due, wire] = split(data);
  const whole = read(due, [Buffer.from(wire)], 8192);
  const expected = byTheLetter(due, text(wire));
  expectSame(whole.replies, expected.replies, "the replies of a session");
  if (expected.rest === undefined) expectSame(whole.left, 0, "octets after a reply that has not ended");
  else
    expectSame(whole, { replies: expected.replies, left: expected.rest.length, broken: false }, "a session");
  for (const limit of [8192, 12]) {
    const expected = limit === 12 ? read(due, [Buffer.from(wire)], limit) : whole;
    for (const chunks of cuts(wire)) {
      const cut = read(due, chunks, limit);
      // Of a session that is over, what came in the last chunk may be lost: it is another chunk.
      if (expected.broken) expectThat(cut.broken, "a broken session in pieces", cut);
      else expectSame(cut, expected, "a session in pieces");
    }
  }
}

export function parse(data: Buffer): void {
  const [due, wire] = split(data);
  read(due, [wire], Infinity);
}
