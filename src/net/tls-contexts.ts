// Shares secure contexts: connections with TLS options of equal values use one. To make a context, Node parses every
// certificate of `ca`, which with the bundle of an operating system takes longer than the rest of a poll.
import type { ConnectionOptions, SecureContext } from "node:tls";

/** The number of contexts to keep: one with a bundle takes about half a megabyte. */
const MOST = 64;
/** How long a context is kept after its last use, in milliseconds. It may hold the key of a client certificate. */
const IDLE = 60 * 60_000;

interface Kept {
  readonly context: SecureContext;
  /** Drops the context after {@link IDLE}. */
  readonly timer: NodeJS.Timeout;
}

/** Fingerprint of the options → context; the one used last is last. */
const contexts = new Map<string, Kept>();

/** Returns the context for options with this fingerprint. Throws if Node rejects the options. */
export function sharedContext(fingerprint: string, options: ConnectionOptions): SecureContext {
  const kept = contexts.get(fingerprint) ?? make(fingerprint, options);
  kept.timer.refresh();
  contexts.delete(fingerprint);
  contexts.set(fingerprint, kept);
  for (const [eldest, { timer }] of contexts) {
    if (contexts.size <= MOST) break;
    clearTimeout(timer);
    contexts.delete(eldest);
  }
  return kept.context;
}

function make(fingerprint: string, options: ConnectionOptions): Kept {
  const context = process.getBuiltinModule("node:tls").createSecureContext(options);
  const timer = setTimeout(() => contexts.delete(fingerprint), IDLE).unref();
  return { context, timer };
}
