// An abandoned response is drained within limits. Beyond them the connection is closed, and every call
// rejects.
import { once } from "node:events";
import { expect, it } from "vitest";
import { Pop3Client } from "popwright";
import { stopClocks, timePasses } from "../support/clock.ts";
import { large, MIB, PIECE } from "../support/large-message.ts";
import { maildropScript, messageOf, retrAnswer, uidOf } from "../support/maildrop-script.ts";
import { ScriptedServer } from "../support/scripted-server.ts";
import { guardEachTest, outcome } from "../support/sentry.ts";
import { until } from "../support/turns.ts";

guardEachTest();
stopClocks();

it("beyond limits.drain the connection is closed with POP3_ABANDONED, and no call gets a wrong answer", async () => {
  let endless = true;
  await using server = await ScriptedServer.listen(
    maildropScript({
      "RETR 1": async (peer) => {
        await peer.send("+OK\r\n");
        while (endless && !peer.over) await peer.send(PIECE);
        return undefined;
      },
    }),
  );
  const client = await Pop3Client.connect(server.options({ limits: { drain: 1024 * 1024 } }));
  const stream = client.retrStream(1);
  await once(stream, "data");
  const later = [client.uidl(3), client.retr(2), client.command("ECHO lost")].map(outcome);
  stream.destroy();
  expect(await Promise.all(later)).toEqual(["POP3_ABANDONED", "POP3_ABANDONED", "POP3_ABANDONED"]);
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
  const later = client.uidl(3);
  stream.destroy();
  expect(await outcome(timePasses(later))).toBe("POP3_ABANDONED");
  expect(client.state).toBe("closed");
});

it("a message announced as larger than limits.drain is not drained", async () => {
  await using server = await ScriptedServer.listen(
    maildropScript({
      LIST: "+OK\r\n1 1000000\r\n2 100\r\n.\r\n",
      "RETR 1": large(3 * MIB),
      "RETR 2": retrAnswer(2),
    }),
  );
  const client = await Pop3Client.connect(server.options({ limits: { drain: 500_000 } }));
  await client.list();
  const stream = client.retrStream(1);
  await once(stream, "data");
  stream.destroy();
  expect(await outcome(client.retr(2))).toBe("POP3_ABANDONED");
});

it("limits.drain applies between two answers, not to a whole session", async () => {
  await using server = await ScriptedServer.listen(maildropScript({ "RETR 1": large(MIB) }));
  const client = await Pop3Client.connect(server.options({ limits: { drain: 1.5 * MIB } }));
  for (let times = 0; times < 3; times++) {
    const stream = client.retrStream(1);
    await once(stream, "data");
    stream.destroy();
    expect(await client.uidl(3)).toBe(uidOf(3));
  }
  const streams = [client.retrStream(1), client.retrStream(1), client.retrStream(1)];
  await until(() => server.peers[0]?.commands.filter((line) => line === "RETR 1").length === 6);
  for (const stream of streams) stream.destroy();
  expect(await outcome(client.uidl(3))).toBe("POP3_ABANDONED");
});
