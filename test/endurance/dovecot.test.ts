// Kills a fetcher of a real server, whose sessions hold a lock and continue for a moment after their client
// has died.
import { writeSync } from "node:fs";
import { afterAll, beforeAll, beforeEach, describe, test } from "vitest";
import { Dovecot } from "../servers/dovecot.ts";
import { reach } from "../servers/transport.ts";
import { dieAt, dieAtRandom, MOMENTS, type Maildrop } from "./crashes.ts";

/** Two fetchers at a time, each with a maildrop of its own. */
const USERS = ["ann", "bea"];
const KILLS = 50;
/** Into an mbox, for one user. `POPWRIGHT_MBOX_KILLS=300` for the long run. */
const MBOX_KILLS = Number(process.env["POPWRIGHT_MBOX_KILLS"] ?? 30);
/** With programs that take the messages. `POPWRIGHT_COMMAND_KILLS=300` for the long run. */
const COMMAND_KILLS = Number(process.env["POPWRIGHT_COMMAND_KILLS"] ?? 30);

let server: Dovecot;
beforeAll(async () => {
  server = await Dovecot.start({ users: Object.fromEntries(USERS.map((user) => [user, "secret"])) });
});
beforeEach(() => Promise.all(USERS.map((user) => server.clear(user))));
afterAll(() => server.stop());

function maildropOf(user: string): Maildrop {
  return {
    account: { ...reach(server, "plain"), auth: { user, pass: "secret", mechanism: "PLAIN" } },
    add: (messages) =>
      server.deliver(
        user,
        messages.map((message) => Buffer.from(message, "latin1")),
      ),
    count: () => server.count(user),
    // Whoever comes next waits for its lock.
    free: () => Promise.resolve(),
  };
}

describe("killed at a given step", () => {
  test.each(MOMENTS)("%s, the %d. time, deleting: %s", (...moment) => dieAt(maildropOf("ann"), moment));
});

test("killed at random", async () => {
  const began = performance.now();
  const fetchers = USERS.map((user, index) =>
    dieAtRandom(maildropOf(user), { kills: KILLS, batch: 20, commitEvery: 7, seed: 20_261_121 + index }),
  );
  let [messages, runs] = [0, 0];
  for (const each of await Promise.all(fetchers)) {
    messages += each.messages;
    runs += each.runs;
  }
  const kills = USERS.length * KILLS;
  const seconds = ((performance.now() - began) / 1000).toFixed(0);
  writeSync(
    1,
    `killed ${kills} times in ${runs} runs against Dovecot: ${messages} messages, each there once, ${seconds} s\n`,
  );
});

test("killed at random, into an mbox", { timeout: MBOX_KILLS * 20_000 }, async () => {
  const began = performance.now();
  const random = { kills: MBOX_KILLS, batch: 20, commitEvery: 7, seed: 20_261_129, kind: "mbox" } as const;
  const { messages, runs } = await dieAtRandom(maildropOf("ann"), random);
  const seconds = ((performance.now() - began) / 1000).toFixed(0);
  writeSync(
    1,
    `killed ${MBOX_KILLS} times in ${runs} runs against Dovecot: ${messages} messages, each once in the mbox, ${seconds} s\n`,
  );
});

test("killed at random, while programs take the messages", { timeout: COMMAND_KILLS * 20_000 }, async () => {
  const began = performance.now();
  const random = {
    kills: COMMAND_KILLS,
    batch: 20,
    commitEvery: 7,
    seed: 20_261_130,
    kind: "command",
  } as const;
  const { messages, runs, again } = await dieAtRandom(maildropOf("bea"), random);
  const seconds = ((performance.now() - began) / 1000).toFixed(0);
  writeSync(
    1,
    `killed ${COMMAND_KILLS} times in ${runs} runs against Dovecot: a program saw ${messages} messages, each whole, ` +
      `${again} again with the same key, ${seconds} s\n`,
  );
});
