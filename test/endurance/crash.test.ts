// Whenever the process is killed, in the end every message is there once, byte for byte, and the maildrop
// holds what the policy says.
import { writeSync } from "node:fs";
import { rm } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import type { Pop3Server } from "popwright/testing";
import { accountOf, mails, serverWith } from "../support/mail.ts";
import {
  COUNT,
  dieAt,
  dieAtRandom,
  expectAll,
  isDelivered,
  MOMENTS,
  settle,
  type Maildrop,
} from "./crashes.ts";
import { Fetcher } from "./fetcher.ts";

function maildropOf(server: Pop3Server): Maildrop {
  const maildrop = server.maildrop("ann");
  return {
    account: accountOf(server),
    add: (messages) => {
      for (const message of messages) maildrop.add(message);
    },
    count: () => maildrop.messages.length,
    free: () => server.idle(),
  };
}

/** How often a message was retrieved. */
const retrievals = (server: Pop3Server): number =>
  server.transcript.lines.filter((line) => line.startsWith("C: RETR")).length;

describe("killed at a given step", () => {
  test.each(MOMENTS)("%s, the %d. time, deleting: %s", async (...moment) => {
    await using server = await serverWith([]);
    await dieAt(maildropOf(server), moment);
    if (isDelivered(moment)) expect(retrievals(server)).toBe(COUNT);
  });

  test.each([true, false])("QUIT was sent, and its reply is lost (carried out: %s)", async (carriedOut) => {
    await using server = await serverWith(mails(COUNT), {
      faults: [{ on: "QUIT", carriedOut, reply: "", stall: 0 }],
    });
    await using fetcher = await Fetcher.create(accountOf(server), { delete: "delivered" });
    const asked = (async () => {
      while (!server.transcript.lines.includes("C: QUIT"))
        await new Promise((resolve) => setImmediate(resolve));
    })();
    expect((await fetcher.run({ when: asked })).killed).toBe(true);
    await settle(fetcher, maildropOf(server));
    await expectAll(fetcher, mails(COUNT));
    expect(server.maildrop("ann").messages).toHaveLength(0);
    expect(retrievals(server)).toBe(COUNT);
  });

  test("the ledger is lost: every message is sent again, and the Maildir stores none twice", async () => {
    await using server = await serverWith(mails(COUNT));
    await using fetcher = await Fetcher.create(accountOf(server), {});
    await settle(fetcher, maildropOf(server));
    await rm(fetcher.state, { recursive: true });
    const { report } = await fetcher.run();
    expect(report).toMatchObject({ delivered: 0, known: COUNT });
    await expectAll(fetcher, mails(COUNT));
  });
});

test("killed at random", async () => {
  const began = performance.now();
  await using server = await serverWith([]);
  const kills = 120;
  const random = { kills, batch: 30, commitEvery: 12, seed: 20_261_121 };
  const { messages, runs } = await dieAtRandom(maildropOf(server), random);
  const seconds = ((performance.now() - began) / 1000).toFixed(0);
  writeSync(
    1,
    `killed ${kills} times in ${runs} runs: ${messages} messages, each there once, ${seconds} s\n`,
  );
});
