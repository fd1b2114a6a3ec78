// Octets that a socket reads into memory that is reused: no caller sees them change.
import { Socket } from "node:net";
import { Duplex } from "node:stream";
import { expect, test } from "vitest";
import { Connection } from "../../src/net/connection.ts";
import { receptionOf } from "../support/receptions.ts";
import { Inlet } from "../../src/net/inlet.ts";
import { DEFAULT_LIMITS, DEFAULT_TIMEOUTS } from "../../src/options/client.ts";
import * as commands from "../../src/protocol/commands.ts";
import { SmallBlock } from "../../src/protocol/block.ts";
import { SLAB } from "../../src/net/slab.ts";
import { Columns } from "../../src/protocol/columns.ts";

/** A message in which no two stretches of a few octets are the same. */
const message = Buffer.from(
  Array.from({ length: 60_000 }, (_, at) => `${at.toString(36)}:`).join("") + "\r\n",
);
const wire = Buffer.concat([Buffer.from("+OK here it comes\r\n"), message, Buffer.from(".\r\n")]);

/** What a socket does: it asks where to read to, and says how much has come. */
function read(inlet: Inlet, octets: Buffer, most: number): void {
  const { onread } = inlet;
  for (let at = 0; at < octets.length;) {
    const memory = onread.buffer as Uint8Array;
    const size = octets.copy(memory, 0, at, Math.min(at + most, at + memory.length));
    onread.callback(size, memory);
    at += size;
  }
}

function silent(): Duplex {
  return new Duplex({
    read: () => undefined,
    write(_, __, done) {
      done();
    },
  });
}

function connect(inlet: Inlet | undefined, stream = silent()): Connection {
  const connection = new Connection(stream, { host: "test", port: 110 }, DEFAULT_TIMEOUTS, DEFAULT_LIMITS, {
    inlet,
  });
  connection.window = { octets: Infinity, commandOctets: Infinity };
  return connection;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test.each([1, 7, 1000, 70_000, 200_000])(
  "returns Buffers and listings that do not change, %i octets at once",
  async (most) => {
    const inlet = new Inlet();
    const connection = connect(inlet);
    const retr = (): Promise<Buffer> =>
      connection.send(commands.retr(1, () => new SmallBlock(Infinity, (octets) => octets)));
    const listing = connection.send(commands.uidl({ entries: 9999, octets: Infinity, line: 512 }));
    const messages = Promise.all([retr(), retr()]);
    await turn();
    const lines = Array.from({ length: 5000 }, (_, at) => `${String(at + 1)} id-${String(at)}\r\n`);
    read(inlet, Buffer.from(`+OK\r\n${lines.join("")}.\r\n`), most);
    read(inlet, Buffer.concat([wire, wire]), most);
    expect((await messages).map((each) => each.equals(message))).toEqual([true, true]);
    expect((await listing).values).toEqual(lines.map((_, at) => `id-${String(at)}`));
    connection.close();
  },
);

test.each([7, 1000, 70_000, 200_000])(
  "streams chunks that do not change, %i octets at once",
  async (most) => {
    const inlet = new Inlet();
    const connection = connect(inlet);
    const chunks: Buffer[] = [];
    for (const reception of [receptionOf({ connection }), receptionOf({ connection })])
      reception.stream().on("data", (chunk: Buffer) => chunks.push(chunk));
    await turn();
    read(inlet, Buffer.concat([wire, wire]), most);
    await turn();
    expect(Buffer.concat(chunks).equals(Buffer.concat([message, message]))).toBe(true);
    connection.close();
  },
);

test.each([1, 3, 7, 100, 5000])(
  "two connections may read in turn into the memory that they share, %i octets at once",
  async (most) => {
    const inlets = [new Inlet(), new Inlet()] as const;
    const [one, other] = inlets.map((inlet) => connect(inlet)) as [Connection, Connection];
    const retr = (connection: Connection): Promise<Buffer> =>
      connection.send(commands.retr(1, () => new SmallBlock(Infinity, (octets) => octets)));
    const list = (connection: Connection): Promise<Columns<string>> =>
      connection.send(commands.uidl({ entries: 9999, octets: Infinity, line: 512 }));
    const calls = Promise.all([list(one), retr(one), retr(other), list(other)]);
    await turn();
    const short = message.subarray(-900);
    const listing = Buffer.from("+OK\r\n1 id-1\r\n2 id-2\r\n.\r\n");
    const body = Buffer.concat([Buffer.from("+OK\r\n"), short, Buffer.from(".\r\n")]);
    const wires = [Buffer.concat([listing, body]), Buffer.concat([body, listing])];
    for (let at = 0; at < listing.length + body.length; at += most)
      for (const [index, inlet] of inlets.entries())
        read(inlet, (wires[index] as Buffer).subarray(at, at + most), most);
    const uids = new Columns([1, 2], ["id-1", "id-2"]);
    expect(await calls).toEqual([uids, short, short, uids]);
    one.close();
    other.close();
  },
);

test("a small message in a large chunk does not keep the chunk in memory", async () => {
  const stream = silent();
  const connection = connect(undefined, stream);
  const small = message.subarray(0, 5000);
  const streamed: Buffer[] = [];
  const receptions = Array.from({ length: 12 }, () =>
    receptionOf({ connection, announced: small.length + 2 }),
  );
  const collected = receptions.slice(6).map((each) => each.buffer());
  for (const each of receptions.slice(0, 6))
    each.stream().on("data", (chunk: Buffer) => streamed.push(chunk));
  await turn();
  const reply = Buffer.concat([Buffer.from("+OK\r\n"), small, Buffer.from("\r\n.\r\n")]);
  stream.push(Buffer.concat(receptions.map(() => reply)));
  const messages = [...(await Promise.all(collected)), ...streamed];
  expect(messages.map(({ length }) => length)).toEqual(receptions.map(() => small.length + 2));
  for (const each of messages) expect(each.buffer.byteLength).toBeLessThanOrEqual(SLAB);
  connection.close();
});

test("reads everything into the same memory", () => {
  const places = new Set<Buffer["buffer"]>();
  for (const inlet of [new Inlet(), new Inlet()]) {
    inlet.onData = (chunk) => places.add(chunk.buffer);
    read(inlet, Buffer.alloc(1_000_000), 50_000);
  }
  expect(places.size).toBe(1);
});

test("what TLS decrypts while the socket is paused comes when it is resumed", async () => {
  const inlet = new Inlet();
  const socket = new Socket();
  inlet.socket = socket;
  const chunks: string[] = [];
  const take = (chunk: Buffer): void => void chunks.push(chunk.toString());
  // Before anything listens.
  read(inlet, Buffer.from("early"), 100);
  inlet.onData = take;
  socket.on("data", take).resume();
  await turn();
  read(inlet, Buffer.from("now"), 100);
  socket.pause();
  read(inlet, Buffer.from("late"), 100);
  await turn();
  expect(chunks).toEqual(["early", "now"]);
  socket.resume();
  await turn();
  read(inlet, Buffer.from("again"), 100);
  expect(chunks).toEqual(["early", "now", "late", "again"]);
  socket.destroy();
});
