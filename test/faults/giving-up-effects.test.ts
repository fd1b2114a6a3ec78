// The session learns about the maildrop only from complete replies, never from an aborted one.
import { describe, expect, it } from "vitest";
import { Pop3Client } from "popwright";
import { stopClocks, timePasses } from "../support/clock.ts";
import { Gate } from "../support/gate.ts";
import { large, MIB } from "../support/large-message.ts";
import { capaAnswer, maildropScript, messageOf, uidOf, type Answer } from "../support/maildrop-script.ts";
import { ScriptedServer } from "../support/scripted-server.ts";
import { guardEachTest, outcome } from "../support/sentry.ts";
import { turns, until } from "../support/turns.ts";

guardEachTest();
stopClocks();

/** Sends the first half of an answer, and the rest when the gate is open; honest later on. */
function inHalves(half: string, rest: string, gate: Gate): Answer {
  let first = true;
  return async (peer) => {
    if (!first) return half + rest;
    first = false;
    await peer.send(half);
    await gate.opened;
    return rest;
  };
}

describe.each(["LIST", "UIDL"] as const)("%s, aborted halfway,", (verb) => {
  it("is not used as a listing: a loop retrieves all messages, with their unique-ids", async () => {
    const gate = new Gate();
    const value = verb === "LIST" ? () => "100" : uidOf;
    await using server = await ScriptedServer.listen(
      maildropScript(
        {
          [verb]: inHalves(
            `+OK\r\n1 ${value(1)}\r\n2 ${value(2)}\r\n`,
            `3 ${value(3)}\r\n4 ${value(4)}\r\n.\r\n`,
            gate,
          ),
        },
        { count: 4 },
      ),
    );
    const client = await Pop3Client.connect(server.options());
    const controller = new AbortController();
    const { signal } = controller;
    const given = outcome(verb === "LIST" ? client.list({ signal }) : client.uidl({ signal }));
    await until(() => server.peers[0]?.commands.includes(verb) === true);
    await turns();
    controller.abort();
    expect(await given).toBe("POP3_ABORTED");
    gate.open();
    await client.noop();
    const seen: unknown[] = [];
    for await (const message of client.retrieve()) {
      seen.push([message.number, message.uid, (await message.buffer()).toString()]);
    }
    expect(seen).toEqual([1, 2, 3, 4].map((n) => [n, uidOf(n), messageOf(n)]));
    client.close();
  });
});

it("CAPA, aborted halfway, leaves the capabilities unchanged", async () => {
  const gate = new Gate();
  let count = 0;
  await using server = await ScriptedServer.listen(
    maildropScript({
      CAPA: async (peer) => {
        if (++count < 3) return capaAnswer("UIDL", "TOP", "SASL PLAIN", "PIPELINING");
        await peer.send("+OK\r\nUIDL\r\n");
        await gate.opened;
        return "TOP\r\nPIPELINING\r\n.\r\n";
      },
    }),
  );
  const client = await Pop3Client.connect(server.options());
  await client.command("SYNC");
  const controller = new AbortController();
  const given = outcome(client.capa({ signal: controller.signal }));
  await until(() => count === 3);
  await turns();
  controller.abort();
  expect(await given).toBe("POP3_ABORTED");
  gate.open();
  await client.command("SYNC");
  expect(client.capabilities.pipelining).toBe(true);
  expect(client.capabilities.top).toBe(true);
  client.close();
});

it("DELE and RSET, aborted in flight, count by their replies", async () => {
  const gate = new Gate();
  await using server = await ScriptedServer.listen(
    maildropScript({
      "DELE 1": async () => {
        await gate.opened;
        return "+OK\r\n";
      },
      "DELE 2": "-ERR not that one\r\n",
    }),
  );
  const client = await Pop3Client.connect(server.options());
  const controller = new AbortController();
  const given = outcome(client.dele([1, 2, 3], { signal: controller.signal }));
  await until(() => server.peers[0]?.commands.includes("DELE 3") === true);
  controller.abort();
  expect(await given).toBe("POP3_ABORTED");
  gate.open();
  await client.noop();
  expect([...client.marked]).toEqual([1, 3]);
  client.close();
});

it("a command aborted while it waits for an unread message stops only its own timer", async () => {
  const gate = new Gate();
  await using server = await ScriptedServer.listen(
    maildropScript({
      "RETR 1": large(MIB),
      "RETR 2": () => gate.opened.then(() => undefined),
    }),
  );
  const client = await Pop3Client.connect(server.options({ timeouts: { body: 150 } }));
  const stream = client.retrStream(1);
  await until(() => stream.readableLength > 0);
  await turns();
  const controller = new AbortController();
  const next = outcome(client.noop({ signal: controller.signal }));
  await turns();
  controller.abort();
  expect(await next).toBe("POP3_ABORTED");
  // Another client, stalled, tells that more time has passed than the clock had.
  const clock = await Pop3Client.connect(server.options({ timeouts: { command: 400 } }));
  expect(await outcome(timePasses(clock.retr(2)))).toBe("POP3_COMMAND_TIMEOUT");
  gate.open();
  const pieces = (await stream.toArray()) as Buffer[];
  expect(Buffer.concat(pieces).length).toBe(MIB);
  expect(await client.uidl(3)).toBe(uidOf(3));
  client.close();
});
