// The split of octets into packets, and the number of commands in flight, change no answer.
import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { Pop3Client, type Pop3Error } from "popwright";
import { Gate } from "../support/gate.ts";
import {
  capaAnswer,
  honestAnswer,
  maildropScript,
  messageOf,
  retrAnswer,
  uidOf,
} from "../support/maildrop-script.ts";
import { ScriptedServer } from "../support/scripted-server.ts";
import { guardEachTest, outcome } from "../support/sentry.ts";
import { turns, until } from "../support/turns.ts";

guardEachTest();

describe("packets", () => {
  const messages = Array.from({ length: 50 }, (_, index) => index + 1);

  async function expectAllInStep(client: Pop3Client): Promise<void> {
    const calls: Promise<unknown>[] = [];
    const wanted: unknown[] = [];
    for (const n of messages) {
      calls.push(
        client.uidl(n),
        client.retr(n).then(String),
        client.command(`ECHO ${n}`).then(({ text }) => text),
      );
      wanted.push(uidOf(n), messageOf(n), String(n));
    }
    expect(await Promise.all(calls)).toEqual(wanted);
    await client.quit();
  }

  it("can have one octet each", async () => {
    await using server = await ScriptedServer.listen(async (peer) => {
      const out: string[] = [];
      const pumping = async (): Promise<void> => {
        for (;;) {
          const octets = out.shift();
          if (octets === undefined) {
            if (peer.over) return;
            await turn();
          } else for (const octet of octets) await peer.send(octet);
        }
      };
      out.push("+OK ready\r\n");
      const pumped = pumping();
      for (let line = await peer.line(); line !== undefined; line = await peer.line()) {
        out.push(honestAnswer(line, { count: 50 }));
      }
      await peer.gone;
      await pumped;
    });
    const client = await Pop3Client.connect(server.options());
    await expectAllInStep(client);
  });

  it("can have the answers to all commands in one", async () => {
    let answers = "";
    await using server = await ScriptedServer.listen(
      maildropScript(
        Object.fromEntries(
          ["UIDL", "RETR", "ECHO"].map((verb) => [
            verb,
            (_peer: unknown, line: string) => {
              answers += honestAnswer(line, { count: 50 });
              if (line !== "ECHO 50") return undefined;
              return answers;
            },
          ]),
        ),
        { count: 50 },
      ),
    );
    const client = await Pop3Client.connect(server.options());
    await expectAllInStep(client);
  });

  it("can cut the terminator at each of its octets", async () => {
    for (let cut = 1; cut <= 5; cut++) {
      await using server = await ScriptedServer.listen(
        maildropScript({
          RETR: async (peer, line) => {
            const whole = retrAnswer(Number(line.split(" ")[1]));
            const at = whole.length - cut;
            await peer.send(whole.slice(0, at));
            await turns(5);
            await peer.send(whole.slice(at));
            return undefined;
          },
        }),
      );
      const client = await Pop3Client.connect(server.options());
      expect((await Promise.all([1, 2, 3].map((n) => client.retr(n)))).map(String)).toEqual(
        [1, 2, 3].map(messageOf),
      );
      client.close();
    }
  });

  it("do not end a message with other sequences than CRLF . CRLF", async () => {
    const body = "a\n.\nb\r.\rc\r\n.\nd\n.\r\ne\r\n.\r\r\n+OK fake\r\n";
    const stuffed = body.replaceAll("\r\n.", "\r\n..");
    await using server = await ScriptedServer.listen(maildropScript({ RETR: `+OK\r\n${stuffed}.\r\n` }));
    const client = await Pop3Client.connect(server.options());
    expect((await client.retr(1)).toString()).toBe(body);
    expect(await client.uidl(2)).toBe(uidOf(2));
    client.close();
  });
});

describe("a server that reads nothing", () => {
  it("gets a limited part of 10,000 commands", async () => {
    await using server = await ScriptedServer.listen(
      maildropScript({ "DELE 1": (peer) => peer.gone.then(() => undefined) }, { count: 10_000 }),
    );
    const client = await Pop3Client.connect(server.options());
    await client.noop();
    const before = server.peers[0]?.received ?? 0;
    const calls = Array.from({ length: 10_000 }, (_, index) =>
      client.dele(index + 1).catch((error: unknown) => (error as Pop3Error).code),
    );
    await turns(50);
    // The window: 4096 octets of commands.
    expect((server.peers[0]?.received ?? 0) - before).toBeLessThanOrEqual(4096);
    client.close();
    expect(new Set(await Promise.all(calls))).toEqual(new Set(["POP3_CLOSED"]));
  });

  it("gets all of them, in order, when it answers again", async () => {
    await using server = await ScriptedServer.listen(maildropScript({}, { count: 10_000 }));
    const client = await Pop3Client.connect(server.options());
    const numbers = Array.from({ length: 10_000 }, (_, index) => index + 1);
    await client.dele(numbers);
    expect(client.marked.size).toBe(10_000);
    await client.quit();
    const deletions = server.peers[0]?.commands.filter((line) => line.startsWith("DELE"));
    expect(deletions).toEqual(numbers.map((n) => `DELE ${n}`));
  });
});

it("a connection that ends with five commands in flight and five queued causes ten rejections, in order", async () => {
  const gate = new Gate();
  await using server = await ScriptedServer.listen(
    maildropScript({
      ECHO: async (peer) => {
        await gate.opened;
        peer.reset();
        return undefined;
      },
    }),
  );
  const client = await Pop3Client.connect(server.options({ pipelining: { commandOctets: 40 } }));
  await client.noop();
  const rejected: number[] = [];
  // Eight octets each: five in the window.
  const calls = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) =>
    outcome(client.command(`ECHO ${n}`)).then((code) => {
      rejected.push(n);
      return code;
    }),
  );
  await until(() => server.peers[0]?.commands.includes("ECHO 4") === true);
  gate.open();
  expect(new Set(await Promise.all(calls))).toEqual(new Set(["POP3_RESET"]));
  expect(rejected).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(server.peers[0]?.commands).not.toContain("ECHO 5");
});

it("commands are sent one at a time if PIPELINING is not listed", async () => {
  let open = 0;
  let most = 0;
  await using server = await ScriptedServer.listen(async (peer) => {
    await maildropScript(
      {
        CAPA: capaAnswer("UIDL", "SASL PLAIN"),
        UIDL: async (asked, line) => {
          open = asked.commands.length;
          await turns(5);
          most = Math.max(most, asked.commands.length - open);
          return honestAnswer(line);
        },
      },
      {},
    )(peer);
  });
  const client = await Pop3Client.connect(server.options());
  expect(await Promise.all([1, 2, 3].map((n) => client.uidl(n)))).toEqual([1, 2, 3].map(uidOf));
  expect(most).toBe(0);
  client.close();
});
