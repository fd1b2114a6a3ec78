// How much a process may read from mail servers while its destination is slow: what it reads in this time, it holds.
import { SOCKET_READS } from "./network.ts";
import type { Scenario } from "./scenario.ts";

/** In octets. */
export interface Bounds {
  /** While the destination does not take the message that has come. */
  readonly busy: number;
  /** While it does not commit a message: others may come, as many as may be underway. */
  readonly commit: number;
}

/** What is held of a message for a reader that is slow; octets. */
const HELD = 128 * 1024;

/** The chunk with which a limit is exceeded, the one that a paused socket has read, and the one that it reads next. */
const CHUNKS = 3 * SOCKET_READS;

export function boundsOf({ wide, server, place }: Scenario): Bounds {
  const memory = wide?.memory;
  if (memory === undefined) return { busy: Infinity, commit: Infinity };
  const { window, limit, group } = memory;
  // If a server says too little about sizes, more comes ahead: as much as one message may have.
  const isHonest = server.wrongSizes > -1000;
  const ahead = isHonest ? window : Math.max(window, limit);
  const busy = Math.max(ahead, HELD) + CHUNKS;
  const isAlone = group.messages < 2 || place === "function" || place === "Webhook";
  // A message that is larger goes alone.
  const underway = isAlone ? 0 : group.bytes + (isHonest ? 0 : limit);
  return { busy, commit: underway + busy };
}
