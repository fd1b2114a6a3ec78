// The commands and replies of a session: as lines of `debug`, which is loaded only where somebody asked for them, and
// as events for who records a session.
import { channel, subscribe, unsubscribe } from "node:diagnostics_channel";
import type { Debugger } from "debug";

/** What went over the wire, in the form that may be shown; octets of a block are good until the event is over. */
export type WireEvent =
  | { readonly client: string }
  | { readonly server: string }
  | { readonly block: Buffer }
  | { readonly end: "block" };

const WIRE = "popwright:wire";
const events = channel(WIRE);

let wire: Debugger | undefined;

/**
 * Loads `debug` where it has something to print: its own `enable()` sets the variable, too. Otherwise nothing is
 * loaded, as it takes longer than all the rest of us.
 */
export async function loadWireLog(): Promise<void> {
  if (wire !== undefined || (process.env["DEBUG"] ?? "") === "") return;
  const { default: createDebug } = await import("debug");
  wire = createDebug("popwright:wire");
}

/** The log, where it is loaded and switched on. */
export function wireLog(): Debugger | undefined {
  return wire?.enabled === true ? wire : undefined;
}

/** Calls `hear` with all that goes over the wire of every session, until what it returns is called. */
export function hearWire(hear: (event: WireEvent) => void): () => void {
  const listener = (event: unknown): void => hear(event as WireEvent);
  subscribe(WIRE, listener);
  return () => unsubscribe(WIRE, listener);
}

/** Tells who records; `false`: nobody does. */
export function isRecorded(): boolean {
  return events.hasSubscribers;
}

export function record(event: WireEvent): void {
  events.publish(event);
}
