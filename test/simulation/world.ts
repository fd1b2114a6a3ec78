// One simulated world: a machine with processes that fetch mail, a server, faults, and the judge. One seed decides
// everything that happens.
import { setImmediate as turn } from "node:timers/promises";
import type { Bundle } from "./bundle.ts";
import { Chance } from "./chance.ts";
import { Computer } from "./computer.ts";
import type { Coverage } from "./coverage.ts";
import { Faults, type Fault, type Pair } from "./faults.ts";
import { Fetcher } from "./fetcher.ts";
import { History } from "./history.ts";
import { Judge } from "./judge.ts";
import type { SimulatedProcess } from "./process.ts";
import { messageOf, scenarioOf, type Scenario } from "./scenario.ts";
import { Schedule } from "./schedule.ts";
import { SimulatedServer } from "./server.ts";
import { Violation } from "./violation.ts";

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

/** A call of fetchMail settles within this time; milliseconds. A trickle may take most of it. */
const DEADLINE = 3 * 60 * 60_000;

/** After this time everything that is left over is swept; milliseconds. */
const LATER = 40 * 60 * 60_000;

/** Events: a world that has more does not end by itself. */
const TOO_MANY = 3_000_000;

export class World {
  readonly schedule: Schedule = new Schedule();
  readonly computer: Computer;
  readonly judge: Judge;
  readonly server: SimulatedServer;
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
    this.scenario = { ...scenarioOf(new Chance(seed, "scenario")), ...scenario };
    this.#history = new History(onLine);
    const tell = (what: string): void => this.#history.add(this.schedule.now, "world", what);
    this.#faults = new Faults({
      chance: new Chance(seed, "faults"),
      only: faults,
      aim: aim && { ...aim, chance: new Chance(seed, "aim") },
      tell,
    });
    this.computer = new Computer(this.schedule, this.#history, new Chance(seed, "computer"), this.#faults);
    this.computer.passed = (process, step) => this.#passed(process, step);
    this.judge = new Judge(this.computer, this.scenario.place);
    this.server = new SimulatedServer(this.computer, this.scenario.server, this.judge);
    tell(`seed ${String(seed)} ${JSON.stringify(this.scenario)}`);
  }

  async run(): Promise<Result> {
    const unhandled = (error: unknown): void =>
      this.judge.broken(new Violation("no error is left unhandled", stackOf(error)));
    process.on("unhandledRejection", unhandled);
    process.on("uncaughtException", unhandled);
    const stacks = Error.stackTraceLimit;
    Error.stackTraceLimit = 0;
    try {
      await this.#live();
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      this.judge.broken(error);
    } finally {
      Error.stackTraceLimit = stacks;
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
    for (let number = 1; number <= messages; number++) {
      const text = messageOf(mail, number);
      const when = mail.happens(0.5) ? 0 : mail.next() * duration;
      this.schedule.after(when, () => this.#arrives(`uid-${String(number)}`, text));
    }
    for (let count = 0; count < fetchers; count++) this.#fetchers.push(new Fetcher(this));
    for (const fetcher of this.#fetchers) fetcher.begin(this.chance.next() * 60_000);
    await this.#until(() => this.schedule.now >= duration);
    await this.#calm();
  }

  /** No more faults: one process delivers the rest. */
  async #calm(): Promise<void> {
    const { computer, judge } = this;
    this.#faults.end();
    computer.fullUntil = 0;
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
      throw new Violation("the server has what the policy leaves there", this.server.uids.join(" "));
    if (!last.wasDone)
      throw new Violation("without faults everything is delivered", `the last poll ends as ${last.outcome}`);
    judge.checkEnd();
    // A day later, by a new process: nothing comes twice, and nothing is left over.
    last.leave();
    await this.#until(() => last.isIdle);
    computer.setClockAfterAll(LATER);
    this.#arrives("uid-99", "Subject: the last one\r\n\r\nbye\r\n");
    last.polls = 0;
    last.resume();
    await this.#until(() => last.polls > POLLS || (last.wasDone && judge.missing().length === 0));
    judge.checkEnd();
    last.leave();
    await this.#until(() => last.isIdle);
    judge.checkLeftOver();
  }

  #isComplete(): boolean {
    if (this.judge.missing().length > 0) return false;
    const left = this.server.uids.length;
    return this.scenario.policy.delete === "never" ? true : left === 0;
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
        if (since !== undefined && this.schedule.now - since > DEADLINE)
          throw new Violation("each call settles", "fetchMail did not settle in time");
    }
  }

  #arrives(uid: string, text: string): void {
    this.judge.mail.set(uid, text);
    this.server.add(uid, text);
    this.computer.tell("server", `gets ${uid}, ${text.length} octets`);
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
    } else if (faults.strikes("kill", step)) {
      computer.tell(each.name, "is killed");
      each.end();
      this.judge.checkVisible();
    } else if (faults.strikes("stop", step)) {
      computer.tell(each.name, "is stopped");
      each.stop();
      this.#fetchers.find(({ process: own }) => own === each)?.stops();
      schedule.after(chance.between(1000, 1_200_000), () => this.#wake(each));
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

function stackOf(error: unknown): string {
  return error instanceof Error ? `${error.message} ${String(error.stack)}` : String(error);
}
