// Explores every crash of a recorded run: each point, each legal state of what was not synced, each outcome of
// QUIT. After each of them a new process fetches again, and the promises of `popwright/fetch` are checked.
import { createHash } from "node:crypto";
import { vi } from "vitest";
import type { MailboxLedger } from "../../src/fetch/index.ts";
import { Choices } from "./choices.ts";
import type { Disk } from "./disk.ts";
import { Machine, switchOn } from "./machine.ts";
import { MaildropServer, type StoredMail } from "./maildrop-server.ts";
import { combinations, diskLeft, namesLeft, stateKey, unsynced, viewKey, type Tears } from "./power-loss.ts";
import type { Place } from "./places.ts";
import {
  fetchOnce,
  mailOf,
  statuses,
  type Course,
  type Entries,
  type Point,
  type Recording,
} from "./recording.ts";

/** What is promised, whatever crash there was. */
export type Promised =
  | "the ledger opens without damage"
  | "a record is kept whole or not at all, and for ever once it was reported"
  | "an entry has its message"
  | "DELE is sent only for what the destination and the ledger keep"
  | "the next run succeeds"
  | "each message is there once, byte for byte"
  | "the server has what the policy leaves there"
  | "a later run finds nothing left over";

export interface Findings {
  /** Points at which the run could end. */
  points: number;
  /** The greatest number of operations that were not synced at one point. */
  unsynced: number;
  /** The states of all points, times the outcomes of QUIT, if nothing is left out as equal to another one. */
  combinations: number;
  /** How many of them differ in what the next run sees. */
  states: number;
  /** How many of them still differ once the next run has opened the ledger. It goes on from each of these. */
  runs: number;
  /** An example of each broken promise. */
  readonly broken: Map<Promised, string>;
}

/** The next run would continue as another one that was explored. */
class Merged extends Error {}

/**
 * The situations that runs have reached. A situation may have files that the run has not read yet, whose contents are still
 * open. So the first way to it does not end there, nor do those that chose the same until then: they choose what comes later.
 * All other ways end, because they would go on as these do.
 */
class Situations {
  readonly #first: Map<string, string> = new Map();

  /** Whether to go on from a situation. `key` identifies it. */
  isOpen(key: string, { taken }: Choices): boolean {
    const digest = digestOf(key);
    const first = this.#first.get(digest);
    if (first === undefined) this.#first.set(digest, taken);
    return first === undefined || first === taken;
  }
}

class Broken extends Error {
  readonly promise: Promised;

  constructor(promise: Promised, what: unknown) {
    super(String(what));
    this.promise = promise;
  }
}

/** The machine was off for this time; milliseconds. By then the locks of the last start are abandoned. */
const OFF = 10 * 60_000;

/** After this time temporary files of unknown processes are swept; milliseconds. */
const LATER = 40 * 60 * 60_000;

const NEW_MAIL = mailOf(99);

/** Explores recordings that differ in the outcome of QUIT only. What it has seen in one it leaves out in the others. */
export class Explorer {
  readonly findings: Findings = {
    points: 0,
    unsynced: 0,
    combinations: 0,
    states: 0,
    runs: 0,
    broken: new Map(),
  };
  readonly #tears: Tears;
  readonly #states: Set<string> = new Set();
  readonly #opened: Situations = new Situations();
  readonly #ended: Situations = new Situations();

  constructor(tears: Tears = "all") {
    this.#tears = tears;
  }

  /** Explores all crashes of a recorded run. */
  async explore(recording: Recording): Promise<Findings> {
    for (const point of recording.points) await this.#explore(recording, point);
    return this.findings;
  }

