// Whose turn it is: of all calls that wait, the oldest whose maildrop is free and whose host has room. So a busy host
// holds up nobody else, and nobody is passed by for ever.
import { Pop3Error } from "../errors.ts";
import { throwIfAborted } from "../net/failures.ts";
import { settle } from "../net/settle.ts";
import { Heap, type Ranked } from "./heap.ts";

export interface SchedulerLimits {
  /** Turns at a time. */
  readonly all: number;
  /** Turns at a time on one host. */
  readonly perHost: number;
  /** Calls that may wait. */
  readonly waiting: number;
}

/** What a turn is wanted for. */
export interface PermitKey {
  /** Has one turn at a time. It is on one host, always the same. */
  readonly maildrop: string;
  readonly host: string;
}

/** The right to a session: with the maildrop, a place on its host, and a place among all. */
export interface Permit {
  /** Gives everything back. More than once does no harm. */
  release(): void;
  /** Gives the places back, and keeps the maildrop. */
  pause(): void;
  /**
   * Behind `pause`: waits for places again, ahead of whoever came later. Where it rejects, with `POP3_ABORTED` or
   * `POP3_POOL_CLOSED`, the turn is still paused.
   */
  resume(signal?: AbortSignal): Promise<void>;
}

interface Host extends Ranked {
  readonly name: string;
  /** Calls for it, waiting or not. */
  calls: number;
  /** Turns that have a place on it. */
  active: number;
  /** Who waits for a place, and for nothing else. */
  readonly ready: Heap<Call>;
}

interface Call extends Ranked {
  /** Older calls have lower ones. */
  readonly number: number;
  readonly maildrop: string;
  readonly host: Host;
  /** `new`: it has never had the turn. */
  state: "new" | "active" | "paused" | "over";
  /** Where it waits: for the maildrop, or for a place. */
  line: Heap<Call> | undefined;
  go: () => void;
  refuse: (error: Error) => void;
}

export class Scheduler {
  readonly #limits: SchedulerLimits;
  readonly #hosts: Map<string, Host> = new Map();
  /** The maildrops that somebody has, or has the next right to; and who waits behind. */
  readonly #maildrops: Map<string, Heap<Call>> = new Map();
  /** The hosts that have room and are waited for, by the oldest call. */
  readonly #open: Heap<Host> = new Heap((a, b) => older(a.ready.first as Call, b.ready.first as Call));
  readonly #waiting: Set<Call> = new Set();
  #calls = 0;
  #active = 0;
  /** Turns that were not given back yet. */
  #turns = 0;
  #closed: Promise<void> | undefined;
  #emptied: () => void = () => undefined;

  constructor(limits: SchedulerLimits) {
    this.#limits = limits;
  }

  /** Turns that have a place. */
  get active(): number {
    return this.#active;
  }

  /** Calls that wait for a turn, or to go on with one. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Turns that have a place on a host. */
  activeOn(host: string): number {
    return this.#hosts.get(host)?.active ?? 0;
  }

  /**
   * Waits for a turn, if need be. Rejects with `POP3_ABORTED`, with `POP3_POOL_FULL` where too many wait already,
   * and with `POP3_POOL_CLOSED`.
   */
  async take(key: PermitKey, signal?: AbortSignal): Promise<Permit> {
    throwIfAborted(signal);
    if (this.#closed !== undefined) throw closed();
    if (!this.#free(key) && this.#waiting.size >= this.#limits.waiting) throw full();
    const call = this.#call(key);
    await this.#wait(call, signal);
    return {
      release: () => {
        this.#release(call);
      },
      pause: () => {
        this.#pause(call);
      },
      resume: (signal) => this.#resume(call, signal),
    };
  }

  /**
   * Refuses whoever waits, and whoever comes, with `POP3_POOL_CLOSED`. Resolves when every turn was given back. More
   * than once does no harm.
   */
  close(): Promise<void> {
    this.#closed ??= new Promise((resolve) => {
      this.#emptied = resolve;
      if (this.#turns === 0) resolve();
    });
    for (const call of [...this.#waiting]) call.refuse(closed());
    return this.#closed;
  }

  /** Whether a turn can be had at once: where there is room, nobody waits for it. */
  #free({ maildrop, host }: PermitKey): boolean {
    const { all, perHost } = this.#limits;
    return !this.#maildrops.has(maildrop) && this.#active < all && this.activeOn(host) < perHost;
  }

  #call({ maildrop, host: name }: PermitKey): Call {
    let host = this.#hosts.get(name);
    if (host === undefined) {
      host = { name, calls: 0, active: 0, ready: new Heap(older), place: -1 };
      this.#hosts.set(name, host);
    }
    host.calls++;
    const none = (): void => undefined;
    const number = this.#calls++;
    return { number, maildrop, host, state: "new", line: undefined, place: -1, go: none, refuse: none };
  }

  #wait(call: Call, signal: AbortSignal | undefined): Promise<void> {
    return settle(signal, undefined, (resolve, reject) => {
      call.go = resolve;
      call.refuse = reject;
      this.#waiting.add(call);
      this.#lineUp(call);
      this.#next();
      return () => {
        this.#leave(call);
      };
    });
  }

