// Lets the mailboxes of a host that is down wait, while one after the other tries whether it is back. So an outage costs
// a few connections, and not one for each mailbox and poll, and no place that other hosts could use.
import { tlsFingerprint } from "../net/tls-fingerprint.ts";
import { authority } from "../net/authority.ts";
import { settle, sleep } from "../net/settle.ts";
import type { Account } from "../pool/account.ts";
import {
  Pop3ConnectionError,
  Pop3ProtocolError,
  Pop3ReplyError,
  type AnyPop3Error,
  type Pop3Error,
} from "../errors.ts";
import type { FetchEvent } from "./events.ts";
import type { CompletePauses } from "./plan/pauses.ts";
import { spreadPause } from "./plan/schedule.ts";
import { steadyTime, wallTime } from "../system/clock.ts";
import { random } from "../system/random.ts";

/** The first pause between two tries, in milliseconds. Each failed try doubles it, up to `poll.longest`. */
const FIRST_PAUSE = 60_000;

/** So that a pause of 0 stays a number, however often it is doubled. */
const MOST_DOUBLINGS = 40;

/**
 * How long a mailbox stays away that does not wait while it is in doubt whether its host is down, in milliseconds; half of
 * it to one and a half times as long.
 */
const DOUBT_PAUSE = 5000;

/** The right to begin a run. `isTry`: it finds out whether the host is back. */
export interface Pass {
  readonly isTry: boolean;
}

/** The host is down, and another mailbox tries whether it is back. */
export interface HostDown {
  readonly error: Pop3Error;
  /** When the next one tries, in milliseconds since 1970. */
  readonly nextPollAt: number;
}

/**
 * `"up"`: every mailbox may run. `"doubtful"`: one mailbox has failed, and another one tries at once, because the fault
 * may be in the options of the first. `"down"`: that has failed, too; there is a pause before each further try.
 */
type State = "up" | "doubtful" | "down";

interface Waiter {
  /** Whether it waits for its turn. If not, only until it is known whether the host is down. */
  readonly isPatient: boolean;
  readonly go: (pass: Pass | HostDown) => void;
}

/** One host, as some mailboxes reach it. */
export class HostGate {
  #state: State = "up";
  #error: Pop3Error | undefined;
  /** The failed tries since the host is down. */
  #failures = 0;
  /** The last pause between two tries, in milliseconds. */
  #pause = 0;
  /** When the next try may begin: by `performance.now()`, as the system clock may be set back. */
  #next = 0;
  /** The try that is under way. */
  #try: Pass | undefined;
  /** Those that wait, in the order in which they came. */
  readonly #waiters: Set<Waiter> = new Set();
  /** Ends the timer for the next try. */
  #timer: AbortController | undefined;

  /** Whether a run with this pass may still begin: the host may have failed while it waited for its session. */
  admits(pass: Pass): boolean {
    return this.#state === "up" || this.#try === pass;
  }

  /**
   * Resolves with the right to begin a run, or, if the host is down, with when the next mailbox tries. Waits only while
   * it is in doubt. Rejects with `POP3_ABORTED`.
   */
  enter(signal: AbortSignal): Promise<Pass | HostDown> {
    return this.#wait(false, signal);
  }

