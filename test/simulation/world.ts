// One simulated world: a machine with processes that fetch mail, a server, faults, and the judge. One seed decides
// everything that happens.
import { setImmediate as turn } from "node:timers/promises";
import { boundsOf } from "./bounds.ts";
import type { Bundle } from "./bundle.ts";
import { hearChannels } from "./channels.ts";
import { Chance } from "./chance.ts";
import { Computer } from "./computer.ts";
import type { Coverage } from "./coverage.ts";
import { Faults, type Fault, type Pair } from "./faults.ts";
import { Fetcher } from "./fetcher.ts";
import { History } from "./history.ts";
import { Judge } from "./judge.ts";
import { FileKeeper } from "./keeper.ts";
import { fateOf, Mail } from "./mail.ts";
import type { SimulatedProcess } from "./process.ts";
import { Receiver } from "./receiver.ts";
import { mailboxesOf, messageOf, scenarioOf, type Scenario, type SimulatedMailbox } from "./scenario.ts";
import { Schedule } from "./schedule.ts";
import { SimulatedServer } from "./server.ts";
import { Violation } from "./violation.ts";
import { WebServer } from "./web-server.ts";

export interface Result {
  readonly seed: number;
  readonly digest: string;
  readonly lines: number;
  readonly violation: Violation | undefined;
  readonly coverage: Coverage;
  /** The faults that happened. */
  readonly faults: readonly Fault[];
  readonly scenario: Scenario;
  /** The last lines of the history. */
  readonly last: readonly string[];
  /** How many polls were needed once no more faults happened. */
  readonly polls: number;
  /** How long it took in the world; milliseconds. */
  readonly time: number;
}

export interface WorldOptions {
  readonly seed: number;
  readonly bundle: Bundle;
  /** What differs from the scenario of the seed. */
  readonly scenario?: Partial<Scenario> | undefined;
  /** If it is given, just these faults happen. */
  readonly faults?: readonly Fault[] | undefined;
  /** A fault that is to happen at a step, in addition to the others. */
  readonly aim?: Pair | undefined;
  readonly onLine?: (line: string) => void;
}

/** Once no more faults happen, this many polls must deliver everything. */
const POLLS = 25;

/** A run over a mailbox settles within this time; milliseconds. A trickle may take most of it. */
const DEADLINE = 3 * 60 * 60_000;

/** After this time everything that is left over is swept; milliseconds. */
const LATER = 40 * 60 * 60_000;

/** After this time another process may take a lease over; milliseconds. */
const LEASE = 60_000;

/** Events: a world that has more does not end by itself. */
const TOO_MANY = 3_000_000;

export class World {
  readonly schedule: Schedule = new Schedule();
  readonly computer: Computer;
  readonly judge: Judge;
  readonly #mailboxes: readonly SimulatedMailbox[];
  readonly #servers: Map<string, SimulatedServer> = new Map();
  readonly receiver: Receiver;
  readonly scenario: Scenario;
  readonly bundle: Bundle;
  readonly chance: Chance;
  readonly #seed: number;
  readonly #history: History;
  readonly #faults: Faults;
  readonly #fetchers: Fetcher[] = [];
  #polls = 0;

