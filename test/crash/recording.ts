// Records one run of fetching: the disk and the server at each point at which a crash could end it.
import {
  fetchMail,
  FileLedger,
  MemoryLedger,
  type Destination,
  type FetchReport,
  type Ledger,
  type LedgerChanges,
  type MailboxLedger,
} from "../../src/fetch/index.ts";
import { Disk } from "./disk.ts";
import { Machine, switchOn, type Distortion } from "./machine.ts";
import { MaildropServer, type Quit, type StoredMail } from "./maildrop-server.ts";
import { MAILBOX, type Place } from "./places.ts";

/** What is recorded. */
export interface Course {
  readonly place: Place;
  /** Whether delivered messages are deleted from the server. */
  readonly deletes: boolean;
  /** How many messages arrive in the run. */
  readonly count: number;
  readonly quit: Quit;
  /** How many messages an earlier run has delivered and left on the server. */
  readonly earlier: number;
  /** A `MemoryLedger` knows nothing after a crash. @default "FileLedger" */
  readonly ledger?: LedgerName;
}

export type LedgerName = "FileLedger" | "MemoryLedger";

/** What a planted bug changes. */
export interface Bug {
  readonly distortion?: Distortion;
  readonly destination?: (destination: Destination) => Destination;
  /** A process that was stopped does not see by its clock that it was. */
  readonly unnoticed?: true;
}

/** The status of each entry. */
export type Entries = ReadonlyMap<string, string>;

/** A point at which the process may be killed, or the power may fail. */
export interface Point {
  readonly disk: Disk;
  /** What the server may have afterwards. */
  readonly outcomes: readonly (readonly StoredMail[])[];
  /** The messages for which DELE was sent. */
  readonly deleted: readonly string[];
  /** What the ledger may know: it has each record that was reported, and maybe later ones. */
  readonly ledgers: readonly Entries[];
  /** What has just happened. */
  readonly after: string;
}

export interface Recording {
  readonly course: Course;
  readonly bug: Bug;
  /** All messages that ever were on the server. */
  readonly mail: readonly StoredMail[];
  readonly points: readonly Point[];
}

/** Not the shortest: with a line that has to be stuffed, and one that an mbox has to quote. */
export function mailOf(number: number): StoredMail {
  const id = String(number);
  const text = `Message-ID: <${id}@mail.test>\r\nSubject: ${id}\r\n\r\n.${id}\r\nFrom ${"x".repeat(number)}\r\n`;
  return { uid: `uid-${id}`, text };
}

/** Runs once over the mailbox, in the process that calls. */
export function fetchOnce(
  { account }: MaildropServer,
  { place, deletes, ledger: name }: Pick<Course, "place" | "deletes" | "ledger">,
  { destination = (each) => each }: Bug = {},
  watch: (mailbox: MailboxLedger) => MailboxLedger | Promise<MailboxLedger> = (each) => each,
): Promise<FetchReport> {
  const kept: Ledger = name === "MemoryLedger" ? new MemoryLedger() : new FileLedger("/state");
  const ledger = {
    open: async (...args: Parameters<Ledger["open"]>) => watch(await kept.open(...args)),
    read: (mailbox: string) => kept.read(mailbox),
  };
  const policy = {
    delete: deletes ? "delivered" : "never",
    retry: { first: 0, longest: 0 },
    tries: 1e9,
  } as const;
  const options = { ledger, destination: destination(place.make()), policy, mailbox: MAILBOX, force: true };
  return fetchMail(account, options);
}

/** Records a run. With a bug, the run is what the bug makes of it. */
export async function record(course: Course, bug: Bug = {}): Promise<Recording> {
  const { count, earlier, quit } = course;
  const mail = Array.from({ length: earlier + count }, (_, at) => mailOf(at + 1));
  const disk = new Disk();
  if (earlier > 0) {
    const before = switchOn(new Machine(disk));
    const server = new MaildropServer(before, mail.slice(0, earlier), "carried out");
    await before.run(() => fetchOnce(server, { ...course, deletes: false }));
    disk.settle();
  }
  const machine = switchOn(new Machine(disk, { firstPid: 2000, distortion: bug.distortion ?? {} }));
  const server = new MaildropServer(machine, mail, quit);
  const known = earlier > 0 ? await machine.run(() => statuses()) : new Map<string, string>();
  const points: Point[] = [];
  const deleted: string[] = [];
  const records: Recorded[] = [];
  const add = (after: string, outcomes = [server.mail]): void => {
    const ledgers = ledgersAfter(known, records);
    points.push({ disk: machine.disk.copy(), outcomes, deleted: [...deleted], ledgers, after });
  };
  add("start");
  machine.onOperation = () => add("a file operation");
  server.onLine = ({ verb, uid }) => {
    if (verb === "DELE" && uid !== undefined) deleted.push(uid);
    // While QUIT is carried out, each of the messages may be deleted already.
    if (verb === "QUIT")
      add(
        "QUIT",
        subsets(deleted).map((gone) => server.mail.filter(isNotIn(gone))),
      );
    if (verb === "DELE") add("DELE");
  };
  server.onQuit = () => add("the outcome of QUIT");
  const watch = (mailbox: MailboxLedger): MailboxLedger => watched(mailbox, records, () => add("a record"));
  const run = machine.run(() => fetchOnce(server, course, bug, watch));
  // With some outcomes of QUIT a run fails.
  await run.catch(() => undefined);
  add("the end");
  return { course, bug, mail, points };
}

function isNotIn(uids: readonly string[]): (mail: StoredMail) => boolean {
  return ({ uid }) => !uids.includes(uid);
}

function subsets<T>(list: readonly T[]): T[][] {
  return list.reduce<T[][]>((all, each) => [...all, ...all.map((some) => [...some, each])], [[]]);
}

/** What the files of the ledger say now. */
export async function statuses(): Promise<Map<string, string>> {
  const { entries } = await new FileLedger("/state").read(MAILBOX);
  return new Map([...entries].map(([id, { status }]) => [id, status]));
}

interface Recorded {
  readonly changes: LedgerChanges;
  reported: boolean;
}

/** A ledger that notes what is recorded, and when that is reported as durable. */
function watched(mailbox: MailboxLedger, records: Recorded[], onReport: () => void): MailboxLedger {
  const note = async (changes: LedgerChanges | undefined, recorded: Promise<void>): Promise<void> => {
    const record = { changes: changes ?? {}, reported: false };
    records.push(record);
    await recorded;
    record.reported = true;
    onReport();
  };
  return new Proxy(mailbox, {
    get(target, name) {
      if (name === "record") return (changes: LedgerChanges) => note(changes, target.record(changes));
      if (name === "close") return (changes?: LedgerChanges) => note(changes, closed(target, changes));
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}

function closed(target: MailboxLedger, changes: LedgerChanges | undefined): Promise<void> {
  return target.close(changes);
}

function ledgersAfter(known: Entries, records: readonly Recorded[]): Entries[] {
  const first = records.findLastIndex(({ reported }) => reported) + 1;
  const entries = new Map(known);
  const all: Entries[] = [];
  for (const [at, { changes }] of records.entries()) {
    if (at >= first) all.push(new Map(entries));
    for (const { id, status } of changes.entries ?? []) entries.set(id, status);
    for (const id of changes.forgotten ?? []) entries.delete(id);
  }
  return [...all, entries];
}
