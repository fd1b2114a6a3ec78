// `retrieve()` gives every message in order; and which commands it sends.
import { describe, expect, test } from "vitest";
import { Pop3Client } from "../../../src/index.ts";
import type { Fault } from "../../../src/testing/index.ts";
import { auth, listen, LOGGED_IN, logIn, said, toScript } from "../../support/ann.ts";
import { asked, drainAll, messages, textOf, WAYS } from "./loop.ts";
import { codeOf } from "../../support/outcome.ts";
import { ScriptedServer } from "../../support/scripted-server.ts";
import { expectNothingUnhandled } from "../../support/unhandled.ts";

expectNothingUnhandled();

describe.each(WAYS)("%s", (_, options) => {
  test("gives all messages in order, with number, unique-id and size", async () => {
    await using server = await listen({ messages: messages(30) });
    await using client = await logIn(server, options);
    const seen: unknown[] = [];
    for await (const message of client.retrieve()) {
      seen.push([message.number, message.uid, message.size, await textOf(message)]);
    }
    expect(seen).toEqual(
      Array.from({ length: 30 }, (__, index) => {
        const number = index + 1;
        return [number, `uid-${String(number)}`, number < 10 ? 11 : 12, `message ${String(number)}`];
      }),
    );
    expect(asked(said(server))).toEqual(Array.from({ length: 30 }, (__, index) => index + 1));
  });

  test("gives nothing for an empty maildrop", async () => {
    await using server = await listen({ messages: [] });
    await using client = await logIn(server, options);
    for await (const message of client.retrieve()) expect.unreachable(String(message.number));
    await client.noop();
  });

  test("gives the messages that are not marked", async () => {
    await using server = await listen({ messages: messages(6) });
    await using client = await logIn(server, options);
    await client.dele([1, 3, 6]);
    const numbers: unknown[] = [];
    for await (const message of client.retrieve())
      numbers.push([message.number, message.uid, await textOf(message)]);
    expect(numbers).toEqual([2, 4, 5].map((n) => [n, `uid-${String(n)}`, `message ${String(n)}`]));
    await client.rset();
    let count = 0;
    for await (const message of client.retrieve()) expect(message.number).toBe(++count);
    expect(count).toBe(6);
  });

  test("gives the listed numbers in their order", async () => {
    await using server = await listen({ messages: messages(20) });
    await using client = await logIn(server, options);
    for (const numbers of [[3], [5, 2, 9], [20, 19, 18, 17, 5, 4, 3, 2, 1], [7, 7, 7], []]) {
      const seen: string[] = [];
      for await (const message of client.retrieve(
        new Set(numbers).size < numbers.length ? numbers : new Set(numbers),
      )) {
        seen.push(await textOf(message));
      }
      expect(seen).toEqual(numbers.map((number) => `message ${String(number)}`));
    }
  });

  test("rejects a message that no longer exists, and continues", async () => {
    const faults: Fault[] = [{ on: "RETR", nth: 3, reply: "-ERR [X-GONE] no such message\r\n" }];
    await using server = await listen({ messages: messages(5), faults });
    await using client = await logIn(server, options);
    const seen: string[] = [];
    for await (const message of client.retrieve()) {
      if (message.number !== 3) seen.push(await textOf(message));
      else {
        await expect(message.buffer()).rejects.toMatchObject({
          code: "POP3_REFUSED",
          responseCode: "X-GONE",
          command: "RETR 3",
        });
        await expect(message.buffer()).rejects.toMatchObject({ code: "POP3_REFUSED" });
      }
    }
    expect(seen).toEqual(["message 1", "message 2", "message 4", "message 5"]);
    await client.noop();
  });

  test("skips missing messages that are not claimed", async () => {
    const faults: Fault[] = [{ on: "RETR", nth: "every", reply: "-ERR no\r\n" }];
    await using server = await listen({ messages: messages(5), faults });
    await using client = await logIn(server, options);
    for await (const message of client.retrieve()) {
      if (message.number === 4) expect(await codeOf(message.buffer())).toBe("POP3_REFUSED");
    }
    for await (const message of client.retrieve([77])) {
      expect(await codeOf(message.buffer())).toBe("POP3_REFUSED");
    }
    await client.noop();
  });

  test("gives only the beginnings with top", async () => {
    await using server = await listen({
      messages: messages(10).map((text) => `Subject: a\r\n\r\n${text}more\r\n`),
    });
    await using client = await logIn(server, options);
    const seen: string[] = [];
    for await (const message of client.retrieve(undefined, { top: 1 }))
      seen.push((await message.buffer()).toString());
    expect(seen).toEqual(messages(10).map((text) => `Subject: a\r\n\r\n${text}`));
    expect(said(server).filter((line) => /^C: (?:TOP \d+ 1|RETR)/.test(line))).toHaveLength(10);
    expect(said(server)).not.toContain("C: RETR 1");
  });
});

