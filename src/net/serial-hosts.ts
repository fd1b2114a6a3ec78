// Remembers the servers that broke a session while several commands were in flight. For a day, sessions with
// them send one command at a time. The list is shared by the whole process.
import { wallTime } from "../system/clock.ts";

/** 24 hours in milliseconds. After that, pipelining is tried again: the server may have been updated. */
const DAY = 24 * 60 * 60 * 1000;
/** The number of servers to remember; the oldest are forgotten first. */
const MOST = 10_000;

/** `host:port` → the end of the day, in milliseconds since 1970. */
const serialUntil = new Map<string, number>();

/** The server's address as in the options. */
export interface Host {
  readonly host: string;
  readonly port: number;
}

/**
 * Remembers that a server does not support several commands in flight. `until`: a time that was stored
 * earlier.
 */
export function rememberSerial(server: Host, until: number = wallTime() + DAY): void {
  const name = nameOf(server);
  // The clock may have been wrong when the time was stored.
  const time = Math.min(until, wallTime() + DAY);
  if (time <= (serialUntil.get(name) ?? 0) || time <= wallTime()) return;
  serialUntil.delete(name);
  serialUntil.set(name, time);
  for (const eldest of serialUntil.keys()) {
    if (serialUntil.size <= MOST) break;
    serialUntil.delete(eldest);
  }
}

/**
 * Returns the time until which a server gets one command at a time, in milliseconds since 1970. `undefined`:
 * several commands may be in flight.
 */
export function serialUntilOf(server: Host): number | undefined {
  const name = nameOf(server);
  const until = serialUntil.get(name);
  if (until === undefined) return undefined;
  const now = wallTime();
  // More than a day ahead: the clock was set back, so the entry is dropped.
  if (now < until && until <= now + DAY) return until;
  serialUntil.delete(name);
  return undefined;
}

function nameOf({ host, port }: Host): string {
  return `${host.toLowerCase()}:${String(port)}`;
}