  /** Waits for the right to begin a run: until the host is back, or it is the turn to try. Rejects as `enter` does. */
  async turn(signal: AbortSignal): Promise<Pass> {
    return (await this.#wait(true, signal)) as Pass;
  }

  /** Returns the right to begin a run, or when to come again. Does not wait, also not while it is in doubt. */
  ask(): Pass | HostDown {
    if (this.#state === "up") return { isTry: false };
    const isDue = this.#state === "doubtful" || this.#next <= steadyTime();
    if (this.#try === undefined && isDue) return (this.#try = { isTry: true });
    const { error, nextPollAt } = this.#down;
    return { error, nextPollAt: Math.max(nextPollAt, wallTime() + DOUBT_PAUSE * (0.5 + random())) };
  }

  /** Why the host is down, and when the next mailbox tries; `undefined`: it is not known to be down. */
  get outage(): HostDown | undefined {
    return this.#state === "down" ? this.#down : undefined;
  }

  get isUp(): boolean {
    return this.#state === "up";
  }

  /** Learns from an event of a run. `poll`: the pauses of its mailbox. */
  heard(event: FetchEvent, pass: Pass, poll: CompletePauses): void {
    if (event.type === "listed") this.#isUp();
    if (event.type !== "failed") return;
    const { scope, code, cause } = event.error;
    // A host without a free place was not asked.
    if (scope === "host" && code !== "POP3_HOST_BUSY") this.#failed(cause as AnyPop3Error, pass, poll);
    else if (scope === "mailbox" && isOfServer(cause)) this.#isUp();
  }

  /** To be called after each run. A try that has found out nothing is followed by another one at once. */
  leave(pass: Pass): void {
    if (this.#try !== pass) return;
    this.#try = undefined;
    this.#wake();
  }

  /** When a mailbox of this host may be polled that is due at `time`; both in milliseconds since 1970. */
  notBefore(time: number): number {
    return this.#state === "down" ? Math.max(time, this.#down.nextPollAt) : time;
  }

  get #down(): HostDown {
    // If the try under way fails, at least the same pause follows.
    const least = this.#try === undefined ? 0 : this.#pause;
    const left = Math.max(least, this.#next - steadyTime());
    // A millisecond later than necessary: the system clock counts whole ones.
    return { error: this.#error as Pop3Error, nextPollAt: Math.ceil(wallTime() + left) + 1 };
  }

  #wait(isPatient: boolean, signal: AbortSignal): Promise<Pass | HostDown> {
    return settle(signal, undefined, (resolve) => {
      const waiter = { isPatient, go: resolve };
      this.#waiters.add(waiter);
      this.#wake();
      return () => {
        this.#waiters.delete(waiter);
        if (this.#waiters.size === 0) this.#timer?.abort();
      };
    });
  }

  #isUp(): void {
    this.#state = "up";
    this.#try = undefined;
    this.#failures = 0;
    this.#wake();
  }

  #failed(error: Pop3Error, pass: Pass, poll: CompletePauses): void {
    this.#error = error;
    if (this.#state === "up") {
      this.#state = "doubtful";
    } else if (this.#state === "doubtful" || this.#try === pass) {
      // Runs that began before the host was down say nothing new.
      const first = Math.min(FIRST_PAUSE, poll.shortest);
      const pause = Math.min(
        poll.afterFailure ?? poll.longest,
        first * 2 ** Math.min(MOST_DOUBLINGS, this.#failures++),
      );
      this.#state = "down";
      this.#pause = Math.ceil(spreadPause({ ...poll, shortest: first }, pause, random));
      this.#next = steadyTime() + this.#pause;
    }
    if (this.#try === pass) this.#try = undefined;
    this.#wake();
  }

  /** Lets through all that may go: each one, or the next one that tries, when the pause is over. */
  #wake(): void {
    this.#timer?.abort();
    if (this.#state === "up") {
      for (const waiter of this.#waiters) this.#let(waiter, { isTry: false });
      return;
    }
    const left = this.#state === "down" ? this.#next - steadyTime() : 0;
    const [first] = this.#waiters;
    if (first !== undefined && this.#try === undefined && left <= 0) {
      this.#try = { isTry: true };
      this.#let(first, this.#try);
    }
    if (this.#state !== "down") return;
    for (const waiter of this.#waiters) if (!waiter.isPatient) this.#let(waiter, this.#down);
    if (this.#waiters.size > 0 && this.#try === undefined) void this.#wakeAfter(left);
  }

  async #wakeAfter(milliseconds: number): Promise<void> {
    const timer = (this.#timer = new AbortController());
    await sleep(milliseconds, timer.signal);
    if (!timer.signal.aborted) this.#wake();
  }

  #let(waiter: Waiter, result: Pass | HostDown): void {
    this.#waiters.delete(waiter);
    waiter.go(result);
  }
}

/** Whether the server itself has answered, or was there and went away. */
function isOfServer(cause: unknown): boolean {
  return Pop3ReplyError.is(cause) || Pop3ProtocolError.is(cause) || Pop3ConnectionError.is(cause);
}

/** The gates of the hosts that have mailboxes, or are down. */
export class HostGates {
  readonly #gates: Map<string, { readonly host: string; readonly gate: HostGate; mailboxes: number }> =
    new Map();

  /**
   * Returns the gate of an account. Accounts share it if they reach the host in the same way: with another proxy or
   * certificate, one may fail and the other not. Call `done` when the mailbox is no longer polled.
   */
  of(account: Account): { readonly gate: HostGate; readonly done: () => void } {
    const name = wayOf(account);
    const entry = this.#gates.get(name) ?? { host: account.host, gate: new HostGate(), mailboxes: 0 };
    this.#gates.set(name, entry);
    entry.mailboxes++;
    return {
      gate: entry.gate,
      done: () => {
        if (--entry.mailboxes === 0 && entry.gate.isUp) this.#gates.delete(name);
      },
    };
  }

  /** The hosts that are down. A host may be there more than once, as mailboxes reach it in different ways. */
  get down(): readonly ({ readonly host: string } & HostDown)[] {
    return [...this.#gates.values()].flatMap(({ host, gate: { outage } }) =>
      outage === undefined ? [] : [{ host, ...outage }],
    );
  }
}

function wayOf({ host, settings }: Account): string {
  const { port, secure, stls, tls, proxy, family } = settings;
  const via = proxy === undefined ? "" : `${proxy.kind}//${authority(proxy)}`;
  return JSON.stringify([host, port, secure, stls, via, family, tlsFingerprint(tls)]);
}
