// What sessions must not leave in the process: memory, handles, listeners, warnings, rejections, calls without an end.
import { tracingChannel } from "node:diagnostics_channel";
import { setImmediate as turn } from "node:timers/promises";
import { getHeapSpaceStatistics } from "node:v8";

/** What the process holds. */
export interface Base {
  /** Octets, without garbage. */
  readonly heap: number;
  readonly handles: ReadonlyMap<string, number>;
  readonly listeners: number;
}

const EVENTS = ["unhandledRejection", "uncaughtException", "warning"] as const;
/** How long handles may take to close; milliseconds. */
const CLOSING = 5000;

export class Watch {
  readonly problems: string[] = [];
  readonly #over: WeakSet<object> = new WeakSet();
  #open = 0;

  readonly #onUnheard = (error: unknown): void => {
    this.problems.push(`unhandled: ${String(error)}`);
  };
  readonly #subscriber = {
    start: () => this.#open++,
    end: () => undefined,
    error: () => undefined,
    asyncStart: () => undefined,
    asyncEnd: (trace: object) => {
      this.#open--;
      if (this.#over.has(trace)) this.problems.push("a call has ended twice");
      this.#over.add(trace);
    },
  };
  readonly #channels = ["popwright:command", "popwright:session"].map((name) =>
    tracingChannel<unknown, object>(name),
  );

  constructor() {
    for (const event of EVENTS) process.on(event, this.#onUnheard);
    for (const channel of this.#channels) channel.subscribe(this.#subscriber);
  }

  [Symbol.dispose](): void {
    for (const event of EVENTS) process.off(event, this.#onUnheard);
    for (const channel of this.#channels) channel.unsubscribe(this.#subscriber);
  }

  /** Looks at what is there, when everything that is about to close has closed. */
  async look(): Promise<Base> {
    const since = performance.now();
    while (sockets(handles()) > 0 && performance.now() - since < CLOSING) await turn();
    if (this.#open !== 0) this.problems.push(`${this.#open} calls have not ended`);
    for (let round = 0; round < 4; round++) {
      await turn();
      global.gc?.();
    }
    const listeners = process.eventNames().reduce((sum, event) => sum + process.listenerCount(event), 0);
    return { heap: heap(), handles: handles(), listeners };
  }

  /** What is open or listens now and did not before. */
  compare(base: Base, now: Base): string[] {
    const wrong: string[] = [];
    if (now.listeners > base.listeners)
      wrong.push(`${now.listeners - base.listeners} listeners on the process`);
    for (const [kind, count] of now.handles)
      if (count > (base.handles.get(kind) ?? 0))
        wrong.push(`${count - (base.handles.get(kind) ?? 0)} x ${kind} left open`);
    return wrong;
  }
}

/** Without compiled code, of which there is more as long as the compiler finds something to be made faster. */
function heap(): number {
  const spaces = getHeapSpaceStatistics().filter(({ space_name: name }) => !name.includes("code"));
  return spaces.reduce((sum, { space_used_size: size }) => sum + size, 0);
}

/** Without immediates: one that is pending now has run after the next turn of the event loop, so none stays open. */
function handles(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo())
    if (kind !== "Immediate") counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
}

function sockets(counts: ReadonlyMap<string, number>): number {
  return [...counts]
    .filter(([kind]) => /^(?:TCP|TLS|Timeout)/.test(kind))
    .reduce((sum, [, count]) => sum + count, 0);
}
