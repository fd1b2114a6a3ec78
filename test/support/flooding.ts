// A client and a server that sends without end: how much the client reads, and what it reports.
import * as net from "node:net";
import { expect } from "vitest";
import { Pop3Client, type Pop3ClientOptions } from "popwright";
import { MIB } from "./large-message.ts";
import { maildropScript, type Answer, type Answers } from "./maildrop-script.ts";
import { ScriptedServer } from "./scripted-server.ts";
import { outcome } from "./sentry.ts";

/** What one read of a socket gives at most: beyond a limit no more than this is taken. In Bun it is more. */
const CHUNK = ("bun" in process.versions ? 512 : 64) * 1024;

/** `head`, and `again` without end. */
export function endless(head: string, again: string): Answer {
  const piece = Buffer.from(again.repeat(Math.ceil((16 * 1024) / again.length)), "latin1");
  return async (peer) => {
    await peer.send(head);
    while (!peer.over) await peer.send(piece);
    return undefined;
  };
}

/** A listing without end, each message number once. */
export function endlessListing(value: (n: number) => string): Answer {
  return async (peer) => {
    await peer.send("+OK\r\n");
    for (let n = 1; !peer.over; n += 100) {
      await peer.send(
        Array.from({ length: 100 }, (_, index) => `${n + index} ${value(n + index)}\r\n`).join(""),
      );
    }
    return undefined;
  };
}

export interface Flooded {
  readonly code: string;
  /** Octets that the client has taken from its socket. */
  readonly read: number;
  readonly state: string;
  /** How far the memory outside the heap grew; octets. */
  readonly grown: number;
  readonly sent: readonly string[];
}

export async function flooded(
  answers: Answers,
  call: (client: Pop3Client) => Promise<unknown> = () => Promise.resolve(),
  options: Partial<Pop3ClientOptions> = {},
): Promise<Flooded> {
  await using server = await ScriptedServer.listen(maildropScript(answers));
  const socket = net.connect(server.port, "127.0.0.1");
  const client = new Pop3Client(server.options({ ...options, socket }));
  await new Promise((resolve) => socket.once("connect", resolve));
  const before = process.memoryUsage().arrayBuffers;
  let read = 0;
  const code = await outcome(
    client.connect().then(async () => {
      await client.command("SYNC");
      read = socket.bytesRead;
      await call(client);
    }),
  );
  const result = {
    code,
    read: socket.bytesRead - read,
    state: client.state,
    grown: process.memoryUsage().arrayBuffers - before,
    sent: server.peers[0]?.commands ?? [],
  };
  client.close();
  await server.peers[0]?.gone;
  return result;
}

export function expectBounded({ read, state, grown }: Flooded, limit: number): void {
  expect(state).toBe("closed");
  expect(read).toBeLessThanOrEqual(limit + CHUNK);
  expect(grown).toBeLessThan(2 * limit + 8 * MIB);
}
