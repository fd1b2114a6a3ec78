// A mailbox whose runs die one after the other is left alone, and one whose messages kill them is not.
import { expect, test } from "vitest";
import { Fetcher } from "./fetcher.ts";
import { mails, said, serverWith } from "../support/mail.ts";

/** Runs that die before they retrieve a message leave this state. */
const DIED_FOUR_TIMES = { lastRun: 1, crashes: 4 };

test("the fifth run in a row that begins after a crash does not connect", async () => {
  await using server = await serverWith(mails(1));
  const fetcher = new Fetcher(server, { policy: { poll: { longest: 7_200_000, jitter: 0 } } });
  await fetcher.remember(DIED_FOUR_TIMES);
  const error = await fetcher.failure({ ledger: fetcher.takenOver });
  expect(error).toMatchObject({ code: "POP3_MAILBOX_POISON", temporary: false });
  expect(error.retryAfterMs).toBeGreaterThan(7_100_000);
  expect(server.connections).toBe(0);
  expect((await fetcher.known()).state).toMatchObject({ crashes: 5 });
});

test("the run after it tries again, and a good end clears the count", async () => {
  await using server = await serverWith(mails(1));
  const fetcher = new Fetcher(server);
  await fetcher.remember({ lastRun: 1, crashes: 5 });
  expect(await fetcher.run()).toMatchObject({ delivered: 1 });
  expect((await fetcher.known()).state.crashes).toBeUndefined();
});

test("force connects at once", async () => {
  await using server = await serverWith(mails(1));
  const fetcher = new Fetcher(server);
  await fetcher.remember(DIED_FOUR_TIMES);
  expect(await fetcher.run({ ledger: fetcher.takenOver, force: true })).toMatchObject({ delivered: 1 });
});

test("the crash is counted before the run connects", async () => {
  await using server = await serverWith(mails(1));
  const fetcher = new Fetcher(server);
  let crashes: number | undefined;
  const onEvent = async ({ type }: { type: string }): Promise<void> => {
    if (type === "begin") ({ crashes } = (await fetcher.known()).state);
  };
  await fetcher.run({ ledger: fetcher.takenOver, onEvent });
  expect(crashes).toBe(1);
});

test("a crash in a message counts against the message, not against the mailbox", async () => {
  await using server = await serverWith(mails(2));
  const fetcher = new Fetcher(server);
  await fetcher.remember({ lastRun: 1, crashes: 3 });
  let crashes: number | undefined = -1;
  const destination = async (): Promise<void> => {
    ({ crashes } = (await fetcher.known()).state);
  };
  await fetcher.run({ ledger: fetcher.takenOver, destination });
  expect(crashes).toBeUndefined();
});

test("a run that fails has not died", async () => {
  await using server = await serverWith(mails(1), {
    faults: [{ on: "UIDL", reply: "-ERR [SYS/TEMP] not now\r\n" }],
  });
  const fetcher = new Fetcher(server);
  await fetcher.remember({ lastRun: 1, crashes: 2 });
  await fetcher.failure();
  expect((await fetcher.known()).state.crashes).toBeUndefined();
  expect(said(server)).not.toContain("RETR 1");
});
