// A fetcher that imports into Gmail is killed at any moment, and connections are cut: in the end every message is in the
// account once, byte for byte.
import { writeSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { GmailServer } from "../support/gmail-server.ts";
import { accountOf, serverWith } from "../support/mail.ts";
import { scratch } from "../support/scratch.ts";
import { settle } from "./crashes.ts";
import { Fetcher, type Point } from "./fetcher.ts";
import { compare, killAtRandom, maildropOf, randomFrom } from "./kills.ts";

/** `POPWRIGHT_GMAIL_KILLS=200` for the long run. */
const KILLS = Number(process.env["POPWRIGHT_GMAIL_KILLS"] ?? 10);
const DELETE = { delete: "delivered", commitEvery: 12 } as const;

/** Every third message has no Message-ID, and some of these are identical. */
function message(number: number): string {
  const from = "From: bea@mail.test\r\n";
  if (number % 12 === 0) return `${from}Subject: the same\r\n\r\nAll of these are identical.\r\n`;
  const id = number % 3 === 0 ? "" : `Message-ID: <${String(number)}@mail.test>\r\n`;
  return `${from}${id}Subject: ${String(number)}\r\n\r\n${"\xff".repeat((number * 7919) % 9000)}\r\n`;
}
const hasId = (each: string): boolean => each.includes("Message-ID:");

const octetsIn = (gmail: GmailServer): string[] =>
  gmail.messages.map(({ octets }) => octets.toString("latin1"));

/** Cuts a connection now and then, before or after the request is carried out. */
function cutting(gmail: GmailServer): (nth: number) => Promise<unknown> {
  const next = randomFrom(7);
  return (nth) => {
    gmail.faults.length = 0;
    if (next() < 0.2)
      gmail.faults.push({
        on: "part",
        nth: 1 + Math.floor(next() * 10),
        cut: next() < 0.5 ? "before" : "after",
      });
    return new Promise((resolve) => {
      gmail.faults.unshift({ nth, then: () => resolve(undefined) });
    });
  };
}

describe("killed at a given step", () => {
  test.each(
    (["write", "prepare", "before commit", "commit", "delivered"] as const).flatMap((at) =>
      [1, 4].map((nth): [Point, number] => [at, nth]),
    ),
  )("%s, the %d. time", async (at, nth) => {
    await using server = await serverWith([]);
    await using gmail = await GmailServer.listen();
    const place = { gmail: { address: "ann@gmail.com", api: gmail.url, state: await scratch() } };
    const maildrop = maildropOf(server, accountOf(server));
    const wanted = [1, 2, 3, 12, 24, 36].map(message);
    await maildrop.add(wanted);
    await using fetcher = await Fetcher.create(maildrop.account, DELETE, place);
    expect((await fetcher.run({ at, nth })).killed).toBe(true);
    await settle(fetcher, maildrop);
    expect(compare(octetsIn(gmail), wanted)).toEqual({ lost: 0, twice: [], foreign: 0 });
    expect(gmail.messages.every(({ again }) => again === 0)).toBe(true);
  });
});

test.each([
  ["with a state", true],
  ["without a state", false],
] as const)("killed at random, %s", { timeout: KILLS * 20_000 }, async (_, keeps) => {
  const began = performance.now();
  await using server = await serverWith([]);
  await using gmail = await GmailServer.listen();
  const state = join(await scratch(), "gmail");
  const options = { address: "ann@gmail.com", api: gmail.url, labels: ["INBOX", "Old mail"] };
  const place = { gmail: keeps ? { ...options, state } : options };
  const maildrop = maildropOf(server, accountOf(server));
  await using fetcher = await Fetcher.create(maildrop.account, DELETE, place);
  const request = cutting(gmail);
  const { wanted, runs } = await killAtRandom(fetcher, maildrop, {
    kills: KILLS,
    messages: KILLS * 5,
    seed: 20_261_130,
    message,
    request,
  });
  const { lost, twice, foreign } = compare(octetsIn(gmail), wanted);
  const again = gmail.messages.reduce((sum, each) => sum + each.again, 0);
  const seconds = ((performance.now() - began) / 1000).toFixed(0);
  writeSync(
    1,
    `Gmail ${keeps ? "with" : "without"} a state: killed ${KILLS} times in ${runs} runs, ${wanted.length} messages: ` +
      `${lost} lost, ${twice.filter(hasId).length} twice, ${twice.length} of those without a Message-ID twice, ` +
      `${again} imported again and recognised by Gmail; ` +
      `${(gmail.requests.length / wanted.length).toFixed(2)} requests and ` +
      `${(gmail.units / wanted.length).toFixed(1)} quota units a message, ${seconds} s\n`,
  );
  expect({ lost, foreign, twice: twice.filter(hasId) }).toEqual({ lost: 0, foreign: 0, twice: [] });
  if (keeps) expect([twice, again]).toEqual([[], 0]);
  expect([...gmail.labels.values()]).toEqual(["Old mail"]);
  expect(gmail.mostAtOnce).toBeLessThanOrEqual(2);
});

test("without a failure, a message takes two requests", async () => {
  const count = Math.min(1000, 20 * KILLS);
  await using server = await serverWith(Array.from({ length: count }, (_, index) => message(index + 1)));
  await using gmail = await GmailServer.listen();
  const place = { gmail: { address: "ann@gmail.com", api: gmail.url, state: await scratch() } };
  await using fetcher = await Fetcher.create(accountOf(server), { commitEvery: count }, place);
  const began = performance.now();
  await settle(fetcher, maildropOf(server, {}));
  const seconds = (performance.now() - began) / 1000;
  expect(gmail.messages).toHaveLength(count);
  expect(gmail.requests).toHaveLength(2 * count + 1);
  expect(gmail.units).toBe(25 * count);
  writeSync(
    1,
    `Gmail: ${count} messages in ${seconds.toFixed(1)} s, ${gmail.requests.length} requests, ${gmail.units} quota units\n`,
  );
});
