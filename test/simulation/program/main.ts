// The program that a simulated process runs: it fetches mail as users do. It is bundled with the sources, and has
// nothing but what the simulated process gives it.
import type { Duplex } from "node:stream";
import type { Pop3LogFacts } from "popwright";
import {
  deliverTo,
  EmlFolder,
  fetchAll,
  FetchError,
  fetchMail,
  FileLedger,
  Maildir,
  Mbox,
  type Delivery,
  type Destination,
  type FetchAccount,
  type FetchEvent,
  type FetchPolicy,
  type FetchReport,
  Webhook,
} from "../../../src/fetch/index.ts";
import { troubled, type Trouble } from "./troubled.ts";

export type PlaceName = "Maildir" | "eml" | "mbox" | "function" | "Webhook";

/** A mailbox that the program fetches from. */
export interface OrderedMailbox {
  readonly name: string;
  readonly host: string;
  readonly user: string;
  readonly connect: () => Promise<Duplex>;
}

/** What the program is told, and whom it tells what it does. */
export interface Orders {
  readonly mailboxes: readonly OrderedMailbox[];
  /** How `fetchAll` fetches. Without it, `fetchMail` fetches from the first mailbox. */
  readonly all:
    { readonly maxSessions: number; readonly maxPerHost: number; readonly lasts: number } | undefined;
  readonly pass: string;
  readonly place: PlaceName;
  readonly policy: FetchPolicy;
  /** What it may hold in memory; `undefined`: the defaults. */
  readonly memory:
    | {
        readonly window: number;
        readonly limit: number;
        readonly group: { readonly messages: number; readonly bytes: number };
      }
    | undefined;
  /** Whether log lines are made. */
  readonly logs: boolean;
  /** Called with each line that a user may read: events, errors and log lines. */
  readonly show: (line: string) => void;
  /** Called with each event of `fetchAll`. */
  readonly onEvent: (event: FetchEvent) => void;
  /** Called when a delivery begins. */
  readonly onBegin: (delivery: Delivery) => void;
  /** Hands a message to the receiver, which knows its keys. */
  readonly take: (key: string, octets: Buffer) => Promise<"new" | "known">;
  /** Says what goes wrong in the destination at a step of a delivery. Without it, nothing does. */
  readonly trouble: ((step: string) => Trouble | undefined) | undefined;
}

/** The result of a call. */
export interface Polled {
  /** "done", or what prevented that. */
  readonly outcome: string;
  /** When the next call is due, in milliseconds since 1970. */
  readonly nextPollAt: number | undefined;
  /** The error of the call, if it is not a `FetchError`, as promised. */
  readonly error: string | undefined;
}

export interface Program {
  /** Runs once over the mailbox, or, with `all`, runs the loop. */
  poll(): Promise<Polled>;
}

const PLACES: Readonly<Record<PlaceName, (orders: Orders) => Destination>> = {
  Maildir: ({ memory }) => new Maildir("/mail", memory && { group: memory.group }),
  eml: ({ memory }) => new EmlFolder("/mail", memory && { group: memory.group }),
  mbox: ({ memory }) => new Mbox("/mail/inbox", memory && { group: memory.group }),
  function: ({ take }) => deliverTo(({ key, octets }) => take(key, octets)),
  Webhook: () => new Webhook("http://receiver.simulated.test/mail", { allowPrivate: true }),
};

export function start(orders: Orders): Program {
  const destination = troubled(PLACES[orders.place](orders), orders);
  const ledger = new FileLedger("/state");
  const { all } = orders;
  return {
    poll: () =>
      all === undefined ? one(orders, ledger, destination) : many(orders, all, ledger, destination),
  };
}

function accountOf(
  { host, user, connect }: OrderedMailbox,
  { pass, logs, show, memory }: Orders,
): FetchAccount {
  const log = (facts: Pop3LogFacts, message: string): void => show(`${message} ${JSON.stringify(facts)}`);
  return {
    ...{ host, secure: false, stls: "never" as const, socket: connect },
    auth: { user, pass, mechanism: "PLAIN" },
    ...(memory && { pipelining: { octets: memory.window }, limits: { message: memory.limit } }),
    ...(logs ? { logger: { debug: log, info: log, warn: log } } : {}),
  };
}

async function one(orders: Orders, ledger: FileLedger, destination: Destination): Promise<Polled> {
  const { policy, show } = orders;
  const [target] = orders.mailboxes as readonly [OrderedMailbox];
  const onEvent = (event: object): void => show(JSON.stringify(event, shown));
  try {
    const options = { ledger, destination, policy, mailbox: target.name, onEvent };
    return reported(await fetchMail(accountOf(target, orders), options));
  } catch (error) {
    return failed(error, show);
  }
}

async function many(
  orders: Orders,
  { maxSessions, maxPerHost, lasts }: NonNullable<Orders["all"]>,
  ledger: FileLedger,
  destination: Destination,
): Promise<Polled> {
  const { mailboxes, policy, show } = orders;
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), lasts);
  if (lasts === 0) clearTimeout(timer);
  const targets = mailboxes.map((each) => ({ account: accountOf(each, orders), mailbox: each.name }));
  const results = new Map<string, Polled>();
  try {
    const options = { ledger, destination, policy, stop: stop.signal, maxSessions, maxPerHost };
    for await (const event of fetchAll(targets, { ...options, repeat: lasts > 0, retryFirst: true })) {
      show(JSON.stringify(event, shown));
      orders.onEvent(event);
      if (event.type === "end") results.set(event.mailbox, reported(event.report));
      if (event.type === "failed") results.set(event.mailbox, failed(event.error, show));
    }
  } catch (error) {
    return failed(error, show);
  } finally {
    clearTimeout(timer);
  }
  const each = [...results.values()];
  const outcomes = each.map(({ outcome }) => outcome).filter((outcome) => outcome !== "done");
  return {
    outcome: outcomes.length === 0 && each.length === mailboxes.length ? "done" : outcomes.join(", "),
    // Then it is time for all of them.
    nextPollAt: Math.max(...each.map(({ nextPollAt = 0 }) => nextPollAt)),
    error: each.find(({ error }) => error !== undefined)?.error,
  };
}

function reported({ failed: { length }, outcome, nextPollAt }: FetchReport): Polled {
  return { outcome: length === 0 ? outcome : "failed messages", nextPollAt, error: undefined };
}

function failed(error: unknown, show: (line: string) => void): Polled {
  const { report, code, cause } = error as Partial<FetchError>;
  const text = `${String(error)} ${causes(cause)}`;
  show(text);
  return {
    outcome: code ?? text,
    nextPollAt: report?.nextPollAt,
    error: error instanceof FetchError ? undefined : text,
  };
}

function causes(error: unknown): string {
  if (!(error instanceof Error)) return "";
  const { code = "" } = error as { readonly code?: string };
  return `<- ${code} ${error.message} ${causes(error.cause)}`;
}

function shown(_: string, value: unknown): unknown {
  return value instanceof Error ? `${String(value)} ${causes(value.cause)}` : value;
}