describe("the commands of a loop", () => {
  test("list LIST and UIDL once per session, and not for a few given numbers", async () => {
    await using server = await listen({ messages: messages(10) });
    await using client = await logIn(server);
    for await (const message of client.retrieve([1, 2])) {
      expect(message.uid).toBeUndefined();
      expect(message.size).toBeUndefined();
      await message.buffer();
    }
    expect(said(server).filter((line) => /LIST|UIDL/.test(line))).toEqual([]);
    for (let round = 0; round < 3; round++) await drainAll(client.retrieve());
    for await (const message of client.retrieve([5]))
      expect(message).toMatchObject({ uid: "uid-5", size: 11 });
    expect(said(server).filter((line) => /LIST|UIDL/.test(line))).toEqual(["C: LIST", "C: UIDL"]);
  });

  test("do not depend on changes to the maps that list() and uidl() returned", async () => {
    await using server = await listen({ messages: messages(10) });
    await using client = await logIn(server);
    (await client.list()).clear();
    (await client.uidl()).clear();
    let count = 0;
    for await (const message of client.retrieve()) expect(message.uid).toBe(`uid-${String(++count)}`);
    expect(count).toBe(10);
  });

  test("include no UIDL if the server has none", async () => {
    await using server = await listen({ messages: messages(3), uidl: false });
    await using client = await logIn(server);
    const seen: unknown[] = [];
    for await (const message of client.retrieve()) seen.push([message.uid, await textOf(message)]);
    expect(seen).toEqual(messages(3).map((text) => [undefined, text.trim()]));
  });

  test("reject the loop if the server refuses LIST, and the session continues", async () => {
    await using server = await listen({ faults: [{ on: "LIST", reply: "-ERR no\r\n" }] });
    await using client = await logIn(server);
    await expect(client.retrieve().next()).rejects.toMatchObject({ code: "POP3_REFUSED", command: "LIST" });
    await client.noop();
  });

  test("reject each message if the server has no TOP", async () => {
    await using server = await listen({ messages: messages(3), top: false });
    await using client = await logIn(server);
    let count = 0;
    for await (const message of client.retrieve(undefined, { top: 0 })) {
      count++;
      expect(await codeOf(message.buffer())).toBe("POP3_REFUSED");
    }
    expect(count).toBe(3);
  });

  test.each([true, false])(
    "without PIPELINING are sent one at a time (claimed at once: %s)",
    async (atOnce) => {
      const script = [
        ...LOGGED_IN,
        ...["C: LIST", "S: +OK", ...[1, 2, 3, 4, 5].map((n) => `S: ${String(n)} 3`), "S: ."],
        ...["C: UIDL", "S: -ERR"],
        ...[1, 2, 3, 4, 5].flatMap((n) => [`C: RETR ${String(n)}`, "S: +OK", "S: a", "S: ."]),
        ...["C: QUIT", "S: +OK"],
      ];
      await using server = await ScriptedServer.listen(script, { lockstep: true });
      const client = await Pop3Client.connect(toScript(server, { auth }));
      const taken: Promise<Buffer>[] = [];
      for await (const message of client.retrieve()) {
        taken.push(message.buffer());
        if (!atOnce) await taken.at(-1);
      }
      await Promise.all(taken);
      await client.quit();
      await server.played();
    },
  );
});
