// Whatever a server can send without end: what is called meanwhile, how that ends, and how far the memory may grow.
import { setTimeout as delay } from "node:timers/promises";
import type { Pop3Client, Pop3ClientOptions } from "popwright";
import { DEFAULT_LIMITS, DEFAULT_WINDOW } from "../../src/options/client.ts";
import { MIB, PIECE } from "../support/large-message.ts";
import type { Answer, Answers } from "../support/maildrop-script.ts";
import type { Protection } from "../support/scripted-server.ts";

export interface Flood {
  readonly name: string;
  readonly answers: Answers;
  readonly protection?: Protection;
  readonly options?: Partial<Pop3ClientOptions>;
  /** The call that meets the flood; its outcome is a string, or the code of its error. @default `connect` */
  readonly call?: (client: Pop3Client) => Promise<unknown>;
  /** The outcomes that are allowed. */
  readonly ends: readonly string[];
  /** How far the memory of the process may grow; octets. */
  readonly bound: number;
}

/** For floods that are not kept: the usual variation of sockets and the heap. */
const NOTHING = 32 * MIB;
/** For pieces that are garbage as soon as they were read, but are not collected at once. */
const PASSING = 96 * MIB;
/** Held in one piece up to its limit. */
const MESSAGE = DEFAULT_LIMITS.message + 64 * MIB;
/** The same if no size was announced: the buffer grows by doubling, and its earlier versions are garbage. */
const GROWING = 3 * DEFAULT_LIMITS.message + 32 * MIB;

function* forever(piece: Buffer): Generator<Buffer> {
  for (;;) yield piece;
}

/** A listing without end, each message number once. */
function* entries(value: (n: number) => string): Generator<Buffer> {
  for (let n = 1; ; n += 1000) {
    yield Buffer.from(
      Array.from({ length: 1000 }, (_, index) => `${n + index} ${value(n + index)}\r\n`).join(""),
    );
  }
}

/** Sends `head`, and then the pieces until the client leaves. */
function endless(head: string, pieces: () => Iterable<Buffer>): Answer {
  return async (peer) => {
    await peer.send(head);
    for (const piece of pieces()) {
      if (peer.over) break;
      await peer.send(piece);
    }
    return undefined;
  };
}

const A = Buffer.alloc(64 * 1024, "A");
const line = (head: string): Answer => endless(head, () => forever(A));
const text = (head: string, again: string): Answer =>
  endless(head, () => forever(Buffer.from(again.repeat(1000))));
const message = endless("+OK\r\n", () => forever(PIECE));

/** Waits until nothing has changed for a while: the server is held back, or gone. */
async function atRest(state: () => number): Promise<void> {
  for (let same = 0, last = state(); same < 5;) {
    await delay(50);
    const now = state();
    same = now === last ? same + 1 : 0;
    last = now;
  }
}

/** Reads so much of a message, and leaves. */
async function readSome(client: Pop3Client, octets: number): Promise<string> {
  let size = 0;
  for await (const piece of client.retrStream(1)) if ((size += (piece as Buffer).length) >= octets) break;
  return "left";
}

