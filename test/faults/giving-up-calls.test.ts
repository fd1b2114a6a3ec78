// An aborted call rejects at once. Other calls get their answers, and unsent commands are never sent.
import { getEventListeners } from "node:events";
import { once } from "node:events";
import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { Pop3Client, type Pop3Error, type CallOptions } from "popwright";
import { Gate } from "../support/gate.ts";
import { maildropScript, messageOf, retrAnswer, uidOf } from "../support/maildrop-script.ts";
import { ScriptedServer } from "../support/scripted-server.ts";
import { codeOf, guardEachTest, outcome } from "../support/sentry.ts";
import { until } from "../support/turns.ts";

guardEachTest();

const TEN = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
const REASON = new Error("no longer wanted");

/** Holds every answer to `verb` back until the gate is open. */
function heldBack(verb: string, gate: Gate, answer: (line: string) => string) {
  return maildropScript({
    [verb]: async (_peer, line) => {
      await gate.opened;
      return answer(line);
    },
  });
}

const numberIn = (line: string): number => Number(line.split(" ")[1]);

describe("the third of ten pipelined calls", () => {
  it("rejects at once on abort, and the others get their own answers", async () => {
    const gate = new Gate();
    await using server = await ScriptedServer.listen(
      heldBack("RETR", gate, (line) => retrAnswer(numberIn(line))),
    );
    const client = await Pop3Client.connect(server.options());
    const controller = new AbortController();
    const calls = TEN.map((n) => client.retr(n, n === 3 ? { signal: controller.signal } : {}));
    await until(() => server.peers[0]?.commands.includes("RETR 10") === true);
    controller.abort(REASON);
    const error: unknown = await (calls[2] as Promise<Buffer>).catch((thrown: unknown) => thrown);
    expect(codeOf(error)).toBe("POP3_ABORTED");
    expect(error).toMatchObject({ name: "AbortError", cause: REASON, command: "RETR 3" });
    gate.open();
    for (const [index, call] of calls.entries()) {
      if (index !== 2) expect((await call).toString()).toBe(messageOf(index + 1));
    }
    expect((await client.retr(3)).toString()).toBe(messageOf(3));
    client.close();
  });

  it("rejects in the middle of its body, and the others get their own answers", async () => {
    const gate = new Gate();
    await using server = await ScriptedServer.listen(
      maildropScript({
        "RETR 3": async (peer) => {
          await peer.send("+OK\r\nSubject: mess");
          await gate.opened;
          return "age 3\r\n\r\n..\r\n+OK not a reply\r\n.\r\n";
        },
      }),
    );
    const client = await Pop3Client.connect(server.options());
    const controller = new AbortController();
    const calls = TEN.map((n) => client.retr(n, n === 3 ? { signal: controller.signal } : {}));
    expect((await Promise.all(calls.slice(0, 2))).map(String)).toEqual([1, 2].map(messageOf));
    await until(() => (server.peers[0]?.taken ?? 0) > 0);
    await turn();
    controller.abort(REASON);
    expect(await outcome(calls[2] as Promise<Buffer>)).toBe("POP3_ABORTED");
    gate.open();
    expect((await Promise.all(calls.slice(3))).map(String)).toEqual(TEN.slice(3).map(messageOf));
    client.close();
  });

  it("can be a stream destroyed with an error, and the others get their own answers", async () => {
    const gate = new Gate();
    await using server = await ScriptedServer.listen(
      heldBack("RETR", gate, (line) => retrAnswer(numberIn(line))),
    );
    const client = await Pop3Client.connect(server.options());
    const streams = TEN.map((n) => client.retrStream(n));
    const failed = once(streams[2] as NodeJS.EventEmitter, "error");
    await until(() => server.peers[0]?.commands.includes("RETR 10") === true);
    streams[2]?.destroy(REASON);
    expect(await failed).toEqual([REASON]);
    gate.open();
    for (const [index, stream] of streams.entries()) {
      if (index === 2) continue;
      expect(Buffer.concat((await stream.toArray()) as Buffer[]).toString()).toBe(messageOf(index + 1));
    }
    client.close();
  });
});

it("a queued command that is aborted is never sent", async () => {
  const gate = new Gate();
  await using server = await ScriptedServer.listen(
    maildropScript(
      {
        "ECHO 1": async () => {
          await gate.opened;
          return "+OK 1\r\n";
        },
      },
      { pipelining: false },
    ),
  );
  const client = await Pop3Client.connect(server.options());
  const controller = new AbortController();
  const { signal } = controller;
  const first = client.command("ECHO 1");
  const queued = [
    client.command("ECHO 2", { signal }),
    client.retr(2, { signal }),
    client.dele([3, 4], { signal }),
    client.uidl({ signal }),
  ].map(outcome);
  const last = client.command("ECHO 5");
  await until(() => server.peers[0]?.commands.includes("ECHO 1") === true);
  controller.abort();
  expect(await Promise.all(queued)).toEqual(Array(4).fill("POP3_ABORTED"));
  gate.open();
  expect((await first).text).toBe("1");
  expect((await last).text).toBe("5");
  await client.quit();
  expect(server.peers[0]?.commands.filter((line) => /^(?:ECHO|RETR|DELE|UIDL)/.test(line))).toEqual([
    "ECHO 1",
    "ECHO 5",
  ]);
});

