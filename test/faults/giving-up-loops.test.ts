// A loop or stream that is aborted by its signal ends, and removes its listeners from the signal.
import { getEventListeners, once } from "node:events";
import { describe, expect, it } from "vitest";
import { Pop3Client } from "popwright";
import { Gate } from "../support/gate.ts";
import { maildropScript, messageOf, retrAnswer, uidOf } from "../support/maildrop-script.ts";
import { ScriptedServer } from "../support/scripted-server.ts";
import { codeOf, guardEachTest, outcome } from "../support/sentry.ts";
import { turns } from "../support/turns.ts";

guardEachTest();

describe("a loop", () => {
  it("rejects if it is aborted while it requests the listings, even if they were known", async () => {
    await using server = await ScriptedServer.listen(maildropScript());
    const client = await Pop3Client.connect(server.options());
    await client.list();
    await client.uidl();
    const controller = new AbortController();
    const loop = client.retrieve(undefined, { signal: controller.signal });
    const next = loop.next();
    controller.abort();
    expect(await outcome(next)).toBe("POP3_ABORTED");
    expect(await outcome(loop.next())).toBe("POP3_ABORTED");
    expect(getEventListeners(controller.signal, "abort")).toEqual([]);
    expect(await client.uidl(3)).toBe(uidOf(3));
    client.close();
  });

  it("rejects every claimed message on abort, also those before the current one", async () => {
    const gate = new Gate();
    await using server = await ScriptedServer.listen(
      maildropScript({
        RETR: async (_peer, line) => {
          await gate.opened;
          return retrAnswer(Number(line.split(" ")[1]));
        },
      }),
    );
    const client = await Pop3Client.connect(server.options());
    const controller = new AbortController();
    const claimed: Promise<string>[] = [];
    for await (const message of client.retrieve([1, 2, 3], { signal: controller.signal })) {
      if (message.number === 2) {
        const stream = message.stream();
        claimed.push(once(stream, "error").then(([error]) => codeOf(error)));
      } else claimed.push(outcome(message.buffer()));
    }
    controller.abort();
    expect(await Promise.all(claimed)).toEqual(["POP3_ABORTED", "POP3_ABORTED", "POP3_ABORTED"]);
    gate.open();
    expect((await client.retr(4)).toString()).toBe(messageOf(4));
    expect(getEventListeners(controller.signal, "abort")).toEqual([]);
    client.close();
  });

  it("that is left while it requests the listings removes its listeners", async () => {
    await using server = await ScriptedServer.listen(maildropScript());
    const client = await Pop3Client.connect(server.options());
    const { signal } = new AbortController();
    const loop = client.retrieve(undefined, { signal });
    const next = loop.next();
    await loop.return();
    expect(await next).toEqual({ done: true, value: undefined });
    expect(getEventListeners(signal, "abort")).toEqual([]);
    client.close();
  });

  it("that has ended or was left removes its listeners", async () => {
    await using server = await ScriptedServer.listen(maildropScript());
    const client = await Pop3Client.connect(server.options());
    const controller = new AbortController();
    const { signal } = controller;
    for await (const message of client.retrieve(undefined, { signal })) await message.buffer();
    expect(getEventListeners(signal, "abort")).toEqual([]);
    for await (const message of client.retrieve(undefined, { signal })) if (message.number === 3) break;
    expect(getEventListeners(signal, "abort")).toEqual([]);
    controller.abort();
    expect((await client.retr(4)).toString()).toBe(messageOf(4));
    client.close();
  });

  it("with an aborted signal sends nothing", async () => {
    await using server = await ScriptedServer.listen(maildropScript());
    const client = await Pop3Client.connect(server.options());
    await client.command("SYNC");
    const sent = server.peers[0]?.commands.length;
    const signal = AbortSignal.abort();
    expect(await outcome(client.retrieve(undefined, { signal }).next())).toBe("POP3_ABORTED");
    expect(await outcome(client.retrieve([1, 2], { signal }).next())).toBe("POP3_ABORTED");
    const stream = client.retrStream(1, { signal });
    const [error] = (await once(stream, "error")) as [unknown];
    expect(codeOf(error)).toBe("POP3_ABORTED");
    expect(getEventListeners(signal, "abort")).toEqual([]);
    await client.noop();
    expect(server.peers[0]?.commands.length).toBe((sent ?? 0) + 1);
    client.close();
  });
});

it("retrStream() is aborted by its signal, and removes its listener at its end", async () => {
  const gate = new Gate();
  await using server = await ScriptedServer.listen(
    maildropScript({
      "RETR 2": async (peer) => {
        await peer.send("+OK\r\nSub");
        await gate.opened;
        return "ject\r\n.\r\n";
      },
    }),
  );
  const client = await Pop3Client.connect(server.options());
  const controller = new AbortController();
  const { signal } = controller;
  await client.retrStream(1, { signal }).toArray();
  await turns();
  expect(getEventListeners(signal, "abort")).toEqual([]);
  const stream = client.retrStream(2, { signal });
  await once(stream, "data");
  const failed = once(stream, "error");
  controller.abort();
  expect(codeOf((await failed)[0])).toBe("POP3_ABORTED");
  expect(getEventListeners(signal, "abort")).toEqual([]);
  gate.open();
  expect((await client.retr(4)).toString()).toBe(messageOf(4));
  client.close();
});

it("one signal can serve many calls: no warning about a leak, and no listener left", async () => {
  await using server = await ScriptedServer.listen(maildropScript({}, { count: 100 }));
  const client = await Pop3Client.connect(server.options());
  const { signal } = new AbortController();
  const numbers = Array.from({ length: 100 }, (_, index) => index + 1);
  await client.dele(numbers, { signal });
  await Promise.all(numbers.map((n) => client.retr(n, { signal })));
  expect(getEventListeners(signal, "abort")).toEqual([]);
  await turns();
  client.close();
});