export const FLOODS: readonly Flood[] = [
  {
    name: "a greeting without end",
    answers: { greeting: line("+OK ") },
    ends: ["POP3_LINE_TOO_LONG"],
    bound: NOTHING,
  },
  {
    name: "a status line without end",
    answers: { STAT: line("+OK ") },
    call: (client) => client.stat(),
    ends: ["POP3_LINE_TOO_LONG"],
    bound: NOTHING,
  },
  {
    name: "CAPA without end",
    answers: { CAPA: text("+OK\r\n", "X-CAPABILITY of some kind\r\n") },
    ends: ["POP3_RESPONSE_TOO_LARGE"],
    bound: NOTHING,
  },
  {
    name: "challenges without end",
    answers: { AUTH: text("+ eA==\r\n", "+ eA==\r\n") },
    options: { auth: { user: "ann", pass: "secret", mechanism: "LOGIN" } },
    ends: ["POP3_UNSOLICITED", "POP3_PROTOCOL", "POP3_AUTH_PROTOCOL"],
    bound: NOTHING,
  },
  {
    name: "a challenge without end",
    answers: { AUTH: line("+ ") },
    options: { auth: { user: "ann", pass: "secret", mechanism: "LOGIN" } },
    ends: ["POP3_LINE_TOO_LONG"],
    bound: NOTHING,
  },
  {
    name: "LIST without end",
    answers: { LIST: endless("+OK\r\n", () => entries(() => "120")) },
    call: (client) => client.list(),
    ends: ["POP3_LIST_TOO_LARGE"],
    // A million entries.
    bound: 2 * DEFAULT_LIMITS.listOctets,
  },
  {
    name: "LIST without end, the same entry",
    answers: { LIST: text("+OK\r\n", "1 120\r\n") },
    call: (client) => client.list(),
    ends: ["POP3_LIST_TOO_LARGE"],
    bound: NOTHING,
  },
  {
    name: "UIDL without end",
    answers: { UIDL: endless("+OK\r\n", () => entries((n) => String(n).padStart(70, "u"))) },
    call: (client) => client.uidl(),
    ends: ["POP3_LIST_TOO_LARGE"],
    bound: 2 * DEFAULT_LIMITS.listOctets,
  },
  {
    name: "a message without end, into a Buffer",
    answers: { RETR: message },
    call: (client) => client.retr(1),
    ends: ["POP3_MESSAGE_TOO_LARGE"],
    bound: GROWING,
  },
  {
    name: "a message without end, into a Buffer, announced as large as may be",
    answers: { LIST: `+OK\r\n1 ${DEFAULT_LIMITS.message}\r\n.\r\n`, RETR: message },
    call: async (client) => {
      await client.list();
      await client.retr(1);
    },
    ends: ["POP3_MESSAGE_TOO_LARGE"],
    bound: MESSAGE,
  },
  {
    name: "a block without end, of a command of the caller's own",
    answers: { XTND: message },
    call: (client) => client.command("XTND", { multiline: true }),
    ends: ["POP3_RESPONSE_TOO_LARGE"],
    bound: GROWING,
  },
  {
    name: "a message without end, into a stream that is read",
    answers: { RETR: message },
    call: (client) => readSome(client, 400 * MIB),
    ends: ["left"],
    bound: PASSING,
  },
  {
    name: "a message without end, into a stream that is read, over TLS",
    protection: "tls",
    answers: { RETR: message },
    call: (client) => readSome(client, 200 * MIB),
    ends: ["left"],
    bound: PASSING,
  },
  {
    name: "a message without end, into a stream that is not read",
    answers: { RETR: message },
    call: async (client) => {
      const stream = client.retrStream(1);
      await atRest(() => stream.readableLength);
      return client.state;
    },
    ends: ["transaction"],
    bound: NOTHING,
  },
  {
    name: "a message without end, in a loop that does not claim it",
    answers: { RETR: message },
    call: async (client) => {
      await client.retrieve([1, 2]).next();
      await atRest(() => process.memoryUsage.rss() >> 20);
      return client.state;
    },
    ends: ["transaction"],
    bound: DEFAULT_WINDOW.octets + NOTHING,
  },
  {
    name: "a message without end, in a loop that does not claim it, and a call after it",
    answers: { RETR: message },
    call: async (client) => {
      await client.retrieve([1, 2]).next();
      await client.dele(1);
    },
    ends: ["POP3_MESSAGE_TOO_LARGE"],
    bound: GROWING,
  },
  {
    name: "a message without end that was given up",
    answers: { RETR: message },
    call: async (client) => {
      const controller = new AbortController();
      const stream = client.retrStream(1, { signal: controller.signal }).on("error", () => undefined);
      await atRest(() => stream.readableLength);
      controller.abort();
      await client.noop();
    },
    ends: ["POP3_ABANDONED"],
    bound: DEFAULT_LIMITS.drain + NOTHING,
  },
  {
    name: "bytes that no command asked for",
    answers: { SYNC: endless("+OK\r\n", () => forever(PIECE)) },
    call: async (client) => {
      await client.command("SYNC");
      while (client.state !== "closed") await delay(10);
      await client.noop();
    },
    ends: ["POP3_UNSOLICITED"],
    bound: NOTHING,
  },
  {
    name: "bytes after the reply to QUIT",
    answers: { QUIT: endless("+OK\r\n", () => forever(PIECE)) },
    call: async (client) => {
      await client.quit();
      while (process.getActiveResourcesInfo().some((kind) => kind.startsWith("TCP"))) await delay(10);
      return client.state;
    },
    ends: ["closed"],
    bound: NOTHING,
  },
];
