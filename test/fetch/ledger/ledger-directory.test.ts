// The directory of a ledger: what a run learns of it when it takes a lock.
import { join } from "node:path";
import { expect, test } from "vitest";
import { isOnLocalDisk } from "../../../src/fetch/files/local-disk.ts";
import { LedgerDirectory } from "../../../src/fetch/ledger/ledger-directory.ts";
import { scratch } from "../../support/scratch.ts";

test("the first lock in a new directory knows as well as the second one whether the disk is local", async () => {
  const path = join(await scratch(), "state");
  const ledger = new LedgerDirectory(path, { heartbeat: 10_000, stale: 60_000 });
  const first = await ledger.take("ann@pop.example.com:995");
  const second = await ledger.take("bob@pop.example.com:995");
  expect([first.isLocal, second.isLocal]).toEqual(Array(2).fill(await isOnLocalDisk(path)));
  await first.release();
  await second.release();
});