  /** Behind others for the same maildrop, or among those who wait for a place. */
  #lineUp(call: Call): void {
    const others = this.#maildrops.get(call.maildrop);
    if (call.state === "new" && others !== undefined) {
      call.line = others;
      others.add(call);
      return;
    }
    if (others === undefined) this.#maildrops.set(call.maildrop, new Heap(older));
    this.#getReady(call);
  }

  #getReady(call: Call): void {
    call.line = call.host.ready;
    call.line.add(call);
    this.#rank(call.host);
  }

  /** Gives places to whoever may have them. */
  #next(): void {
    while (this.#active < this.#limits.all && this.#closed === undefined) {
      const host = this.#open.first;
      const call = host?.ready.first;
      if (host === undefined || call === undefined) return;
      this.#unline(call);
      if (call.state === "new") this.#turns++;
      call.state = "active";
      this.#active++;
      host.active++;
      this.#rank(host);
      call.go();
    }
  }

  /** Nobody waits here any more: it was its turn, or it has given up. */
  #unline(call: Call): void {
    this.#waiting.delete(call);
    call.line?.delete(call);
    call.line = undefined;
    this.#rank(call.host);
  }

  /** Gives up waiting. Nobody else can go by that: it waited for a place that the others lack as well. */
  #leave(call: Call): void {
    const next = call.line === call.host.ready;
    this.#unline(call);
    if (call.state === "new") {
      if (next) this.#passOn(call.maildrop);
      this.#over(call);
    }
  }

  /** The maildrop goes to the oldest who waits for it. */
  #passOn(maildrop: string): void {
    const line = this.#maildrops.get(maildrop);
    const heir = line?.first;
    if (heir === undefined) {
      this.#maildrops.delete(maildrop);
    } else {
      line?.delete(heir);
      this.#getReady(heir);
    }
  }

  #release(call: Call): void {
    if (call.state === "over") return;
    if (this.#waiting.has(call)) call.refuse(givenBack());
    this.#vacate(call);
    this.#over(call);
    // All that is given back, before anybody gets of it: the oldest may wait for any of it.
    this.#passOn(call.maildrop);
    this.#next();
    this.#turns--;
    if (this.#turns === 0) this.#emptied();
  }

  #pause(call: Call): void {
    if (call.state !== "active") return;
    this.#vacate(call);
    this.#next();
  }

  /** Gives the places back. */
  #vacate(call: Call): void {
    if (call.state !== "active") return;
    call.state = "paused";
    this.#active--;
    call.host.active--;
    this.#rank(call.host);
  }

  async #resume(call: Call, signal: AbortSignal | undefined): Promise<void> {
    if (call.state === "over") throw givenBack();
    if (call.state === "active") return;
    if (this.#closed !== undefined) throw closed();
    await this.#wait(call, signal);
  }

  #over(call: Call): void {
    call.state = "over";
    const { host } = call;
    if (--host.calls === 0) this.#hosts.delete(host.name);
  }

  /** Finds the place of a host among those that have room and are waited for. */
  #rank(host: Host): void {
    const wanted = host.active < this.#limits.perHost && host.ready.first !== undefined;
    if (!wanted) this.#open.delete(host);
    else if (host.place === -1) this.#open.add(host);
    else this.#open.moved(host);
  }
}

function older(a: Call, b: Call): boolean {
  return a.number < b.number;
}

/** What every call gets that has no turn when it is closed. */
export function closed(): Pop3Error {
  return new Pop3Error("POP3_POOL_CLOSED", "the pool was closed before a session was to be had");
}

function full(): Pop3Error {
  return new Pop3Error("POP3_POOL_FULL", "as many calls wait for a session as may");
}

function givenBack(): Pop3Error {
  return new Pop3Error("POP3_STATE", "the turn was given back");
}