  /** Tells whether a crash of a recorded run breaks a promise. Begins at the end: most bugs have shown by then. */
  async finds(promise: Promised, recording: Recording): Promise<boolean> {
    for (const point of recording.points.toReversed())
      if (await this.#explore(recording, point, promise)) return true;
    return false;
  }

  /** Explores all crashes at one point, or until this promise is broken. Returns whether it is. */
  async #explore(recording: Recording, point: Point, until?: Promised): Promise<boolean> {
    const { disk, outcomes } = point;
    const { broken } = this.findings;
    this.findings.points++;
    this.findings.unsynced = Math.max(this.findings.unsynced, unsynced(disk));
    this.findings.combinations += combinations(disk, this.#tears) * outcomes.length;
    const left = namesLeft(disk);
    for (const outcome of outcomes) {
      const expected = JSON.stringify([uidsOf(outcome), point.deleted, entriesOf(point.ledgers)]);
      if (isNew(this.#states, `killed\n${expected}\n${stateKey(disk, visible(disk), this.#tears)}`))
        await this.#attempt(recording, point, disk.copy(), outcome, this.#choices(), false);
      for (const names of left) {
        if (!isNew(this.#states, `${expected}\n${stateKey(disk, names, this.#tears)}`)) continue;
        const choices = this.#choices();
        do {
          const chosen = diskLeft(disk, names, this.#tears, choices.choose);
          await this.#attempt(recording, point, chosen, outcome, choices, true);
          if (until !== undefined && broken.has(until)) return true;
        } while (choices.next());
      }
    }
    return false;
  }

  /** The choices in the state of the disk that was found last. */
  #choices(): Choices {
    return new Choices(String(this.#states.size));
  }

  async #attempt(
    recording: Recording,
    point: Point,
    disk: Disk,
    outcome: readonly StoredMail[],
    choices: Choices,
    isOff: boolean,
  ): Promise<void> {
    const { broken } = this.findings;
    this.findings.states++;
    const began = Date.now();
    try {
      if (isOff) vi.setSystemTime(began + OFF);
      await this.#recover(
        recording,
        point,
        new Machine(disk, { boot: isOff ? 2 : 1, firstPid: 3000 }),
        outcome,
        choices,
        began,
      );
    } catch (error) {
      if (error instanceof Merged) return;
      const { promise, message } =
        error instanceof Broken ? error : new Broken("the next run succeeds", error);
      if (!broken.has(promise)) broken.set(promise, `after ${point.after}: ${message}`);
    } finally {
      // In this order: clearing the timers takes back what was added to the time of day, but not to `performance.now()`.
      vi.setSystemTime(began);
      vi.clearAllTimers();
    }
  }

  /** A new process, on what the crash has left. Rejects if it breaks a promise. */
  async #recover(
    { course, mail }: Recording,
    point: Point,
    machine: Machine,
    outcome: readonly StoredMail[],
    choices: Choices,
    began: number,
  ): Promise<void> {
    const { place, deletes, ledger } = course;
    const { disk } = switchOn(machine);
    if (ledger === "MemoryLedger") checkDeleted(place, mail, point, disk);
    else await machine.run(() => checkLeft(place, mail, point, disk));
    const server = new MaildropServer(machine, outcome, "carried out");
    const uids = uidsOf(outcome).join();
    await this.#fetch(machine, server, course, (key) =>
      this.#opened.isOpen(`${String(Date.now())} ${uids} ${key}`, choices),
    );
    expectSame(
      ONCE,
      mail.map(({ text }) => place.form(text)),
      place.messages(disk),
    );
    expectSame(
      "the server has what the policy leaves there",
      deletes ? [] : uidsOf(mail),
      uidsOf(server.mail),
    );
    if (!this.#ended.isOpen(`${uids}\n${viewKey(disk)}`, choices)) return;
    // A day later, with new mail.
    vi.setSystemTime(began + LATER);
    const last = new MaildropServer(machine, [...server.mail, NEW_MAIL], "carried out");
    await this.#fetch(machine, last, course);
    expectSame(
      ONCE,
      [...mail, NEW_MAIL].map(({ text }) => place.form(text)),
      place.messages(disk),
    );
    // A journal that was not put in place stays until the next take-over of the lock.
    const over = disk.files("/state").filter((path) => /\.lock|\.tmp/.test(path) && !isNewJournal(path));
    expectSame("a later run finds nothing left over", [], [...place.others(disk), ...over]);
  }

  /** Runs to the end. `isOpen` tells of what the ledger opened with whether to go on: otherwise rejects with {@link Merged}. */
  async #fetch(
    machine: Machine,
    server: MaildropServer,
    course: Course,
    isOpen?: (key: string) => boolean,
  ): Promise<void> {
    const merged: Merged[] = [];
    const watch = async (mailbox: MailboxLedger): Promise<MailboxLedger> => {
      if (isOpen === undefined) return mailbox;
      if (isOpen(`${String(mailbox.takenOver)}\n${viewKey(machine.disk)}`)) {
        this.findings.runs++;
        return mailbox;
      }
      await mailbox.close();
      merged.push(new Merged());
      throw new Merged();
    };
    try {
      const { outcome, failed } = await machine.run(() => fetchOnce(server, course, {}, watch));
      if (outcome !== "done" || failed.length > 0)
        throw new Broken("the next run succeeds", `it ends as ${outcome}: ${JSON.stringify(failed)}`);
    } catch (error) {
      throw merged[0] ?? error;
    }
  }
}

const ONCE: Promised = "each message is there once, byte for byte";

function uidsOf(mail: readonly StoredMail[]): string[] {
  return mail.map(({ uid }) => uid);
}

function isNew(seen: Set<string>, key: string): boolean {
  return seen.size < seen.add(digestOf(key)).size;
}

function digestOf(key: string): string {
  return createHash("sha256").update(key).digest("base64");
}

function isNewJournal(path: string): boolean {
  return /\.journal\.[0-9a-f]{16}\.tmp$/.test(path);
}

function visible(disk: Disk): ReturnType<typeof namesLeft>[number] {
  return new Map(disk.directories().map((each) => [each, each.names]));
}

function entriesOf(ledgers: readonly Entries[]): unknown {
  return ledgers.map((entries) => [...entries]);
}

/** Checks what the crash has left if no ledger has survived it. */
function checkDeleted(place: Place, mail: readonly StoredMail[], { deleted }: Point, disk: Disk): void {
  for (const { uid, text } of mail)
    if (deleted.includes(uid) && !place.has(disk, uid, text))
      throw new Broken("DELE is sent only for what the destination and the ledger keep", uid);
}

/** Checks what the crash has left, before anything repairs it. */
async function checkLeft(place: Place, mail: readonly StoredMail[], point: Point, disk: Disk): Promise<void> {
  const entries = await statuses().catch((error: unknown) => {
    throw new Broken("the ledger opens without damage", error);
  });
  const known = JSON.stringify([...entries].sort());
  const isKept = (uid: string): boolean =>
    mail.some((each) => each.uid === uid && place.has(disk, uid, each.text));
  for (const uid of point.deleted)
    if (!entries.has(uid) || !isKept(uid))
      throw new Broken("DELE is sent only for what the destination and the ledger keep", uid);
  const kept = point.ledgers.some((each) => JSON.stringify([...each].sort()) === known);
  if (!kept)
    throw new Broken(
      "a record is kept whole or not at all, and for ever once it was reported",
      `it has ${known}, and should have one of ${JSON.stringify(entriesOf(point.ledgers))}`,
    );
  for (const uid of entries.keys()) if (!isKept(uid)) throw new Broken("an entry has its message", uid);
}

function expectSame(promise: Promised, wanted: readonly string[], found: readonly string[]): void {
  const [a, b] = [wanted, found].map((list) => JSON.stringify([...list].sort()));
  if (a !== b) throw new Broken(promise, `wanted ${a}, found ${b}`);
}
