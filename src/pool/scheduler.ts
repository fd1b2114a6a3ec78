// Grants permits to calls, within the limits. The next permit goes to the oldest call whose maildrop is free
// and whose host is below its limit. A busy host blocks no other host, and no call starves.
import { Pop3Error } from "../errors.ts";
import { throwIfAborted } from "../net/failures.ts";
import { settle } from "../net/settle.ts";
import { Heap, type Ranked } from "./heap.ts";

export interface SchedulerLimits {
  /** Maximum number of active permits. */
  readonly all: number;
  /** Maximum number of active permits per host. */
  readonly perHost: number;
  /** Maximum number of waiting calls. */
  readonly waiting: number;
}

/** What a permit is for. */
export interface PermitKey {
  /** Has one permit at a time. A maildrop must always have the same host. */
  readonly maildrop: string;
  readonly host: string;
}

/** The right to open a session. It holds the maildrop, a host slot and a pool slot. */
export interface Permit {
  /** Releases the maildrop and both slots. May be called more than once. */
  release(): void;
  /** Releases both slots, but keeps the maildrop. */
  pause(): void;
  /**
   * After `pause`: waits for both slots again, before all later calls. If it rejects, with `POP3_ABORTED` or
   * `POP3_POOL_CLOSED`, the permit is still paused.
   */
  resume(signal?: AbortSignal): Promise<void>;
}

interface Host extends Ranked {
  readonly name: string;
  /** Calls for this host, waiting or not. */
  calls: number;
  /** The number of permits in use for this host. */
  active: number;
  /** Calls that have their maildrop and wait only for slots. */
  readonly ready: Heap<Call>;
}

interface Call extends Ranked {
  /** Sequence number; older calls have lower numbers. */
  readonly number: number;
  readonly maildrop: string;
  readonly host: Host;
  /** `new`: it has not had a permit yet. */
  state: "new" | "active" | "paused" | "released";
  /** The heap in which it waits: for the maildrop, or for slots. */
  line: Heap<Call> | undefined;
  go: () => void;
  refuse: (error: Error) => void;
}

export class Scheduler {
  readonly #limits: SchedulerLimits;
  readonly #hosts: Map<string, Host> = new Map();
  /** Maildrop → calls that wait for it. Has an entry if a call holds the maildrop or gets it next. */
  readonly #maildrops: Map<string, Heap<Call>> = new Map();
  /** The hosts with a free slot and a waiting call; the host of the oldest call first. */
  readonly #open: Heap<Host> = new Heap((a, b) => older(a.ready.first as Call, b.ready.first as Call));
  readonly #waiting: Set<Call> = new Set();
  #calls = 0;
  #active = 0;
  /** Permits that are not released yet, active or paused. */
  #permits = 0;
  #closed: Promise<void> | undefined;
  #emptied: () => void = () => undefined;

  constructor(limits: SchedulerLimits) {
    this.#limits = limits;
  }

  /** Permits that hold slots. */
  get active(): number {
    return this.#active;
  }

  /** Calls that wait for a permit, or to resume one. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Permits that hold a slot of a host. */
  activeOn(host: string): number {
    return this.#hosts.get(host)?.active ?? 0;
  }

  /**
   * Waits for a permit. Rejects with `POP3_ABORTED`, with `POP3_POOL_CLOSED`, and with `POP3_POOL_FULL` if
   * too many calls already wait.
   */
  async take(key: PermitKey, signal?: AbortSignal): Promise<Permit> {
    throwIfAborted(signal);
    if (this.#closed !== undefined) throw closed();
    if (!this.#free(key) && this.#waiting.size >= this.#limits.waiting) throw full(this.#limits.waiting);
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
   * Rejects all waiting and all later calls with `POP3_POOL_CLOSED`. Resolves when every permit is released.
   * May be called more than once.
   */
  close(): Promise<void> {
    this.#closed ??= new Promise((resolve) => {
      this.#emptied = resolve;
      if (this.#permits === 0) resolve();
    });
    for (const call of [...this.#waiting]) call.refuse(closed());
    return this.#closed;
  }

  /** Returns whether a permit is available at once. No other call waits for slots that are free. */
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
        this.#cancel(call);
      };
    });
  }

  /** Queues the call for its maildrop if that is taken, otherwise for slots. */
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

  /** Grants permits while slots are free. */
  #next(): void {
    while (this.#active < this.#limits.all && this.#closed === undefined) {
      const host = this.#open.first;
      const call = host?.ready.first;
      if (host === undefined || call === undefined) return;
      this.#leaveLine(call);
      if (call.state === "new") this.#permits++;
      call.state = "active";
      this.#active++;
      host.active++;
      this.#rank(host);
      call.go();
    }
  }

  /** Removes a call from its queue: it got a permit or was cancelled. */
  #leaveLine(call: Call): void {
    this.#waiting.delete(call);
    call.line?.delete(call);
    call.line = undefined;
    this.#rank(call.host);
  }

  /** Cancels a wait. It frees no slot, so no other call becomes runnable. */
  #cancel(call: Call): void {
    const next = call.line === call.host.ready;
    this.#leaveLine(call);
    if (call.state === "new") {
      if (next) this.#passOn(call.maildrop);
      this.#finish(call);
    }
  }

  /** Passes the maildrop to the oldest call that waits for it. */
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
    if (call.state === "released") return;
    if (this.#waiting.has(call)) call.refuse(givenBack());
    this.#vacate(call);
    this.#finish(call);
    // Release maildrop, host slot and pool slot before waking any call: the oldest may wait for any of them.
    this.#passOn(call.maildrop);
    this.#next();
    this.#permits--;
    if (this.#permits === 0) this.#emptied();
  }

  #pause(call: Call): void {
    if (call.state !== "active") return;
    this.#vacate(call);
    this.#next();
  }

  /** Releases the slots. */
  #vacate(call: Call): void {
    if (call.state !== "active") return;
    call.state = "paused";
    this.#active--;
    call.host.active--;
    this.#rank(call.host);
  }

  async #resume(call: Call, signal: AbortSignal | undefined): Promise<void> {
    if (call.state === "released") throw givenBack();
    if (call.state === "active") return;
    if (this.#closed !== undefined) throw closed();
    await this.#wait(call, signal);
  }

  #finish(call: Call): void {
    call.state = "released";
    const { host } = call;
    if (--host.calls === 0) this.#hosts.delete(host.name);
  }

  /** Updates the place of a host in `#open`. */
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

/** Creates the error for calls without a session when the pool is closed. */
export function closed(): Pop3Error {
  return new Pop3Error("POP3_POOL_CLOSED", "the pool is closed: no session was opened for the call");
}

function full(waiting: number): Pop3Error {
  return new Pop3Error(
    "POP3_POOL_FULL",
    `the pool's queue is full: the limit is ${String(waiting)} waiting calls (maxWaiting)`,
  );
}

function givenBack(): Pop3Error {
  return new Pop3Error("POP3_STATE", "the permit was already released");
}
