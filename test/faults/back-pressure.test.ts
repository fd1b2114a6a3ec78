// The client reads from the server no faster than a message is consumed. The rest stays with the server, not
// in memory.
import { createHash } from "node:crypto";
import { once } from "node:events";
import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { Pop3Client, type Pop3Message } from "popwright";
import { stopClocks, timePasses } from "../support/clock.ts";
import { large, MIB, PIECE } from "../support/large-message.ts";
import { maildropScript, messageOf, uidOf } from "../support/maildrop-script.ts";
import { ScriptedServer } from "../support/scripted-server.ts";
import type { Peer } from "../support/peer.ts";
import { guardEachTest, outcome } from "../support/sentry.ts";
import { turns, until } from "../support/turns.ts";

guardEachTest();

const GIB = 1024 * MIB;
/** What the buffers of the system may hold between two sockets, generously. */
const SYSTEM = 16 * MIB;
/** What the memory of the process may grow by, generously: both ends are in it, and the collector takes its time. */
const MEMORY = 96 * MIB;
const WINDOW = 4 * MIB;

function memory(): number {
  const { rss, arrayBuffers } = process.memoryUsage();
  return Math.max(rss, arrayBuffers);
}

/** Resolves when the server gets rid of nothing more: no octet in many turns, or far more than any bound. */
async function atRest(peer: Peer): Promise<number> {
  for (let taken = -1; taken !== peer.taken && taken < 8 * SYSTEM;) {
    taken = peer.taken;
    await turns(100);
  }
  return peer.taken;
}

const SCRIPT = maildropScript({
  LIST: `+OK\r\n1 ${GIB}\r\n2 1000000\r\n3 100\r\n.\r\n`,
  "LIST 1": "+OK 1 100\r\n",
  "RETR 1": large(GIB),
  // It is much larger than it was said to be.
  "RETR 2": large(GIB),
});

describe.each(["plain", "tls"] as const)("%s", (protection) => {
  describe("an unread message of 1 GiB", () => {
    const WAYS: Record<string, (client: Pop3Client) => Promise<() => void>> = {
      "as a stream": async (client) => {
        const stream = client.retrStream(1);
        return () => stream.destroy();
      },
      "as a stream of a loop": async (client) => {
        const message = (await client.retrieve().next()).value as Pop3Message;
        const stream = message.stream();
        return () => stream.destroy();
      },
      "unclaimed, with the announced size": async (client) => {
        const loop = client.retrieve();
        await loop.next();
        return () => void loop.return();
      },
      "unclaimed, and larger than announced": async (client) => {
        const loop = client.retrieve([2, 3]);
        await loop.next();
        return () => void loop.return();
      },
      "unclaimed, of unknown size": async (client) => {
        const loop = client.retrieve([2]);
        await loop.next();
        return () => void loop.return();
      },
      "read once, then left unread": async (client) => {
        const stream = client.retrStream(1);
        await once(stream, "readable");
        stream.read();
        return () => stream.destroy();
      },
    };

    it.each(Object.entries(WAYS))("keeps the memory flat: %s", async (name, begin) => {
      await using server = await ScriptedServer.listen(SCRIPT, protection);
      const client = await Pop3Client.connect(server.options());
      const before = memory();
      const leave = await begin(client);
      const taken = await atRest(server.peers[0] as Peer);
      expect(taken).toBeLessThan(SYSTEM + WINDOW);
      expect(memory() - before).toBeLessThan(MEMORY);
      leave();
      // A message that was asked for is too large to drain; one that was not does not matter.
      const asked = name !== "unclaimed, with the announced size";
      const next = await Promise.all([outcome(client.uidl(3)), outcome(client.noop())]);
      expect(next).toEqual(asked ? ["POP3_ABANDONED", "POP3_ABANDONED"] : ["ok", "ok"]);
      expect(server.peers[0]?.taken).toBeLessThan(2 * SYSTEM + WINDOW + 8 * MIB);
      client.close();
    });
  });

  it("a slow reader gets every octet of a large message, and the memory stays flat", async () => {
    const octets = 300 * MIB;
    await using server = await ScriptedServer.listen(maildropScript({ "RETR 1": large(octets) }), protection);
    const client = await Pop3Client.connect(server.options());
    const wanted = createHash("sha256");
    for (let sent = 0; sent < octets; sent += PIECE.length) wanted.update(PIECE);
    const before = memory();
    let most = 0;
    let pieces = 0;
    const got = createHash("sha256");
    for await (const piece of client.retrStream(1)) {
      got.update(piece as Buffer);
      if (++pieces % 64 === 0) {
        await turn();
        most = Math.max(most, memory() - before);
      }
      if (pieces % 1024 === 0) await turn();
    }
    expect(got.digest("hex")).toBe(wanted.digest("hex"));
    expect(most).toBeLessThan(MEMORY);
    expect((await client.retr(3)).toString()).toBe(messageOf(3));
    client.close();
  });
});

