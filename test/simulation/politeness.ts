// Counts what processes do to servers: sessions at a time, connections to a host that is down, and polls.
import type { FetchEvent } from "../../src/fetch/index.ts";
import type { Computer } from "./computer.ts";
import type { SimulatedProcess } from "./process.ts";
import { Violation, type Promised } from "./violation.ts";

/** How many sessions a process may have at a time. */
export interface Caps {
  readonly maxSessions: number;
  readonly maxPerHost: number;
}

/** Times in whole milliseconds are off by less than this. */
const ROUNDING = 2;

export class Politeness {
  readonly #computer: Computer;
  readonly #caps: Caps;
  readonly #broken: (violation: Violation) => void;
  /** The hosts of the sessions that a process has open. */
  readonly #open: Map<SimulatedProcess, string[]> = new Map();
  /** By process and mailbox: when the mailbox is due, in simulated time. */
  readonly #due: Map<SimulatedProcess, Map<string, number>> = new Map();
  /** By process and host: since when it may know of an outage, and how often it has tried. */
  readonly #outages: Map<SimulatedProcess, Map<string, { readonly since: number; tries: number }>> =
    new Map();

  constructor(computer: Computer, caps: Caps, broken: (violation: Violation) => void) {
    this.#computer = computer;
    this.#caps = caps;
    this.#broken = broken;
  }

  /** A call begins. What an earlier one knew is forgotten. */
  calls(process: SimulatedProcess): void {
    this.#due.delete(process);
    this.#outages.delete(process);
  }

  /** A process has logged in. A connection that it gives up before that is not counted. */
  opens(process: SimulatedProcess, host: string): void {
    const open = this.#open.get(process) ?? [];
    this.#open.set(process, open);
    open.push(host);
    const atHost = open.filter((each) => each === host).length;
    const { maxSessions, maxPerHost } = this.#caps;
    if (atHost > maxPerHost || open.length > maxSessions)
      this.#note("caps per host hold", `${process.name} has ${atHost} at ${host}, ${open.length} in all`);
  }

  /** A process has closed a session. */
  closes(process: SimulatedProcess, host: string): void {
    const open = this.#open.get(process);
    const at = open?.indexOf(host) ?? -1;
    if (at !== -1) open?.splice(at, 1);
  }

  /** A process connects with a host that is down. */
  tries(process: SimulatedProcess, host: string): void {
    const { now } = this.#computer.schedule;
    const outages = this.#outages.get(process) ?? new Map<string, { since: number; tries: number }>();
    this.#outages.set(process, outages);
    const outage = outages.get(host) ?? { since: now, tries: 0 };
    outages.set(host, outage);
    const minutes = (now - outage.since) / 60_000;
    // Those under way, once more while it is in doubt, and then one after pauses that double, up to half an hour.
    const most = 3 * this.#caps.maxPerHost + 4 + Math.log2(1 + minutes) + minutes / 27;
    if (++outage.tries > most)
      this.#note(
        "a host that is down is left alone",
        `${process.name}: ${outage.tries} times in ${minutes} minutes`,
      );
  }

  /** A host is back. */
  isBack(host: string): void {
    for (const outages of this.#outages.values()) outages.delete(host);
  }

  heard(process: SimulatedProcess, event: FetchEvent): void {
    const { schedule } = this.#computer;
    const due = this.#due.get(process) ?? new Map<string, number>();
    this.#due.set(process, due);
    const { mailbox } = event;
    if (event.type === "begin") {
      const time = due.get(mailbox) ?? 0;
      if (schedule.now + ROUNDING < time)
        this.#note(
          "a mailbox is not polled before its time",
          `${mailbox}: ${time - schedule.now} ms too early`,
        );
    }
    if (event.type !== "end" && event.type !== "failed") return;
    const report = event.type === "end" ? event.report : event.error.report;
    // Once the host is back, all may come.
    if (report.hostDown !== undefined) due.delete(mailbox);
    else due.set(mailbox, schedule.now + report.nextPollAt - this.#computer.wallTime());
  }

  #note(promised: Promised, what: string): void {
    this.#broken(new Violation(promised, what));
  }
}
