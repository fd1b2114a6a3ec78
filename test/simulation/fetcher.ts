// One program that fetches from the mailbox of a simulated world, again and again. If its process dies, another one is
// started.
import type { Duplex } from "node:stream";
import { fileName } from "../../src/fetch/ledger/file-name.ts";
import { holderOf } from "./keeper.ts";
import type { Event } from "./schedule.ts";
import type { SimulatedProcess } from "./process.ts";
import type { Polled, Program } from "./program/main.ts";
import type { Trouble } from "./program/troubled.ts";
import type { SimulatedMailbox } from "./scenario.ts";
import { SECRET } from "./server.ts";
import { Violation } from "./violation.ts";
import type { World } from "./world.ts";

const TROUBLES = [
  "delivery refused",
  "delivery refused for now",
  "destination down",
  "delivery breaks off",
  "delivery answer lost",
] as const;

export class Fetcher {
  readonly #world: World;
  readonly #mailboxes: readonly SimulatedMailbox[];
  #process: SimulatedProcess | undefined;
  #program: Program | undefined;
  #next: Event | undefined;
  #isLeaving = false;
  /** When the call began that has not settled yet. */
  since: number | undefined;
  /** How many calls have settled. */
  polls = 0;
  /** How the last call ended. */
  outcome = "";

  /** `mailboxes`: those that it fetches from. */
  constructor(world: World, mailboxes: readonly SimulatedMailbox[]) {
    this.#world = world;
    this.#mailboxes = mailboxes;
  }

  get process(): SimulatedProcess | undefined {
    return this.#process;
  }

  get isIdle(): boolean {
    return this.#process === undefined;
  }

  /** Whether the last call did all that there was to do. */
  get wasDone(): boolean {
    return this.outcome === "done";
  }

  /** Starts a process after a time; milliseconds. */
  begin(delay: number): void {
    this.#next = this.#world.schedule.after(delay, () => this.#start());
  }

  /** Polls after a time, if it would poll later. Does nothing while it polls. */
  hurry(delay: number): void {
    const { schedule } = this.#world;
    if (this.#next === undefined || this.#next.at <= schedule.now + delay) return;
    schedule.cancel(this.#next);
    this.#next = schedule.after(delay, () => (this.#process === undefined ? this.#start() : this.#poll()));
  }

  /** Ends the process once its call has settled. */
  leave(): void {
    this.#isLeaving = true;
    if (this.since === undefined) this.#exit();
  }

  /** Polls again, from now on. */
  resume(): void {
    this.#isLeaving = false;
    this.outcome = "";
    if (this.since !== undefined) return;
    if (this.#next !== undefined) this.#world.schedule.cancel(this.#next);
    this.#next = this.#world.schedule.after(1000, () =>
      this.#process === undefined ? this.#start() : this.#poll(),
    );
  }

  /** The process is stopped. */
  stops(): void {
    const pid = this.#process?.pid;
    const { disk } = this.#world.computer;
    const names = this.#mailboxes.map(({ name }) => name);
    this.#held = names.filter((name) => this.since !== undefined && holderOf(disk, name) === pid);
  }

  /** The process continues after it was stopped: it may have lost its leases. */
  wakes(): void {
    const each = this.#process;
    if (each === undefined) return;
    const { computer, judge } = this.#world;
    for (const mailbox of this.#held)
      if (holderOf(computer.disk, mailbox) !== each.pid) judge.loses(each, mailbox);
    this.#held = [];
  }

  /** The mailboxes whose leases the process had when it was stopped. */
  #held: readonly string[] = [];

  #start(): void {
    const { computer, judge, bundle, scenario } = this.#world;
    this.#next = undefined;
    const each = computer.start();
    this.#process = each;
    each.onChange = ({ name, path }) => {
      const mailbox = this.#mailboxes.find((one) => path === `/state/${fileName(one.name)}.journal`);
      if (mailbox !== undefined && name === "write")
        judge.begins(each, "a write of the ledger", mailbox.name);
    };
    if (scenario.logs && scenario.wide !== undefined) each.onLine = (line) => judge.shown(line);
    each.onEnd.add(() => this.#died(each));
    this.#program = bundle.start(each, {
      mailboxes: this.#mailboxes.map((one) => ({ ...one, connect: () => this.#connect(each, one) })),
      all: scenario.wide?.fleet,
      memory: scenario.wide?.memory,
      ...{ pass: SECRET, place: scenario.place, policy: scenario.policy, logs: scenario.logs },
      show: (line) => {
        judge.shown(line);
        computer.tell(each.name, line.replace(/"duration":\d+/, ""));
      },
      onEvent: (event) => judge.heard(each, event),
      take: (key, octets) => this.#take(each, key, octets),
      trouble: scenario.wide === undefined ? undefined : (step) => this.#trouble(each, step),
      onBegin: ({ mailbox }) => judge.begins(each, "a delivery", mailbox),
    });
    each.enter(() => this.#poll());
  }

  async #connect(each: SimulatedProcess, { name, user, host }: SimulatedMailbox): Promise<Duplex> {
    const { judge } = this.#world;
    const socket = await this.#world.server(host).connect(each, user);
    const write = socket.write.bind(socket);
    socket.write = ((octets: string, ...rest: []) => {
      for (const line of octets.split("\r\n")) judge.sends(each, line.split(" ", 1)[0] as string, name);
      return write(octets, ...rest);
    }) as typeof socket.write;
    return socket;
  }

  /** Hands a message to the receiver. The process may end in between. */
  #take(each: SimulatedProcess, key: string, octets: Buffer): Promise<"new" | "known"> {
    const { computer, receiver } = this.#world;
    const { schedule, chance } = computer;
    return new Promise((resolve) => {
      schedule.after(chance.between(0.1, 5000), () => {
        const result = receiver.take(key, octets);
        computer.tell("receiver", `takes ${key.slice(0, 8)} of ${each.name}: ${result}`);
        schedule.after(chance.between(0.1, 500), () => each.enter(() => resolve(result)));
        computer.passed(each, "deliver");
      });
    });
  }

