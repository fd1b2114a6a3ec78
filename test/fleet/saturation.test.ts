// A fleet whose host is the bottleneck: a poll may find it full once, and then has its turn.
import { afterAll, beforeAll, expect, test } from "vitest";
import { RedisServer } from "./redis-server.ts";
import { Scene } from "./scene.ts";

let server: RedisServer;
beforeAll(async () => {
  server = await RedisServer.start();
});
afterAll(() => server.stop());

/** How often each mailbox is polled. */
const POLLS = 3;

test("at most one turn is wasted for each poll when the limit of the host is the bottleneck", async () => {
  const scene = await Scene.create(server, 24, { latency: 5 });
  await scene.addAll();
  for (let worker = 0; worker < 2; worker++) await scene.worker({ maxPerHost: 2 });
  const polled = (id: string): number =>
    scene.polls.filter((poll) => poll.id === id && poll.outcome === "done").length;
  await scene.until(() => scene.ids.every((id) => polled(id) >= POLLS));
  const of = (outcome: string): number => scene.polls.filter((poll) => poll.outcome === outcome).length;
  expect(of("full")).toBeLessThanOrEqual(of("done"));
  expect(of("full") + of("done")).toBe(scene.polls.length);
});
