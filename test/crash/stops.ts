// Stops a process at each point of its run for longer than its lease, lets another one fetch, and continues it.
import { setImmediate as turn } from "node:timers/promises";
import { vi } from "vitest";
import { FileLedger, type Destination, type LedgerSnapshot } from "../../src/fetch/index.ts";
import { Disk } from "./disk.ts";
import { Machine, machine, switchOn, type Process } from "./machine.ts";
import { MaildropServer } from "./maildrop-server.ts";
import { File } from "./nodes.ts";
import { MAILBOX } from "./places.ts";
import { fetchOnce, mailOf, type Bug, type Course } from "./recording.ts";

/** What is promised of a process that was stopped past its lease. */
type Kept =
  | "it starts no delivery"
  | "it writes nothing into the ledger"
  | "it sends no RETR, no DELE and no QUIT"
  | "the other process succeeds"
  | "each message is there once, byte for byte";

export interface Stops {
  /** How many times the process was stopped. */
  stops: number;
  /** How many times it held its lease then. */
  held: number;
  /** An example of each broken promise. */
  readonly broken: Map<Kept, string>;
}

/** Longer than all leases; milliseconds. */
const ASLEEP = 10 * 60_000;

/** Stops the process after each of its file operations, and after each line that it sends. */
export async function stopEverywhere(course: Course, plant: () => Bug = () => ({})): Promise<Stops> {
  const stops: Stops = { stops: 0, held: 0, broken: new Map() };
  const other = await otherModules(course);
  for (let nth = 1; await stopAt(nth, course, other, plant(), stops); nth++);
  return stops;
}

/** Runs once over the mailbox, in the process that calls. */
type Fetch = (server: MaildropServer) => Promise<unknown>;

/**
 * Returns the program of the other process. It has modules of its own: what they remember must not be shared with
 * the process that is stopped.
 */
async function otherModules(course: Course): Promise<Fetch> {
  vi.resetModules();
  const [{ fetchOnce: fetch }, { PLACES }] = await Promise.all([
    import("./recording.ts"),
    import("./places.ts"),
  ]);
  const place = PLACES.find(({ name }) => name === course.place.name) ?? course.place;
  return (server) => fetch(server, { ...course, place });
}

/** Stops the process at the n-th point, and returns whether its run has that many. */
async function stopAt(nth: number, course: Course, other: Fetch, bug: Bug, stops: Stops): Promise<boolean> {
  const began = Date.now();
  const computer = switchOn(new Machine(new Disk(), { distortion: bug.distortion ?? {} }));
  const mail = Array.from({ length: course.count }, (_, at) => mailOf(at + 1));
  const server = new MaildropServer(computer, mail, course.quit, false);
  let sleeper: Process | undefined;
  let left = nth;
  let onStop: () => void = () => undefined;
  const stopped = new Promise<void>((resolve) => (onStop = resolve));
  const pass = (process: Process): void => {
    if (process !== sleeper || --left !== 0) return;
    process.stopped = true;
    onStop();
  };
  computer.onOperation = pass;
  const said: string[] = [];
  server.onLine = ({ verb, process }) => {
    if (process !== sleeper) return;
    said.push(verb);
    pass(process);
  };
  let begun = 0;
  const counting = (destination: Destination): Destination => ({
    group: destination.group,
    begin: (...args) => {
      begun++;
      return destination.begin(...args);
    },
  });
  try {
    const run = computer
      .run((process) => {
        sleeper = process;
        return fetchOnce(server, course, { destination: counting });
      })
      .then(
        () => "ended" as const,
        () => "ended" as const,
      );
    if ((await Promise.race([run, stopped])) === "ended") return false;
    // What it had done already takes effect.
    await turn();
    stops.stops++;
    const holds = holdsLease(computer, sleeper as unknown as Process);
    vi.setSystemTime(began + ASLEEP);
    await computer
      .run(() => other(server))
      .catch((error: unknown) => {
        throw new Unkept("the other process succeeds", String(error));
      });
    const hasSession = said.length > 0;
    const before = await computer.run(() => knowledge(hasSession));
    const [saidBefore, begunBefore] = [said.length, begun];
    if (bug.unnoticed === true) vi.setSystemTime(began);
    computer.continue(sleeper as unknown as Process);
    await run;
    const { place } = course;
    const [wanted, found] = [mail.map(({ text }) => place.form(text)), place.messages(computer.disk)];
    expectSame("each message is there once, byte for byte", wanted.sort(), found.sort());
    if (!holds) return true;
    stops.held++;
    const commands = ["RETR", "TOP", "DELE", "QUIT"];
    const later = said.slice(saidBefore).filter((verb) => commands.includes(verb));
    expectSame("it sends no RETR, no DELE and no QUIT", [], later);
    expectSame("it starts no delivery", begunBefore, begun);
    expectSame("it writes nothing into the ledger", before, await computer.run(() => knowledge(hasSession)));
  } catch (error) {
    if (!(error instanceof Unkept)) throw error;
    const example = `stopped at point ${String(nth)}, after ${said.join(" ")}: ${error.message}`;
    if (!stops.broken.has(error.promise)) stops.broken.set(error.promise, example);
  } finally {
    // In this order: clearing the timers takes back what was added to the time of day, but not to `performance.now()`.
    vi.setSystemTime(began);
    vi.clearAllTimers();
  }
  return true;
}

class Unkept extends Error {
  readonly promise: Kept;

  constructor(promise: Kept, message: string) {
    super(message);
    this.promise = promise;
  }
}

function expectSame(promise: Kept, wanted: unknown, found: unknown): void {
  const [a, b] = [JSON.stringify(wanted), JSON.stringify(found)];
  if (a !== b) throw new Unkept(promise, `wanted ${a}, found ${b}`);
}

/** Whether the lock of the mailbox names this process. */
function holdsLease({ disk }: Machine, { pid }: Process): boolean {
  const path = disk.files("/state").find((each) => each.endsWith(".lock"));
  const lock = path === undefined ? undefined : disk.find(path);
  return lock instanceof File && lock.content.toString("latin1").includes(`"pid":${String(pid)},`);
}

/**
 * Everything that the ledger knows, and its files. `hasSession`: the state file may be written by the process at the
 * end of its session, if it has begun that before it was stopped. It does not count then.
 */
async function knowledge(hasSession: boolean): Promise<unknown> {
  const { entries, state }: LedgerSnapshot = await new FileLedger("/state").read(MAILBOX);
  const { disk } = machine();
  const isCompared = (path: string): boolean =>
    path.endsWith(".journal") || (path.endsWith(".state") && !hasSession);
  const files = disk.files("/state").filter(isCompared);
  const contents = files.map((path) => [path, (disk.find(path) as File).content.toString("latin1")]);
  return { entries: [...entries], state, contents };
}
