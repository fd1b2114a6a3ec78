// One program that fetches from the mailbox of a simulated world, again and again. If its process dies, another one is
// started.
import { MAILBOX } from "../crash/places.ts";
import { File } from "../crash/nodes.ts";
import type { Event } from "./schedule.ts";
import type { SimulatedProcess } from "./process.ts";
import type { Polled, Program } from "./program/main.ts";
import { HOST, SECRET, USER } from "./server.ts";
import { Violation } from "./violation.ts";
import type { World } from "./world.ts";

export class Fetcher {
  readonly #world: World;
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

  constructor(world: World) {
    this.#world = world;
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
    this.#held = this.since !== undefined && this.#holder() === this.#process?.pid;
  }

  /** The process continues after it was stopped: it may have lost its lease. */
  wakes(): void {
    const each = this.#process;
    if (each !== undefined && this.#held && this.#holder() !== each.pid) this.#world.judge.lost.add(each);
    this.#held = false;
  }

  /** Whether the process had the lease when it was stopped. */
  #held = false;

  /** The process that has the lease. */
  #holder(): number | undefined {
    const { disk } = this.#world.computer;
    const path = disk.files("/state").find((file) => file.endsWith(".lock"));
    const lock = path === undefined ? undefined : disk.find(path);
    const pid = lock instanceof File ? /"pid":(\d+),/.exec(lock.content.toString("latin1"))?.[1] : undefined;
    return pid === undefined ? undefined : Number(pid);
  }

  #start(): void {
    const { computer, judge, bundle, scenario, server } = this.#world;
    this.#next = undefined;
    const each = computer.start();
    this.#process = each;
    each.onChange = ({ name, path }) => {
      if (path.endsWith(".journal") && name === "write") judge.begins(each, "a write of the ledger");
    };
    each.onEnd.add(() => this.#died(each));
    this.#program = bundle.start(each, {
      ...{ host: HOST, user: USER, pass: SECRET, mailbox: MAILBOX },
      ...{ place: scenario.place, policy: scenario.policy, logs: scenario.logs },
      connect: async () => {
        const socket = await server.connect(each);
        const write = socket.write.bind(socket);
        socket.write = ((octets: string, ...rest: []) => {
          for (const line of octets.split("\r\n")) judge.sends(each, line.split(" ", 1)[0] as string);
          return write(octets, ...rest);
        }) as typeof socket.write;
        return socket;
      },
      show: (line) => {
        judge.shown(line);
        computer.tell(each.name, line.replace(/"duration":\d+/, ""));
      },
      onBegin: () => judge.begins(each, "a delivery"),
    });
    each.enter(() => this.#poll());
  }

  #poll(): void {
    const { schedule, computer } = this.#world;
    const each = this.#process;
    const program = this.#program;
    if (each === undefined || program === undefined || each.state === "dead") return;
    this.#next = undefined;
    this.since = schedule.now;
    computer.tell(each.name, "polls");
    each.enter(() => {
      program.poll().then(
        (polled) => this.#settled(each, polled),
        (error: unknown) =>
          this.#world.judge.broken(new Violation("a run fails only with a FetchError", String(error))),
      );
    });
  }

  #settled(each: SimulatedProcess, { report, code, isFetchError, error }: Polled): void {
    const { judge, computer, chance } = this.#world;
    if (each !== this.#process) return;
    this.since = undefined;
    judge.lost.delete(each);
    this.polls++;
    if (error !== undefined && !isFetchError)
      judge.broken(new Violation("a run fails only with a FetchError", error));
    const isWhole = report?.failed.length === 0;
    this.outcome = (error === undefined && isWhole ? report.outcome : code) ?? "failed messages";
    judge.checkVisible();
    if (this.#isLeaving || chance.happens(0.3)) {
      computer.tell(each.name, "exits");
      this.#exit();
      if (this.#isLeaving) return;
      this.begin(this.#pause(report?.nextPollAt));
      return;
    }
    this.#next = this.#world.schedule.after(this.#pause(report?.nextPollAt), () => this.#poll());
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
