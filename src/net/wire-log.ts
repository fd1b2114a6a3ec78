// The commands and replies of a session as lines of `debug`, which is loaded only where somebody asked for them.
import type { Debugger } from "debug";

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
