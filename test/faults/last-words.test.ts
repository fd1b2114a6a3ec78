// Responses that arrived completely before the end are returned. Incomplete ones are never taken as complete.
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { Pop3Client, type Pop3Message } from "popwright";
import { maildropScript, messageOf } from "../support/maildrop-script.ts";
import { ScriptedServer } from "../support/scripted-server.ts";
import type { Peer } from "../support/peer.ts";
import { codeOf, guardEachTest, outcome } from "../support/sentry.ts";
import { endAs } from "../support/wire-ends.ts";
import { turns, until } from "../support/turns.ts";

guardEachTest();

describe("an idle session", () => {
  it.each([
    ["close", "", "POP3_CLOSED"],
    ["reset", "", "POP3_RESET"],
    ["close", "-ERR idle for too long\r\n", "POP3_UNSOLICITED"],
  ] as const)("ended by the server reports it (%s, saying '%s')", async (end, words, code) => {
    await using server = await ScriptedServer.listen(maildropScript());
    const client = await Pop3Client.connect(server.options());
    await client.noop();
    const closed = once(client, "close");
    const peer = server.peers[0] as Peer;
    void peer.send(words);
    await endAs(peer, end);
    expect(codeOf((await closed)[0])).toBe(code);
    expect(client.state).toBe("closed");
    const sent = peer.commands.length;
    expect(await outcome(client.noop())).toBe(code);
    expect(await outcome(client.quit())).toBe(code);
    expect(peer.commands.length).toBe(sent);
  });
});

describe("the last octets of a server", () => {
  it.each(["close", "reset"] as const)("before %s are reported if they are a refusal", async (end) => {
    await using server = await ScriptedServer.listen(
      maildropScript({
        STAT: async (peer) => {
          await peer.send("-ERR [SYS/TEMP] going down\r\n");
          await endAs(peer, end);
          return undefined;
        },
      }),
    );
    const client = await Pop3Client.connect(server.options());
    expect(await outcome(client.stat())).toBe("POP3_REFUSED");
    await server.peers[0]?.gone;
    expect(await outcome(client.stat())).toMatch(/^POP3_(?:CLOSED|RESET)$/);
  });

  it("before FIN are a complete message, even if it is read later", async () => {
    const body = "x".repeat(300_000);
    await using server = await ScriptedServer.listen(
      maildropScript({
        RETR: async (peer) => {
          await peer.send(`+OK\r\n${body}\r\n.\r\n`);
          peer.end();
          return undefined;
        },
      }),
    );
    const client = await Pop3Client.connect(server.options());
    const stream = client.retrStream(1);
    await until(() => stream.readableLength > 0);
    await turns();
    expect(Buffer.concat((await stream.toArray()) as Buffer[]).toString()).toBe(`${body}\r\n`);
    await server.peers[0]?.gone;
    expect(await outcome(client.noop())).toBe("POP3_CLOSED");
  });

  it("before FIN are not a complete message if half is missing, even if it is read later", async () => {
    await using server = await ScriptedServer.listen(
      maildropScript({
        RETR: async (peer) => {
          await peer.send(`+OK\r\n${"x".repeat(300_000)}\r\n.\r`);
          peer.end();
          return undefined;
        },
      }),
    );
    const client = await Pop3Client.connect(server.options());
    const stream = client.retrStream(1);
    await until(() => stream.readableLength > 0);
    await turns();
    expect(await outcome(stream.toArray())).toBe("POP3_TRUNCATED");
  });

  it("give complete messages before the loop rejects", async () => {
    await using server = await ScriptedServer.listen(
      maildropScript({
        "RETR 4": async (peer) => {
          await peer.send("+OK\r\nhalf of it");
          peer.end();
          return undefined;
        },
      }),
    );
    const client = await Pop3Client.connect(server.options());
    const loop = client.retrieve();
    const first = (await loop.next()).value as Pop3Message;
    await once(client, "close");
    expect((await first.buffer()).toString()).toBe(messageOf(1));
    for (const n of [2, 3]) {
      expect((await ((await loop.next()).value as Pop3Message).buffer()).toString()).toBe(messageOf(n));
    }
    expect(await outcome(loop.next())).toMatch(/^POP3_(?:CLOSED|TRUNCATED)$/);
    expect(await loop.next()).toEqual({ done: true, value: undefined });
  });
});
