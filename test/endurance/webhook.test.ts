// A fetcher that posts to a web server is killed at any moment. The receiver verifies each request and recognises keys: in the
// end it has every message once, byte for byte.
import { writeSync } from "node:fs";
import { expect, test } from "vitest";
import { verifyWebhook } from "../../src/fetch/index.ts";
import { HttpServer } from "../fetch/destinations/http-server.ts";
import { accountOf, mail, serverWith } from "../support/mail.ts";
import { Fetcher } from "./fetcher.ts";
import { compare, killAtRandom, maildropOf } from "./kills.ts";

/** `POPWRIGHT_WEBHOOK_KILLS=200` for the long run. */
const KILLS = Number(process.env["POPWRIGHT_WEBHOOK_KILLS"] ?? 10);
const SECRET = `whsec_${Buffer.alloc(32, "s").toString("base64")}`;

test("killed at random", { timeout: KILLS * 20_000 }, async () => {
  const began = performance.now();
  const stored = new Map<string, string>();
  let [requests, known, left] = [0, 0, Infinity];
  let kill = (): void => undefined;
  const receiver = await HttpServer.listen(({ headers, body }) => {
    requests++;
    if (--left === 0) kill();
    const { id } = verifyWebhook(headers, body, SECRET);
    if (stored.has(id)) {
      known++;
      return { status: 409 };
    }
    stored.set(id, body.toString("latin1"));
    return { status: 204 };
  });
  await using server = await serverWith([]);
  const maildrop = maildropOf(server, accountOf(server));
  const webhook = { url: `${receiver.url}/mail`, secrets: SECRET, allowPrivate: true };
  await using fetcher = await Fetcher.create(
    maildrop.account,
    { delete: "delivered", commitEvery: 12 },
    { webhook },
  );
  const { wanted, runs } = await killAtRandom(fetcher, maildrop, {
    kills: KILLS,
    messages: KILLS * 5,
    seed: 20_261_130,
    // Some of them are identical.
    message: (number) => mail(number % 10 === 0 ? 0 : number, "\xff".repeat((number * 7919) % 9000)),
    request: (nth) =>
      new Promise((resolve) => {
        left = nth;
        kill = () => resolve(undefined);
      }),
  });
  await receiver.close();
  expect(compare([...stored.values()], wanted)).toEqual({ lost: 0, twice: [], foreign: 0 });
  const seconds = ((performance.now() - began) / 1000).toFixed(0);
  writeSync(
    1,
    `webhook: killed ${KILLS} times in ${runs} runs, ${wanted.length} messages in ${requests} requests, ` +
      `each stored once (${known} came again), ${seconds} s\n`,
  );
});
