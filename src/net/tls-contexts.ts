// Shares secure contexts: connections with TLS options of equal values use one. To make a context, Node parses every
// certificate of `ca`, which with the bundle of an operating system takes longer than the rest of a poll.
import type { ConnectionOptions, SecureContext } from "node:tls";
import { steadyTime } from "../system/clock.ts";

/** The number of contexts to keep: one with a bundle takes about half a megabyte. */
const MOST = 64;
/**
 * How long a context is kept after its last use, in milliseconds, because it may hold the key of a client certificate.
 * It is dropped when the next context is asked for: a timer would have to be armed for each connection.
 */
const IDLE = 60 * 60_000;

interface Kept {
  readonly context: SecureContext;
  /** The time of its last use, in milliseconds (`performance.now()`). */
  readonly used: number;
}

/** Fingerprint of the options → context; the one used last is last. */
const contexts = new Map<string, Kept>();

/** Returns the context for options with this fingerprint. Throws if Node rejects the options. */
export function sharedContext(fingerprint: string, options: ConnectionOptions): SecureContext {
  const used = steadyTime();
  for (const [eldest, kept] of contexts) {
    if (used - kept.used < IDLE) break;
    contexts.delete(eldest);
  }
  const context =
    contexts.get(fingerprint)?.context ?? process.getBuiltinModule("node:tls").createSecureContext(options);
  contexts.delete(fingerprint);
  contexts.set(fingerprint, { context, used });
  const [eldest] = contexts.keys();
  if (contexts.size > MOST && eldest !== undefined) contexts.delete(eldest);
  return context;
}