  constructor({ seed, bundle, scenario, faults, aim, onLine }: WorldOptions) {
    this.#seed = seed;
    this.bundle = bundle;
    this.chance = new Chance(seed, "world");
    this.scenario = { ...scenarioOf(new Chance(seed, "scenario"), new Chance(seed, "wide")), ...scenario };
    this.#mailboxes = mailboxesOf(this.scenario);
    this.#history = new History(onLine);
    const tell = (what: string): void => this.#history.add(this.schedule.now, "world", what);
    this.#faults = new Faults({
      chance: new Chance(seed, "faults"),
      wide: this.scenario.wide === undefined ? undefined : new Chance(seed, "wide faults"),
      later: this.scenario.wide === undefined ? undefined : new Chance(seed, "later faults"),
      only: faults,
      aim,
      tell,
    });
    this.computer = new Computer(this.schedule, this.#history, new Chance(seed, "computer"), this.#faults);
    this.computer.passed = (process, step) => this.#passed(process, step);
    const { place, policy, server } = this.scenario;
    this.receiver = new Receiver((violation) => this.judge.broken(violation));
    const web = new WebServer(this.computer, this.receiver);
    this.computer.dial = (process) => web.connect(process);
    const isRemote = place === "function" || place === "Webhook";
    this.judge = new Judge(this.computer, isRemote ? this.receiver : new FileKeeper(this.computer, place), {
      mailboxes: this.#mailboxes,
      policy,
      keepsMail: policy.delete === "never" && !server.hides,
      bounds: boundsOf(this.scenario),
      caps: this.scenario.wide?.fleet ?? { maxSessions: 1, maxPerHost: 1 },
    });
    this.computer.clockSet = () => this.judge.clockSet();
    for (const host of new Set(this.#mailboxes.map((each) => each.host))) {
      const users = this.#mailboxes.filter((each) => each.host === host).map(({ user }) => user);
      this.#servers.set(host, new SimulatedServer(this.computer, host, users, server, this.judge));
    }
    tell(`seed ${String(seed)} ${JSON.stringify(this.scenario)}`);
  }

  server(host: string): SimulatedServer {
    return this.#servers.get(host) as SimulatedServer;
  }

  /** All messages that servers have. */
  get #left(): ReadonlySet<Mail> {
    return new Set([...this.#servers.values()].flatMap(({ mails }) => mails));
  }

  async run(): Promise<Result> {
    const unhandled = (error: unknown): void =>
      this.judge.broken(new Violation("no error is left unhandled", stackOf(error)));
    process.on("unhandledRejection", unhandled);
    process.on("uncaughtException", unhandled);
    const { logs, wide } = this.scenario;
    const isHeard = logs && wide !== undefined;
    const stopHearing = isHeard ? hearChannels((line) => this.judge.shown(line)) : () => undefined;
    const stacks = Error.stackTraceLimit;
    Error.stackTraceLimit = 0;
    try {
      await this.#live();
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      this.judge.broken(error);
    } finally {
      Error.stackTraceLimit = stacks;
      stopHearing();
      for (const each of this.computer.processes) each.end(true);
      process.off("unhandledRejection", unhandled);
      process.off("uncaughtException", unhandled);
    }
    const { coverage, happened: faults } = this.#faults;
    const { lines, last } = this.#history;
    const { violation } = this.judge;
    const [digest, time] = [this.#history.digest(), this.schedule.now];
    const { scenario } = this;
    return {
      seed: this.#seed,
      scenario,
      digest,
      lines,
      violation,
      coverage,
      faults,
      last,
      polls: this.#polls,
      time,
    };
  }

  async #live(): Promise<void> {
    const { duration, fetchers, messages } = this.scenario;
    const mail = new Chance(this.#seed, "mail");
    const uids = new Chance(this.#seed, "unique-ids");
    for (let number = 1; number <= messages; number++) {
      const text =
        messageOf(mail, number) +
        "x"
          .repeat(78)
          .concat("\r\n")
          .repeat(this.scenario.wide?.memory?.lines ?? 0);
      const when = mail.happens(0.5) ? 0 : mail.next() * duration;
      const mailbox = uids.pick(this.#mailboxes);
      const isRepeated = uids.happens(this.scenario.wide?.repeatedUids ?? 0);
      this.schedule.after(when, () => {
        const { mails } = this.judge;
        const namesake = isRepeated && mails.length > 0 ? uids.pick(mails) : undefined;
        if (namesake === undefined) this.#arrives(mailbox, `uid-${String(number)}`, text);
        else this.#arrives(mailbox, namesake.uid, unlikeAll(text, mails), namesake);
      });
    }
    // Late, when several messages are known.
    if (this.scenario.server.uidsChangeFor !== undefined)
      this.schedule.after((0.5 + uids.next() / 2) * duration, () => {
        for (const server of this.#servers.values()) server.renumberAll();
      });
    // Long enough for many mailboxes to notice.
    const outage = new Chance(this.#seed, "outage");
    if ((this.scenario.wide?.fleet?.lasts ?? 0) > 0 && outage.happens(0.5))
      this.schedule.after(outage.next() * duration, () => {
        for (const server of this.#servers.values()) server.fail();
      });
    for (let count = 0; count < fetchers; count++) {
      const targets = this.scenario.wide?.fleet?.targets[count];
      const mailboxes = targets?.map((each) => this.#mailboxes[each] as SimulatedMailbox);
      this.#fetchers.push(new Fetcher(this, mailboxes ?? this.#mailboxes));
    }
    for (const fetcher of this.#fetchers) fetcher.begin(this.chance.next() * 60_000);
    await this.#until(() => this.schedule.now >= duration);
    await this.#calm();
  }

  /** No more faults: one process delivers the rest. */
  async #calm(): Promise<void> {
    const { computer, judge } = this;
    this.#faults.end();
    for (const server of this.#servers.values()) {
      server.restoreUids();
      server.recover();
    }
    computer.fullUntil = 0;
    // While the clock was ahead, messages may have got a time to be deleted that is days from now.
    if (typeof this.scenario.policy.delete === "object") computer.setClockAfterAll(0);
    computer.tell("world", "no more faults");
    for (const each of computer.processes) each.continue();
    const [last, ...others] = this.#fetchers as [Fetcher, ...Fetcher[]];
    for (const other of others) other.leave();
    await this.#until(() => others.every(({ isIdle }) => isIdle));
    last.polls = 0;
    last.resume();
    await this.#until(() => last.polls > POLLS || (last.wasDone && this.#isComplete()));
    this.#polls = last.polls;
    const missing = judge.missing();
    if (missing.length > 0)
      throw new Violation(
        "without faults everything is delivered",
        `after ${POLLS} polls these are missing: ${missing.join(" ")}`,
      );
    if (!this.#isComplete())
      throw new Violation(
        "the server has what the policy leaves there",
        `servers have ${[...this.#left].map(({ uid }) => uid).join(" ")}`,
      );
    if (!last.wasDone)
      throw new Violation("without faults everything is delivered", `the last poll ends as ${last.outcome}`);
    judge.checkEnd();
    // A day later, by a new process: nothing comes twice, and nothing is left over.
    last.leave();
    await this.#until(() => last.isIdle);
    computer.setClockAfterAll(LATER);
    this.#arrives(this.#mailboxes[0] as SimulatedMailbox, "uid-99", "Subject: the last one\r\n\r\nbye\r\n");
    last.polls = 0;
    last.resume();
    await this.#until(() => last.polls > POLLS || (last.wasDone && judge.missing().length === 0));
    judge.checkEnd();
    last.leave();
    await this.#until(() => last.isIdle);
    judge.checkLeftOver();
  }

  /** Whether the destination has everything, and the server has what the policy leaves there. */
  #isComplete(): boolean {
    const { judge, scenario } = this;
    if (judge.missing().length > 0) return false;
    const there = this.#left;
    const isLeft = (mail: Mail): boolean =>
      there.has(mail) || (scenario.server.hides && mail.content !== undefined);
    return judge.mails.every((mail) => (mail.deletedAfter === Infinity ? isLeft(mail) : !there.has(mail)));
  }

  /** Lets time pass. Throws the first violation. */
  async #until(isOver: () => boolean): Promise<void> {
    for (let count = 0; !isOver(); count++) {
      if (count > TOO_MANY) throw new Violation("each call settles", "the world does not end");
      if (!this.schedule.step())
        throw new Violation("each call settles", "nothing is left that could happen");
      await turn();
      if (this.judge.violation !== undefined) throw this.judge.violation;
      for (const { since } of this.#fetchers)
        if (since !== undefined && this.schedule.now - since > this.#deadline)
          throw new Violation("each call settles", "it did not settle in time");
    }
  }

  /** Within this time a call settles; milliseconds. */
  get #deadline(): number {
    const { fleet } = this.scenario.wide ?? {};
    return DEADLINE * this.#mailboxes.length + (fleet?.lasts ?? 0);
  }

  /** `namesake`: a message with the same unique-id. */
  #arrives({ name, user, host }: SimulatedMailbox, uid: string, text: string, namesake?: Mail): void {
    const { judge, scenario, computer } = this;
    const fate = fateOf(scenario.policy, text, scenario.server.top);
    const mail = new Mail(name, uid, text, { fate, now: computer.wallTime() });
    // Each of them may get a key by its unique-id, and one by its content.
    if (namesake !== undefined) for (const each of [mail, namesake]) each.copies++;
    judge.mails.push(mail);
    this.server(host).box(user).add(mail);
    computer.tell("server", `gets ${uid}, ${text.length} octets`);
  }

  /** A process has done a step: it may be the last one. */
  #passed(each: SimulatedProcess, step: string): void {
    each.step = step;
    const { computer, chance, schedule } = this;
    const faults = this.#faults;
    if (each.state === "dead") return;
    if (faults.strikes("power loss", step)) {
      computer.losePower();
      this.judge.checkVisible();
    } else if (each.isCutOff || faults.strikes("kill", step)) {
      computer.tell(each.name, "is killed");
      each.end();
      this.judge.checkVisible();
    } else if (faults.strikes("stop", step)) {
      computer.tell(each.name, "is stopped");
      each.stop();
      this.#fetchers.find(({ process: own }) => own === each)?.stops();
      let length = chance.between(1000, 1_200_000);
      if (chance.happens(0.5)) {
        // Until the others have taken over what it had.
        length += LEASE;
        for (const other of this.#fetchers) other.hurry(LEASE + chance.between(1, 1000));
      }
      schedule.after(length, () => this.#wake(each));
    } else if (faults.strikes("clock jump", step))
      computer.setClock((chance.happens(0.5) ? 1 : -1) * chance.between(100, 3 * 86_400_000));
  }

  #wake(each: SimulatedProcess): void {
    if (each.state !== "stopped") return;
    this.computer.tell(each.name, "continues");
    this.#fetchers.find(({ process: own }) => own === each)?.wakes();
    each.continue();
  }
}

/** Adds to a message until no other one has its size: by that the two of the same unique-id are told apart. */
function unlikeAll(text: string, mails: readonly Mail[]): string {
  const sizes = new Set(mails.map((mail) => mail.text.length));
  let other = text;
  while (sizes.has(other.length)) other += "\r\n";
  return other;
}

function stackOf(error: unknown): string {
  return error instanceof Error ? `${error.message} ${String(error.stack)}` : String(error);
}
