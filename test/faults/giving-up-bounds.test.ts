// What was given up is drained within bounds; beyond them the connection is closed, and everyone is told.
import { once } from "node:events";
import { expect, it } from "vitest";
import { Pop3Client } from "popwright";
import { maildropScript, messageOf, retrAnswer, uidOf } from "./maildrop-script.ts";
import { ScriptedServer, type Peer } from "./scripted-server.ts";
import { guardEachTest, outcome } from "./sentry.ts";

guardEachTest();

const LARGE = 3 * 1024 * 1024;
const BODY = Buffer.from(`${"x".repeat(78)}\r\n`.repeat(LARGE / 80), "latin1");

async function large(peer: Peer): Promise<undefined> {
  await peer.send("+OK\r\n");
  await peer.send(BODY);
  await peer.send(".\r\n");
}

function ignore(): void {
  // The test closes the client while the stream is open.
}

/** The session gives each call its own answer. */
async function expectInStep(client: Pop3Client): Promise<void> {
  expect(await client.uidl(7)).toBe(uidOf(7));
  expect((await client.retr(5)).toString()).toBe(messageOf(5));
  expect((await client.command("ECHO in step")).text).toBe("in step");
}

it("beyond limits.drain the connection is closed with POP3_ABANDONED, and no answer goes astray", async () => {
  let endless = true;
  await using server = await ScriptedServer.listen(
    maildropScript({
      "RETR 1": async (peer) => {
        await peer.send("+OK\r\n");
        while (endless && !peer.over) await peer.send(BODY.subarray(0, 64 * 1024));
        return undefined;
      },
    }),
  );
  const client = await Pop3Client.connect(server.options({ limits: { drain: 1024 * 1024 } }));
  const stream = client.retrStream(1);
  await once(stream, "data");
  const behind = [client.uidl(3), client.retr(2), client.command("ECHO lost")].map(outcome);
  stream.destroy();
  expect(await Promise.all(behind)).toEqual(["POP3_ABANDONED", "POP3_ABANDONED", "POP3_ABANDONED"]);
  expect(client.state).toBe("closed");
  expect(await outcome(client.noop())).toBe("POP3_ABANDONED");
  expect(server.peers[0]?.taken).toBeLessThan(32 * 1024 * 1024);
  endless = false;
});

it("beyond timeouts.drain the connection is closed with POP3_ABANDONED", async () => {
  await using server = await ScriptedServer.listen(
    maildropScript({
      "RETR 1": async (peer) => {
        await peer.send(`+OK\r\n${messageOf(1)}`);
        await peer.gone;
        return undefined;
      },
    }),
  );
  const client = await Pop3Client.connect(server.options({ timeouts: { drain: 50 } }));
  const stream = client.retrStream(1);
  await once(stream, "data");
  const behind = client.uidl(3);
  stream.destroy();
  expect(await outcome(behind)).toBe("POP3_ABANDONED");
  expect(client.state).toBe("closed");
});

it("a message that was announced as larger than limits.drain is not read to its end", async () => {
  await using server = await ScriptedServer.listen(
    maildropScript({ LIST: "+OK\r\n1 1000000\r\n2 100\r\n.\r\n", "RETR 1": large, "RETR 2": retrAnswer(2) }),
  );
  const client = await Pop3Client.connect(server.options({ limits: { drain: 500_000 } }));
  await client.list();
  const stream = client.retrStream(1);
  await once(stream, "data");
  stream.destroy();
  expect(await outcome(client.retr(2))).toBe("POP3_ABANDONED");
});
