// Collects all that a session tells: the debug log, the events on the wire, and the traces of its commands.
import { channel, subscribe, tracingChannel, unsubscribe } from "node:diagnostics_channel";
import createDebug from "debug";
import { afterEach, beforeEach, expect } from "vitest";
import { visible } from "./secret.ts";

/** To be called at the top of a file. `log`: what was told in the current test. `keep`: adds anything else to it. */
export function keepSessionLog(): { readonly log: string[]; readonly keep: (event: unknown) => void } {
  const log: string[] = [];
  const keep = (event: unknown): void => void log.push(visible(event));
  const original = createDebug.log;
  const commands = tracingChannel("popwright:command");
  const traces = { start: keep, end: keep, asyncStart: keep, asyncEnd: keep, error: keep };

  beforeEach(() => {
    log.length = 0;
    createDebug.log = (...args: unknown[]) => void log.push(args.map(String).join(" "));
    createDebug.enable("popwright:*");
    subscribe("popwright:wire", keep);
    commands.subscribe(traces);
  });

  afterEach(() => {
    createDebug.disable();
    createDebug.log = original;
    unsubscribe("popwright:wire", keep);
    commands.unsubscribe(traces);
    expect(channel("popwright:wire").hasSubscribers).toBe(false);
  });
  return { log, keep };
}