it("a queued QUIT that is aborted is never sent, and the session continues with its marks", async () => {
  const gate = new Gate();
  await using server = await ScriptedServer.listen(heldBack("ECHO", gate, () => "+OK done\r\n"));
  const client = await Pop3Client.connect(server.options());
  await client.dele(1);
  const first = client.command("ECHO 1");
  const controller = new AbortController();
  const quitting = outcome(client.quit({ signal: controller.signal }));
  await until(() => server.peers[0]?.commands.includes("ECHO 1") === true);
  controller.abort();
  expect(await quitting).toBe("POP3_ABORTED");
  expect(client.state).toBe("transaction");
  gate.open();
  expect((await first).text).toBe("done");
  expect([...client.marked]).toEqual([1]);
  expect(await client.uidl(2)).toBe(uidOf(2));
  expect(server.peers[0]?.commands).not.toContain("QUIT");
  await client.quit();
  expect(client.state).toBe("closed");
});

const LINE = "+OK\r\n";
const BLOCK = "+OK\r\n1 1\r\n.\r\n";
const CAPA = "+OK\r\nUIDL\r\nTOP\r\nSASL PLAIN\r\nPIPELINING\r\n.\r\n";

/** A call, the line that it sends first, and the whole response to that line. */
interface SmallCall {
  readonly line: string;
  readonly response: string;
  readonly call: (client: Pop3Client, options: CallOptions) => Promise<unknown>;
}

const SMALL: Record<string, SmallCall> = {
  stat: { line: "STAT", response: "+OK 1 1\r\n", call: (client, options) => client.stat(options) },
  "list(n)": { line: "LIST 1", response: "+OK 1 1\r\n", call: (client, options) => client.list(1, options) },
  "uidl(n)": { line: "UIDL 1", response: "+OK 1 x\r\n", call: (client, options) => client.uidl(1, options) },
  list: { line: "LIST", response: BLOCK, call: (client, options) => client.list(options) },
  uidl: { line: "UIDL", response: BLOCK, call: (client, options) => client.uidl(options) },
  capa: { line: "CAPA", response: CAPA, call: (client, options) => client.capa(options) },
  noop: { line: "NOOP", response: LINE, call: (client, options) => client.noop(options) },
  rset: { line: "RSET", response: LINE, call: (client, options) => client.rset(options) },
  dele: { line: "DELE 1", response: LINE, call: (client, options) => client.dele([1, 2], options) },
  retr: { line: "RETR 1", response: BLOCK, call: (client, options) => client.retr(1, options) },
  top: { line: "TOP 1 0", response: BLOCK, call: (client, options) => client.top(1, 0, options) },
  lang: { line: "LANG de", response: LINE, call: (client, options) => client.lang("de", options) },
  command: { line: "ECHO 1", response: LINE, call: (client, options) => client.command("ECHO 1", options) },
};

describe.each(Object.entries(SMALL))("%s", (_name, { line, response, call }) => {
  it("aborted in flight: its reply is dropped, and the session continues", async () => {
    const gate = new Gate();
    let held = false;
    await using server = await ScriptedServer.listen(async (peer) => {
      await maildropScript({
        [line]: async () => {
          if (held) await gate.opened;
          return response;
        },
      })(peer);
    });
    const client = await Pop3Client.connect(server.options());
    await client.command("SYNC"); // the capabilities after the login have come
    held = true;
    const controller = new AbortController();
    const aborted = outcome(call(client, { signal: controller.signal }));
    const sent = server.peers[0]?.commands.length ?? 0;
    await until(() => (server.peers[0]?.commands.length ?? 0) > sent);
    controller.abort();
    expect(await aborted).toBe("POP3_ABORTED");
    expect(getEventListeners(controller.signal, "abort")).toEqual([]);
    const next = client.command("SYNC 2");
    gate.open();
    expect((await next).text).toBe("");
    client.close();
  });

  it("with an aborted signal: nothing is sent", async () => {
    await using server = await ScriptedServer.listen(maildropScript());
    const client = await Pop3Client.connect(server.options());
    await client.command("SYNC");
    const sent = server.peers[0]?.commands.length;
    const signal = AbortSignal.abort(REASON);
    const error: unknown = await call(client, { signal }).catch((thrown: unknown) => thrown);
    expect(codeOf(error)).toBe("POP3_ABORTED");
    expect((error as Pop3Error).cause).toBe(REASON);
    expect(getEventListeners(signal, "abort")).toEqual([]);
    expect(server.peers[0]?.commands.length).toBe(sent);
    expect(await client.uidl(3)).toBe(uidOf(3));
    client.close();
  });

  it("aborted after it was answered: nothing happens", async () => {
    await using server = await ScriptedServer.listen(maildropScript({ [line]: response }));
    const client = await Pop3Client.connect(server.options());
    const controller = new AbortController();
    await call(client, { signal: controller.signal });
    expect(getEventListeners(controller.signal, "abort")).toEqual([]);
    controller.abort();
    expect((await client.command("ECHO 2")).text).toBe("2");
    client.close();
  });
});
