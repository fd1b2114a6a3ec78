// The machine of a simulated world: its disk, its clock, its power, and the processes on it.
import type { Duplex } from "node:stream";
import { Disk } from "../crash/disk.ts";
import type { Chance } from "./chance.ts";
import type { Faults } from "./faults.ts";
import type { History } from "./history.ts";
import { afterPowerLoss } from "./power.ts";
import { SimulatedProcess } from "./process.ts";
import type { Schedule } from "./schedule.ts";

/** What `Date.now()` is when a world begins. */
const START = Date.UTC(2026, 0, 1);

export class Computer {
  readonly schedule: Schedule;
  readonly history: History;
  readonly chance: Chance;
  readonly faults: Faults;
  disk: Disk = new Disk();
  /** Which start of the machine this is. */
  boot = 1;
  /** Until when the disk is full. */
  fullUntil = 0;
  /** Called when a process has done a step: it may be killed there. */
  passed: (process: SimulatedProcess, step: string) => void = () => undefined;
  /** Called before and after the system clock is set. */
  clockSet: () => void = () => undefined;
  /** Connects a process with another machine. */
  dial: (process: SimulatedProcess, host: string) => Promise<Duplex> = () =>
    Promise.reject(Object.assign(new Error("getaddrinfo ENOTFOUND"), { code: "ENOTFOUND" }));
  readonly #processes: Map<number, SimulatedProcess> = new Map();
  #nextPid = 1000;
  /** How far the system clock is ahead, and has been at most; milliseconds. */
  #ahead = 0;
  #farthest = 0;

  constructor(schedule: Schedule, history: History, chance: Chance, faults: Faults) {
    this.schedule = schedule;
    this.history = history;
    this.chance = chance;
    this.faults = faults;
  }

  get processes(): readonly SimulatedProcess[] {
    return [...this.#processes.values()];
  }

  wallTime(): number {
    return START + this.schedule.now + this.#ahead;
  }

  /** Sets the system clock; milliseconds, back if they are negative. */
  setClock(by: number): void {
    this.clockSet();
    this.#ahead += by;
    this.clockSet();
    this.#farthest = Math.max(this.#farthest, this.#ahead);
    this.tell("clock", `is set by ${by.toFixed(0)} ms`);
  }

  /** Sets the system clock to a time after all times that it has shown. */
  setClockAfterAll(by: number): void {
    this.setClock(this.#farthest - this.#ahead + by);
  }

  start(): SimulatedProcess {
    const process = new SimulatedProcess(this, this.#nextPid++);
    this.#processes.set(process.pid, process);
    process.onEnd.add(() => this.#processes.delete(process.pid));
    this.tell(process.name, "starts");
    return process;
  }

  isAlive(pid: number): boolean {
    return this.#processes.has(pid);
  }

  /** All processes end, and the disk keeps what it may. */
  losePower(): void {
    this.tell("power", "fails");
    for (const process of this.processes) process.end(true);
    this.disk = afterPowerLoss(this.disk, this.chance);
    this.boot++;
  }

  tell(who: string, what: string): void {
    this.history.add(this.schedule.now, who, what);
  }
}