it("a reader that takes one piece at a time makes the server wait", async () => {
  await using server = await ScriptedServer.listen(SCRIPT);
  const client = await Pop3Client.connect(server.options());
  const peer = server.peers[0] as Peer;
  const stream = client.retrStream(1);
  let read = 0;
  for (let steps = 0; steps < 5; steps++) {
    for (const until = read + 4 * MIB; read < until;) {
      const piece = stream.read() as Buffer | null;
      if (piece === null) await once(stream, "readable");
      else read += piece.length;
    }
    expect((await atRest(peer)) - read).toBeLessThan(SYSTEM);
  }
  client.close();
  stream.on("error", () => undefined);
});

it("an unclaimed message does not block the commands after it", async () => {
  const octets = 20 * MIB;
  await using server = await ScriptedServer.listen(
    maildropScript({ LIST: "+OK\r\n1 1000\r\n2 100\r\n.\r\n", "RETR 1": large(octets) }),
  );
  const client = await Pop3Client.connect(server.options());
  const loop = client.retrieve();
  const first = (await loop.next()).value as Pop3Message;
  await atRest(server.peers[0] as Peer);
  expect(await client.uidl(3)).toBe(uidOf(3));
  expect((await first.buffer()).length).toBe(octets);
  const second = (await loop.next()).value as Pop3Message;
  expect((await second.buffer()).toString()).toBe(messageOf(2));
  client.close();
});

describe("with a time limit", () => {
  stopClocks();

  it("an unclaimed message does not block them after aborted calls, either", async () => {
    await using server = await ScriptedServer.listen(
      maildropScript({ LIST: "+OK\r\n1 1000\r\n.\r\n", "RETR 1": large(20 * MIB) }),
    );
    const client = await Pop3Client.connect(server.options({ timeouts: { body: 400 } }));
    const controller = new AbortController();
    const { signal } = controller;
    const aborted = [1, 2, 3, 4].map((n) => outcome(client.uidl(n, { signal })));
    await until(() => server.peers[0]?.commands.includes("UIDL 4") === true);
    controller.abort();
    await Promise.all(aborted);
    await client.noop();
    const message = (await client.retrieve().next()).value as Pop3Message;
    await atRest(server.peers[0] as Peer);
    expect(await client.uidl(3)).toBe(uidOf(3));
    expect((await message.buffer()).length).toBe(20 * MIB);
    // And a reader who rests has only so long, when others wait.
    client.retrStream(1);
    expect(await outcome(timePasses(client.noop()))).toBe("POP3_IDLE_TIMEOUT");
  });
});

it("a loop over large messages holds at most one window of them", async () => {
  const octets = MIB;
  const count = 100;
  await using server = await ScriptedServer.listen(
    maildropScript(
      {
        LIST: `+OK\r\n${Array.from({ length: count }, (_, index) => `${index + 1} ${octets}\r\n`).join("")}.\r\n`,
        RETR: large(octets),
      },
      { count },
    ),
  );
  const client = await Pop3Client.connect(server.options());
  const before = memory();
  let most = 0;
  let whole = 0;
  for await (const message of client.retrieve()) {
    await turn();
    whole += (await message.buffer()).length;
    most = Math.max(most, memory() - before);
  }
  expect(whole).toBe(count * octets);
  expect(most).toBeLessThan(MEMORY);
  await client.quit();
});

it("a message whose last octets fill its stream does not block the commands after it, even if it is unread", async () => {
  await using server = await ScriptedServer.listen(
    maildropScript({
      "RETR 1": async (peer) => {
        await peer.send(Buffer.concat([Buffer.from("+OK\r\n"), PIECE.subarray(0, 60_000)]));
        await turns(10);
        await peer.send(Buffer.concat([PIECE.subarray(0, 10_000), Buffer.from("\r\n.\r\n")]));
        await turns(10);
        return undefined;
      },
    }),
  );
  const client = await Pop3Client.connect(server.options());
  const stream = client.retrStream(1);
  expect(await client.uidl(3)).toBe(uidOf(3));
  expect(((await stream.toArray()) as Buffer[]).reduce((sum, { length }) => sum + length, 0)).toBe(70_002);
  expect((await client.retr(3)).toString()).toBe(messageOf(3));
  client.close();
});
