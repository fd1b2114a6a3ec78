// The metrics of a worker, from its polls. No label has a mailbox in it: there are thousands of them.
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from "prom-client";
import type { FleetPoll, FleetStatus } from "popwright/bullmq";

/** What a worker counts. */
export class WorkerMetrics {
  readonly registry: Registry = new Registry();
  readonly #polls: Counter<"outcome" | "scope">;
  readonly #messages: Counter;
  readonly #octets: Counter;
  readonly #seconds: Histogram;
  readonly #lag: Histogram;
  readonly #fenced: Counter;

  constructor() {
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry });
    this.#polls = new Counter({
      name: "popwright_polls_total",
      help: "Polls by outcome, and of failed ones by what the error concerns",
      labelNames: ["outcome", "scope"],
      registers,
    });
    this.#messages = new Counter({ name: "popwright_messages_total", help: "Delivered messages", registers });
    this.#octets = new Counter({ name: "popwright_octets_total", help: "Retrieved bytes", registers });
    const buckets = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];
    this.#seconds = new Histogram({
      name: "popwright_poll_seconds",
      help: "Duration of a poll",
      buckets,
      registers,
    });
    this.#lag = new Histogram({
      name: "popwright_lag_seconds",
      help: "From when a mailbox was due until its poll began",
      buckets,
      registers,
    });
    this.#fenced = new Counter({
      name: "popwright_fenced_total",
      help: "Runs that had lost their mailbox, and changed nothing more",
      registers,
    });
  }

  polled({ outcome, report, error, lag, duration }: FleetPoll): void {
    const { scope = "none", code } = (error ?? {}) as { readonly scope?: string; readonly code?: string };
    this.#polls.inc({ outcome, scope });
    this.#messages.inc(report?.delivered ?? 0);
    this.#octets.inc(report?.octets ?? 0);
    this.#seconds.observe(duration / 1000);
    if (lag !== undefined) this.#lag.observe(lag / 1000);
    if (code === "POP3_LEASE_LOST") this.#fenced.inc();
  }
}

/** What the fleet as a whole is like. One process shows it. */
export class FleetMetrics {
  readonly registry: Registry = new Registry();
  readonly stalled: Counter;
  readonly #mailboxes: Gauge<"state">;
  readonly #sessions: Gauge<"host">;
  readonly #open: Gauge<"host">;
  readonly #oldest: Gauge;
  readonly #lag: Gauge;

  constructor() {
    const registers = [this.registry];
    this.stalled = new Counter({
      name: "popwright_engine_stalled_total",
      help: "Mailboxes that were taken from a worker that had died or was stopped",
      registers,
    });
    this.#mailboxes = new Gauge({
      name: "popwright_mailboxes",
      help: "Mailboxes by state",
      labelNames: ["state"],
      registers,
    });
    this.#sessions = new Gauge({
      name: "popwright_sessions",
      help: "Sessions with a host, over all workers",
      labelNames: ["host"],
      registers,
    });
    this.#open = new Gauge({
      name: "popwright_host_open",
      help: "1: the breaker of the host is open, because nothing could reach it",
      labelNames: ["host"],
      registers,
    });
    this.#oldest = new Gauge({
      name: "popwright_oldest_success_seconds",
      help: "The age of the last success of the mailbox that waits for one for the longest time",
      registers,
    });
    this.#lag = new Gauge({
      name: "popwright_oldest_due_seconds",
      help: "How long the mailbox has waited that was due first",
      registers,
    });
  }

  update({ states, hosts, lag }: FleetStatus, oldestSuccess: number): void {
    for (const [state, count] of Object.entries(states)) this.#mailboxes.set({ state }, count);
    this.#sessions.reset();
    this.#open.reset();
    for (const { host, taken, down } of hosts) {
      this.#sessions.set({ host }, taken);
      this.#open.set({ host }, down === undefined ? 0 : 1);
    }
    this.#oldest.set(oldestSuccess);
    this.#lag.set(lag / 1000);
  }
}