  /** What goes wrong in the destination. */
  #trouble(each: SimulatedProcess, step: string): Trouble | undefined {
    const { computer, judge } = this.#world;
    const { faults, chance, schedule } = computer;
    const isSlow = this.#world.scenario.wide?.memory !== undefined && chance.happens(0.3);
    if (!isSlow && !faults.strikes("delivery hangs", step))
      return TROUBLES.find((kind) => faults.strikes(kind, step));
    const time = Math.round(chance.between(1000, 1_800_000));
    const before = each.octetsRead;
    schedule.after(time, () => judge.hasWaited(step, each.octetsRead - before));
    return time;
  }

  #poll(): void {
    const { schedule, computer } = this.#world;
    const each = this.#process;
    const program = this.#program;
    if (each === undefined || program === undefined || each.state === "dead") return;
    this.#next = undefined;
    this.since = schedule.now;
    this.#world.judge.calls(each);
    computer.tell(each.name, "polls");
    each.enter(() => {
      program.poll().then(
        (polled) => this.#settled(each, polled),
        (error: unknown) =>
          this.#world.judge.broken(new Violation("a run fails only with a FetchError", String(error))),
      );
    });
  }

  #settled(each: SimulatedProcess, { outcome, nextPollAt, error }: Polled): void {
    const { judge, computer, chance } = this.#world;
    if (each !== this.#process) return;
    this.since = undefined;
    judge.lost.delete(each);
    this.polls++;
    if (error !== undefined) judge.broken(new Violation("a run fails only with a FetchError", error));
    this.outcome = outcome;
    judge.checkVisible();
    if (this.#isLeaving || chance.happens(0.3)) {
      computer.tell(each.name, "exits");
      this.#exit();
      if (this.#isLeaving) return;
      this.begin(this.#pause(nextPollAt));
      return;
    }
    this.#next = this.#world.schedule.after(this.#pause(nextPollAt), () => this.#poll());
  }

  /** Usually as long as the report says; sometimes less, as a user who polls by hand. */
  #pause(nextPollAt = 0): number {
    const { computer, chance } = this.#world;
    const left = Math.max(1, nextPollAt - computer.wallTime());
    return chance.happens(0.3) ? chance.between(1, 60_000) : Math.min(left, 24 * 60 * 60_000);
  }

  #exit(): void {
    const each = this.#process;
    this.#process = undefined;
    if (this.#next !== undefined) this.#world.schedule.cancel(this.#next);
    this.#next = undefined;
    each?.end();
  }

  /** The process was killed: another one is started later. */
  #died(each: SimulatedProcess): void {
    this.#world.judge.lost.delete(each);
    if (each !== this.#process) return;
    this.#process = undefined;
    this.since = undefined;
    if (this.#next !== undefined) this.#world.schedule.cancel(this.#next);
    this.begin(this.#world.chance.between(10, 300_000));
  }
}
