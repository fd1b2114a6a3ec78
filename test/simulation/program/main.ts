// The program that a simulated process runs: it fetches mail as users do. It is bundled with the sources, and has
// nothing but what the simulated process gives it.
import type { Duplex } from "node:stream";
import type { Pop3LogFacts } from "popwright";
import {
  EmlFolder,
  FetchError,
  fetchMail,
  FileLedger,
  Maildir,
  Mbox,
  type Delivery,
  type Destination,
  type FetchPolicy,
  type FetchReport,
} from "../../../src/fetch/index.ts";

export type PlaceName = "Maildir" | "eml" | "mbox";

/** What the program is told, and whom it tells what it does. */
export interface Orders {
  readonly host: string;
  readonly user: string;
  readonly pass: string;
  readonly mailbox: string;
  readonly place: PlaceName;
  readonly policy: FetchPolicy;
  readonly connect: () => Promise<Duplex>;
  /** Whether log lines are made. */
  readonly logs: boolean;
  /** Called with each line that a user may read: events, errors and log lines. */
  readonly show: (line: string) => void;
  /** Called when a delivery begins. */
  readonly onBegin: (delivery: Delivery) => void;
}

/** The result of a run: its report, and its error if it has failed. */
export interface Polled {
  readonly report: FetchReport | undefined;
  readonly code: string | undefined;
  /** Whether the error is a `FetchError`, as promised. */
  readonly isFetchError: boolean;
  readonly error: string | undefined;
}

export interface Program {
  /** Runs once over the mailbox. */
  poll(): Promise<Polled>;
}

const PLACES: Readonly<Record<PlaceName, () => Destination>> = {
  Maildir: () => new Maildir("/mail"),
  eml: () => new EmlFolder("/mail"),
  mbox: () => new Mbox("/mail/inbox"),
};

function watched(destination: Destination, onBegin: Orders["onBegin"]): Destination {
  return {
    group: destination.group,
    begin: (...args) => {
      onBegin(args[0]);
      return destination.begin(...args);
    },
  };
}

export function start(orders: Orders): Program {
  const { host, user, pass, mailbox, policy, connect, logs, show, onBegin } = orders;
  const log = (facts: Pop3LogFacts, message: string): void => show(`${message} ${JSON.stringify(facts)}`);
  const destination = watched(PLACES[orders.place](), onBegin);
  const ledger = new FileLedger("/state");
  const account = {
    ...{ host, secure: false, stls: "never" as const, socket: connect },
    auth: { user, pass, mechanism: "PLAIN" },
    ...(logs ? { logger: { debug: log, info: log, warn: log, error: log } } : {}),
  };
  return {
    poll: async () => {
      const onEvent = (event: object): void => show(JSON.stringify(event, shown));
      try {
        const report = await fetchMail(account, { ledger, destination, policy, mailbox, onEvent });
        return { report, code: undefined, isFetchError: false, error: undefined };
      } catch (error) {
        const { report, code, cause } = error as Partial<FetchError>;
        const text = `${String(error)} ${causes(cause)}`;
        show(text);
        return { report, code, isFetchError: error instanceof FetchError, error: text };
      }
    },
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
