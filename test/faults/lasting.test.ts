// Listeners, handles, memory and timers over many sessions, or one long one.
import { setFlagsFromString } from "node:v8";
import { describe, expect, it } from "vitest";
import { Pop3Client } from "popwright";
import { pause, stopClocks, timePasses } from "../support/clock.ts";
import { collectGarbage } from "../support/garbage.ts";
import { maildropScript, messageOf, retrAnswer, uidOf, type Answers } from "../support/maildrop-script.ts";
import { ScriptedServer } from "../support/scripted-server.ts";
import { guardEachTest, outcome } from "../support/sentry.ts";
import { turns } from "../support/turns.ts";
import { endAs } from "../support/wire-ends.ts";

guardEachTest();

describe("timers", () => {
  stopClocks();

  const slow: Answers[string] = async (_peer, line) => {
    await pause(40);
    return `+OK ${line.slice(5)}\r\n`;
  };

  it("of a reply start after the reply before it", async () => {
    await using server = await ScriptedServer.listen(maildropScript({ ECHO: slow }));
    const client = await Pop3Client.connect(server.options({ timeouts: { command: 200 } }));
    const calls = [1, 2, 3, 4, 5, 6, 7, 8].map((n) => client.command(`ECHO ${n}`).then(({ text }) => text));
    expect(await timePasses(Promise.all(calls))).toEqual(["1", "2", "3", "4", "5", "6", "7", "8"]);
    client.close();
  });

  it("of QUIT start when it is sent", async () => {
    await using server = await ScriptedServer.listen(maildropScript({ ECHO: slow }));
    const client = await Pop3Client.connect(server.options({ timeouts: { quit: 100 } }));
    const calls = [1, 2, 3, 4].map((n) => client.command(`ECHO ${n}`));
    await timePasses(client.dele(1));
    await timePasses(client.quit());
    await Promise.all(calls);
  });
});

describe("a limit smaller than a chunk", () => {
  it("does not block a loop", async () => {
    await using server = await ScriptedServer.listen(maildropScript());
    const client = await Pop3Client.connect(server.options({ limits: { message: 1000 } }));
    const seen: string[] = [];
    for await (const message of client.retrieve()) {
      await turns(1);
      if (message.number % 3 === 0) continue;
      if (message.number % 2 === 0) await client.noop();
      seen.push((await message.buffer()).toString());
    }
    expect(seen).toEqual([1, 2, 4, 5, 7, 8, 10].map(messageOf));
    await client.quit();
  });
});

it("hundreds of complete and broken sessions do not leak memory", async () => {
  const script = maildropScript({
    "RETR 3": async (peer) => {
      await peer.send(retrAnswer(3).slice(0, 20));
      await endAs(peer, "reset");
      return undefined;
    },
  });
  const { signal } = new AbortController();
  async function sessions(count: number): Promise<number> {
    await using server = await ScriptedServer.listen(script);
    for (let at = 0; at < count; at++) {
      const client = await Pop3Client.connect(server.options(), { signal });
      expect(await client.uidl(2, { signal })).toBe(uidOf(2));
      if (at % 3 === 0) await client.quit({ signal });
      else if (at % 3 === 1) expect(await outcome(client.retr(3, { signal }))).not.toBe("ok");
      else {
        for await (const message of client.retrieve([1, 2], { signal })) await message.buffer();
        client.close();
      }
    }
    return count;
  }
  const memory = (): number => {
    collectGarbage();
    return process.memoryUsage().heapUsed;
  };
  // The compiler makes machine code when it likes, which would count as memory.
  for (const flag of ["--no-opt", "--no-sparkplug", "--no-maglev"]) setFlagsFromString(flag);
  await sessions(100);
  await sessions(100);
  const before = memory();
  for (let rounds = 0; rounds < 4; rounds++) await sessions(75);
  // Less than 2 KiB a session: no session, socket or listener is kept.
  expect(memory() - before).toBeLessThan(300 * 2048);
});
