// A real process is stopped (SIGSTOP) past its lease, and continues after another one has taken over its
// mailbox: its program receives nothing more.
import { readdir, utimes } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { accountOf, mails, serverWith } from "../support/mail.ts";
import { Fetcher, type Point } from "./fetcher.ts";
import { isStopped } from "./stopped-process.ts";

const COUNT = 4;

test.each<[Point, number]>([
  ["begin", 1],
  ["begin", 3],
  ["write", 1],
  ["write", COUNT],
  ["prepare", 1],
  ["prepare", COUNT],
])("at %s, the %d. time", async (at, nth) => {
  await using server = await serverWith(mails(COUNT), { lock: false });
  await using fetcher = await Fetcher.create(accountOf(server), { delete: "delivered" }, "command");
  // Whatever is older than a millisecond is confirmed.
  const sleeper = fetcher.start({ at, nth, signal: "SIGSTOP", heartbeat: 1 });
  const pid = sleeper.process.pid as number;
  expect(await isStopped(pid)).toBe(true);
  // It was silent for an hour.
  const [lock = ""] = (await readdir(fetcher.state)).filter((name) => name.endsWith(".lock"));
  const past = new Date(Date.now() - 3_600_000);
  await utimes(join(fetcher.state, lock), past, past);
  const { report } = await fetcher.run();
  expect(report).toMatchObject({ outcome: "done", failed: [] });
  const before = await fetcher.delivered();
  // The last before it stopped may be there twice: the program had it, and the ledger did not yet.
  expect([...new Set(before.messages)].sort()).toEqual(mails(COUNT));
  sleeper.process.kill("SIGCONT");
  expect((await sleeper.ended).report).toMatchObject({ code: "POP3_LEASE_LOST" });
  expect((await fetcher.delivered()).names.sort()).toEqual(before.names.sort());
});
