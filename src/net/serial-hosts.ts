// The servers that broke a session in which several commands were in flight. For a day, sessions with them send one
// command at a time. Kept for the whole process.

/** Milliseconds: 24 hours. A server that was updated is tried again then. */
const DAY = 24 * 60 * 60 * 1000;
/** The most servers that are remembered; the eldest are forgotten first. */
const MOST = 10_000;

/** `host:port` → until when; milliseconds since 1970. */
const serialUntil = new Map<string, number>();

/** A server, as the options name it. */
export interface Host {
  readonly host: string;
  readonly port: number;
}

/** Remembers that a server cannot take several commands at once. `until`: as it was remembered before, elsewhere. */
export function rememberSerial(server: Host, until: number = Date.now() + DAY): void {
  const name = nameOf(server);
  // The clock may have been wrong when it was written down.
  const time = Math.min(until, Date.now() + DAY);
  if (time <= (serialUntil.get(name) ?? 0) || time <= Date.now()) return;
  serialUntil.delete(name);
  serialUntil.set(name, time);
  for (const eldest of serialUntil.keys()) {
    if (serialUntil.size <= MOST) break;
    serialUntil.delete(eldest);
  }
}

/** Until when a server gets one command at a time: milliseconds since 1970; `undefined`: it may get several. */
export function serialUntilOf(server: Host): number | undefined {
  const name = nameOf(server);
  const until = serialUntil.get(name);
  if (until === undefined) return undefined;
  const now = Date.now();
  // Longer than a day: the clock was put back.
  if (now < until && until <= now + DAY) return until;
  serialUntil.delete(name);
  return undefined;
}

function nameOf({ host, port }: Host): string {
  return `${host.toLowerCase()}:${String(port)}`;
}
