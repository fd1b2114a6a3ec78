// A failure in a caller's listener, socket or signal affects only that caller, and no other call.
import { once } from "node:events";
import * as net from "node:net";
import { expect, it } from "vitest";
import { Pop3Client } from "popwright";
import { maildropScript, messageOf } from "../support/maildrop-script.ts";
import { overheard } from "../support/overheard.ts";
import { ScriptedServer } from "../support/scripted-server.ts";
import { guardEachTest, outcome } from "../support/sentry.ts";
import { until } from "../support/turns.ts";

guardEachTest();

it("a listener that throws does not stop an abort from reaching other calls", async () => {
  const thrown = new RangeError("no room");
  const heard = await overheard("uncaughtException", async () => {
    const never = (): Promise<undefined> => new Promise(() => undefined);
    await using server = await ScriptedServer.listen(maildropScript({ QUIT: never, UIDL: never }));
    const [one, other] = [
      await Pop3Client.connect(server.options()),
      await Pop3Client.connect(server.options()),
    ];
    one.on("close", () => {
      throw thrown;
    });
    const controller = new AbortController();
    const { signal } = controller;
    const calls = [one.quit({ signal }), other.uidl(1, { signal })].map(outcome);
    await until(() => server.peers.every(({ commands }) => /^(?:QUIT|UIDL)/.test(commands.at(-1) ?? "")));
    controller.abort();
    expect(await Promise.all(calls)).toEqual(["POP3_ABORTED", "POP3_ABORTED"]);
    other.close();
  });
  expect(heard).toEqual([thrown]);
});

it("a listener that throws at the end does not undo the commit of QUIT", async () => {
  const thrown = new RangeError("no room");
  let result: unknown;
  const heard = await overheard("uncaughtException", async () => {
    await using server = await ScriptedServer.listen(maildropScript());
    const client = await Pop3Client.connect(server.options());
    await client.dele(1);
    client.on("close", () => {
      throw thrown;
    });
    result = await client.quit().then(
      () => "committed",
      (error: unknown) => error,
    );
    await server.peers[0]?.gone;
  });
  expect(result).toBe("committed");
  expect(heard).toEqual([thrown]);
});

it.each([true, false])(
  "the caller's socket that emits strings causes a typed error (secure: %s)",
  async (secure) => {
    const heard = await overheard("uncaughtException", async () => {
      await using server = await ScriptedServer.listen(maildropScript(), secure ? "tls" : "plain");
      const socket = net.connect(server.port, "127.0.0.1");
      await once(socket, "connect");
      socket.setEncoding("utf8");
      const result = await outcome(Pop3Client.connect(server.options({ socket, timeouts: { tls: 500 } })));
      expect(result).toMatch(/^POP3_|^ok$/);
      for (const { gone } of result === "ok" ? [] : server.peers) await gone;
      socket.destroy();
    });
    expect(heard).toEqual([]);
  },
);

it("1000 calls aborted at once leave the session in step", async () => {
  await using server = await ScriptedServer.listen(maildropScript());
  const client = await Pop3Client.connect(server.options());
  const controller = new AbortController();
  const { signal } = controller;
  const calls = Array.from({ length: 1000 }, (_, index) =>
    outcome(client.retr((index % 10) + 1, { signal })),
  );
  await until(() => server.peers[0]?.commands.includes("RETR 1") === true);
  controller.abort();
  for (const result of await Promise.all(calls)) expect(["ok", "POP3_ABORTED"]).toContain(result);
  expect((await client.retr(2)).toString()).toBe(messageOf(2));
  await client.quit();
});
