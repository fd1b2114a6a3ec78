// DELE marks messages, QUIT commits, RSET removes the marks.
import { describe, expect, test } from "vitest";
import { Pop3Client } from "../../../src/index.ts";
import { auth, five, left, LOGGED_IN, logIn, said, toScript } from "../../support/ann.ts";
import { turns } from "../../support/turns.ts";
import { ScriptedServer } from "../../support/scripted-server.ts";

describe("commit", () => {
  test("deletes the messages that DELE marked", async () => {
    await using server = await five();
    await using client = await logIn(server);
    await client.dele(2);
    await client.dele([4, 5]);
    expect([...client.marked]).toEqual([2, 4, 5]);
    expect(await client.stat()).toEqual({ count: 2, size: 6 });
    expect(await client.list()).toEqual(
      new Map([
        [1, 3],
        [3, 3],
      ]),
    );
    await expect(client.retr(2)).rejects.toMatchObject({ code: "POP3_REFUSED" });
    expect(server.maildrop("ann").messages).toHaveLength(5);
    await client.quit();
    expect(client.state).toBe("closed");
    expect(await left(server)).toBe("13");
  });

  test("is not affected by changes to `marked`, which is a copy", async () => {
    await using server = await five();
    await using client = await logIn(server);
    await client.dele(1);
    (client.marked as Set<number>).clear();
    expect([...client.marked]).toEqual([1]);
  });

  test("deletes nothing after RSET", async () => {
    await using server = await five();
    await using client = await logIn(server);
    await client.dele([1, 2]);
    await client.rset();
    expect(client.marked.size).toBe(0);
    expect(await client.stat()).toEqual({ count: 5, size: 15 });
    await client.dele(5);
    await client.quit();
    expect(await left(server)).toBe("1234");
  });

  test("deletes the messages that a refused RSET left marked", async () => {
    await using server = await five({ on: "RSET", reply: "-ERR no\r\n" });
    await using client = await logIn(server);
    await client.dele(3);
    await expect(client.rset()).rejects.toMatchObject({ code: "POP3_REFUSED" });
    expect([...client.marked]).toEqual([3]);
    await client.quit();
    expect(await left(server)).toBe("1245");
  });

  test("deletes the accepted ones of several DELEs, and `marked` lists them", async () => {
    await using server = await five();
    await using client = await logIn(server);
    await expect(client.dele([1, 9, 3, 8, 5])).rejects.toMatchObject({
      code: "POP3_REFUSED",
      command: "DELE 9",
    });
    expect([...client.marked]).toEqual([1, 3, 5]);
    expect(client.state).toBe("transaction");
    await client.quit();
    expect(await left(server)).toBe("24");
  });

  test("follows several DELEs without PIPELINING, sent one after another", async () => {
    await using server = await ScriptedServer.listen(
      [...LOGGED_IN, "C: DELE 1", "S: +OK", "C: DELE 2", "S: -ERR", "C: DELE 3", "S: +OK"],
      { lockstep: true },
    );
    const client = await Pop3Client.connect(toScript(server, { auth }));
    await expect(client.dele([1, 2, 3])).rejects.toMatchObject({ code: "POP3_REFUSED", command: "DELE 2" });
    expect([...client.marked]).toEqual([1, 3]);
    client.close();
    await server.played();
  });

  test("deletes a message whose DELE was aborted after it was sent, if the server accepted it", async () => {
    await using server = await five();
    await using client = await logIn(server);
    await client.noop();
    const controller = new AbortController();
    const call = client.dele(1, { signal: controller.signal });
    await turns(1);
    controller.abort();
    await expect(call).rejects.toMatchObject({ code: "POP3_ABORTED" });
    await client.noop();
    const taken = said(server).includes("C: DELE 1");
    expect([...client.marked]).toEqual(taken ? [1] : []);
    await client.quit();
    expect(await left(server)).toBe(taken ? "2345" : "12345");
  });
});
