// Reports the commands and replies of a session, without secrets: as lines of the package `debug`, which is
// loaded only on request, and as events for a recorder.
import { channel, subscribe, unsubscribe } from "node:diagnostics_channel";
import type { Debugger } from "debug";

/**
 * One event on the wire. Secrets are masked in lines. The octets of a block are only valid during the event.
 */
export type WireEvent =
  | { readonly client: string }
  | { readonly server: string }
  | { readonly block: Buffer }
  | { readonly end: "block" };

const WIRE = "popwright:wire";
const events = channel(WIRE);

let wire: Debugger | undefined;

/**
 * Loads `debug` if the variable DEBUG is set (its own `enable()` sets it too). Otherwise does not load it,
 * because that takes longer than loading this whole package.
 */
export async function loadWireLog(): Promise<void> {
  if (wire !== undefined || (process.env["DEBUG"] ?? "") === "") return;
  const { default: createDebug } = await import("debug");
  wire = createDebug("popwright:wire");
}

/** Returns the log, if it is loaded and enabled. */
export function wireLog(): Debugger | undefined {
  return wire?.enabled === true ? wire : undefined;
}

/** Calls `hear` with every event of every session. Returns an unsubscribe function. */
export function hearWire(hear: (event: WireEvent) => void): () => void {
  const listener = (event: unknown): void => hear(event as WireEvent);
  subscribe(WIRE, listener);
  return () => unsubscribe(WIRE, listener);
}

/** Tests whether a recorder is subscribed. */
export function isRecorded(): boolean {
  return events.hasSubscribers;
}

export function record(event: WireEvent): void {
  events.publish(event);
}
