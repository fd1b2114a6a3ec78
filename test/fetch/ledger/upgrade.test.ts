// A user upgrades from the first release and goes back, again and again, also after crashes: the two releases fetch one mailbox
// in turn, with the same files. No message is lost. None comes twice, except those whose record a crash has prevented, and
// those come with the same key.
import { readdir, readFile, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import type { Pop3Server } from "popwright/testing";
import { deliverTo, fetchMail, FileLedger } from "../../../src/fetch/index.ts";
import { Chance } from "../../simulation/chance.ts";
import { accountOf, mail, serverWith } from "../../support/mail.ts";
import { scratch } from "../../support/scratch.ts";
import { runFirstRelease } from "./first-release.ts";

const ANN = "ann@pop.example.com:995";
const ROUNDS = 14;

let directory: string;
beforeEach(async () => {
  directory = await scratch();
});

/** What the destination got: how often each message came, and under which keys. */
class Received {
  readonly #keys = new Map<string, string[]>();

  readonly take = (key: string, octets: Buffer): void => {
    const message = octets.toString("latin1");
    this.#keys.set(message, [...(this.#keys.get(message) ?? []), key]);
  };

  keysOf(message: string): readonly string[] {
    return this.#keys.get(message) ?? [];
  }

  get all(): readonly string[] {
    return [...this.#keys.keys()];
  }

  get count(): number {
    return [...this.#keys.values()].reduce((sum, keys) => sum + keys.length, 0);
  }
}

/** A run of this version. */
async function runThisVersion(server: Pop3Server, received: Received): Promise<void> {
  const destination = deliverTo(({ key, octets }) => received.take(key, octets));
  const report = await fetchMail(accountOf(server), {
    ...{ ledger: new FileLedger(directory), destination, mailbox: ANN, force: true },
  });
  expect(report.failed).toEqual([]);
}

/** The path of the only file of a kind; `undefined`: there is none. */
async function pathOf(kind: "journal" | "state"): Promise<string | undefined> {
  const name = (await readdir(directory)).find((each) => each.endsWith(`.${kind}`));
  return name === undefined ? undefined : join(directory, name);
}

async function octetsOf(path: string | undefined): Promise<Buffer> {
  return path === undefined ? Buffer.alloc(0) : readFile(path);
}

/**
 * A run of this version, of which the disk lost a part of what was appended to the journal, and has any mixture of the old and
 * the new state file.
 */
async function runAndLose(server: Pop3Server, received: Received, chance: Chance): Promise<void> {
  const [before, state] = [await octetsOf(await pathOf("journal")), await octetsOf(await pathOf("state"))];
  await runThisVersion(server, received);
  const [journalPath, statePath] = [await pathOf("journal"), await pathOf("state")];
  const after = await octetsOf(journalPath);
  const isAppended = before.length > 0 && after.subarray(0, before.length).equals(before);
  if (journalPath !== undefined && isAppended)
    await truncate(journalPath, before.length + chance.below(after.length - before.length + 1));
  if (statePath === undefined) return;
  const cut = chance.below(1025);
  const written = await readFile(statePath);
  await writeFile(statePath, Buffer.concat([written.subarray(0, cut), state.subarray(cut)]));
}

describe.each([1, 2, 3, 4, 5, 6, 7, 8])("with seed %i", (seed) => {
  test.each([false, true])("each message comes once (crashes: %s)", async (crashes) => {
    const chance = new Chance(seed, "upgrade");
    await using server = await serverWith([]);
    const maildrop = server.maildrop("ann");
    const received = new Received();
    const sent: string[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      for (let count = chance.below(4); count > 0; count--) {
        sent.push(mail(sent.length + 1));
        maildrop.add(sent.at(-1) as string);
      }
      // Another program deletes a message that was delivered.
      const [oldest] = maildrop.messages;
      if (
        oldest !== undefined &&
        received.keysOf(oldest.octets.toString("latin1")).length > 0 &&
        chance.happens(0.3)
      )
        maildrop.remove(oldest.uid);
      if (chance.happens(0.5)) {
        const mayLose = crashes && chance.happens(0.5);
        await (mayLose ? runAndLose(server, received, chance) : runThisVersion(server, received));
      } else {
        await runFirstRelease({
          ...{ directory, mailbox: ANN, listing: maildrop.messages, deliver: received.take },
          fails: chance.happens(0.3),
          dies: crashes && chance.happens(0.5) ? { write: chance.below(4), part: chance.next() } : undefined,
        });
      }
      if (!crashes) expect(received.count, `after round ${String(round)}`).toBe(sent.length);
    }
    await runFirstRelease({ directory, mailbox: ANN, listing: maildrop.messages, deliver: received.take });
    await runThisVersion(server, received);
    expect([...received.all].sort()).toEqual([...sent].sort());
    for (const message of sent) expect(new Set(received.keysOf(message)).size).toBe(1);
    // Now that both have run to their ends, nothing is new for either of them.
    const { count } = received;
    await runFirstRelease({ directory, mailbox: ANN, listing: maildrop.messages, deliver: received.take });
    await runThisVersion(server, received);
    expect(received.count).toBe(count);
  });
});

test("a ledger that was renamed is refused by the first release, and stays as it is", async () => {
  await using server = await serverWith([mail(1)]);
  const received = new Received();
  await runThisVersion(server, received);
  const ledger = new FileLedger(directory);
  const renamed = "ann@new.example.com:995";
  await ledger.rename(ANN, renamed);
  const path = (await pathOf("journal")) as string;
  const [before, { ino }] = [await readFile(path), await stat(path)];
  const listing = server.maildrop("ann").messages;
  await expect(
    runFirstRelease({ directory, mailbox: renamed, listing, deliver: received.take }),
  ).rejects.toThrow("was written by another version of popwright");
  expect(await readFile(path)).toEqual(before);
  expect((await stat(path)).ino).toBe(ino);
  expect(received.count).toBe(1);
});
