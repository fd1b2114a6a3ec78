// Servers that renumber messages after DELE, or still list marked ones: no number is read as another message.
import { describe, expect, test } from "vitest";
import type { Pop3Client } from "../../../src/index.ts";
import { CountingServer, type Counting } from "./counting-server.ts";
import { codeOf } from "../../support/outcome.ts";
import { expectNothingUnhandled } from "../../support/unhandled.ts";

expectNothingUnhandled();

const NAMES = ["a", "b", "c", "d"];
const SIZES = new Map(NAMES.map((_, index) => [index + 1, 16 + index]));
const UIDS = new Map(NAMES.map((uid, index) => [index + 1, uid]));

function without<V>(map: ReadonlyMap<number, V>, marked: readonly number[]): Map<number, V> {
  return new Map([...map].filter(([number]) => !marked.includes(number)));
}

/** What the loop gives: number, unique-id and size as announced, and the subject of what came. */
async function retrieved(client: Pop3Client, top?: number): Promise<string[]> {
  const got: string[] = [];
  for await (const message of client.retrieve(undefined, { top })) {
    const [, subject = ""] = /Subject: (\w)/.exec((await message.buffer()).toString()) ?? [];
    got.push(`${String(message.number)} ${message.uid ?? "?"} ${String(message.size)} ${subject}`);
  }
  return got;
}

const told = (marked: readonly number[]): string[] =>
  [...without(UIDS, marked)].map(
    ([number, uid]) => `${String(number)} ${uid} ${String(SIZES.get(number))} ${uid}`,
  );

const MARKED = [[1], [2], [4], [1, 2], [1, 4], [2, 3], [3, 4], [1, 2, 3], [2, 3, 4], [1, 2, 3, 4]];
const COUNTINGS: readonly Counting[] = ["exact", "wildduck", "twisted"];

describe.each(COUNTINGS)("%s", (counting) => {
  describe.each(MARKED.map((marked) => [marked]))("with %j marked", (marked) => {
    describe.each([true, false])("listed before: %s", (before) => {
      const opened = async (): Promise<Pop3Client> => {
        const client = await new CountingServer(counting).connect();
        if (before) expect([await client.list(), await client.uidl()]).toEqual([SIZES, UIDS]);
        await client.dele(marked);
        return client;
      };

      test("LIST and UIDL return the first numbers", async () => {
        const client = await opened();
        for (const _ of ["once", "and again"]) {
          expect(await client.list()).toEqual(without(SIZES, marked));
          expect(await client.uidl()).toEqual(without(UIDS, marked));
        }
        client.close();
      });

      test("each message has its own number, unique-id and size", async () => {
        const client = await opened();
        expect(await retrieved(client)).toEqual(told(marked));
        await client.list();
        expect(await retrieved(client, 0)).toEqual(told(marked));
        client.close();
      });

      test("more messages can be marked, and RSET removes all marks", async () => {
        const client = await opened();
        await client.list();
        const [next] = without(SIZES, marked).keys();
        const more = next === undefined ? marked : [...marked, next];
        if (next !== undefined) await client.dele(next);
        expect(await client.uidl()).toEqual(without(UIDS, more));
        expect(await retrieved(client)).toEqual(told(more));
        await client.rset();
        expect(await client.list()).toEqual(SIZES);
        expect(await retrieved(client)).toEqual(told([]));
        client.close();
      });
    });
  });

  test("numbers are right with all commands in flight at once", async () => {
    const client = await new CountingServer(counting, true).connect();
    const [, sizes, uids] = await Promise.all([client.dele([1, 3]), client.list(), client.uidl()]);
    expect([sizes, uids]).toEqual([without(SIZES, [1, 3]), without(UIDS, [1, 3])]);
    expect(await retrieved(client)).toEqual(told([1, 3]));
    client.close();
  });

  test('supports("TOP") does not try a marked message', async () => {
    const server = new CountingServer(counting);
    const client = await server.connect({ capa: false });
    await client.list();
    await client.dele([1, 2]);
    expect(await client.supports("TOP")).toBe(true);
    expect(server.lines).toContain("TOP 3 0");
    client.close();
  });
});

describe("messages that move up after DELE", () => {
  test.each<[string, (client: Pop3Client) => Promise<unknown>]>([
    ["LIST", (client) => client.list()],
    ["UIDL", (client) => client.uidl()],
    ["UIDL of one", (client) => client.uidl(2)],
  ])("end the session without deleting anything: %s", async (_, ask) => {
    const server = new CountingServer("moving");
    const client = await server.connect();
    await client.list();
    await client.uidl();
    await client.dele(1);
    expect([await codeOf(ask(client)), client.state]).toEqual(["POP3_PROTOCOL", "closed"]);
    expect(await codeOf(client.quit())).toBe("POP3_PROTOCOL");
    expect(server.lines).not.toContain("QUIT");
  });

  test("are read as listed if nothing was listed before", async () => {
    const client = await new CountingServer("moving").connect();
    await client.dele(1);
    const got = await retrieved(client);
    expect(got).toHaveLength(2);
    for (const line of got) expect(line).toMatch(/^\d (\w) \d+ \1$/);
    client.close();
  });
});

test("a server that keeps its numbers gets no additional commands", async () => {
  const server = new CountingServer("exact");
  const client = await server.connect();
  await client.dele(2);
  await client.list();
  await client.uidl();
  await client.list();
  expect(server.lines).toEqual(["DELE 2", "LIST", "UIDL", "LIST"]);
  client.close();
});
