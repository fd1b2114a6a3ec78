// What the processes of the fleet's benchmark tell each other.

/** The addresses of the hosts. All are in one process. */
export const HOSTS: readonly string[] = ["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"];

export const PASS = "secret";
/** Mailboxes that a process polls at a time. */
export const CONCURRENCY = 50;

/** `"full"`: the server refuses to resume sessions. */
export type Tls = "none" | "full" | "resumed";

/** What each process is told in the variable `FLEET`. */
export interface Order {
  readonly mailboxes: number;
  readonly tls: Tls;
  /** The certificate of the hosts, and its key. */
  readonly cert: string;
  readonly key: string;
  /** The ports of the hosts, and of Redis. */
  readonly ports: readonly number[];
  readonly redis: number;
}

/** What was done since the last question. */
export interface Counted {
  readonly polls: number;
  readonly failures: number;
  /** Milliseconds of this process. */
  readonly cpu: number;
  /** How late the polls began, in milliseconds. */
  readonly lags: readonly number[];
}

/** A question to a worker: sets the pause between two polls of a mailbox in milliseconds, and counts from now on. */
export interface Question {
  readonly pause: number;
}

export function order(): Order {
  return JSON.parse(process.env["FLEET"] ?? "") as Order;
}

/** The mailbox with this number, and the number of its host. */
export function boxOf(number: number): { readonly id: string; readonly host: number } {
  return { id: `box${String(number)}`, host: number % HOSTS.length };
}

/** How a client reaches a mailbox. */
export function accountOf(
  id: string,
  { ports, tls, cert }: Order,
): {
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
  readonly stls: "never";
  readonly tls: { readonly ca: string };
  readonly auth: { readonly user: string; readonly pass: string; readonly mechanism: "PLAIN" };
} {
  const { host } = boxOf(Number(id.slice("box".length)));
  const secure = tls !== "none";
  return {
    host: HOSTS[host] as string,
    port: ports[host] as number,
    secure,
    stls: "never",
    tls: { ca: cert },
    auth: { user: id, pass: PASS, mechanism: "PLAIN" },
  };
}

/** The CPU time of this process in milliseconds. */
export function cpuTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
