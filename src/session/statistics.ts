// What a session has sent and received so far.
import type { Traffic } from "../net/traffic.ts";

/** What a client has sent and received, see {@link Pop3Client.statistics}. It is complete after the end, too. */
export interface Pop3ClientStatistics {
  /** Bytes that were sent, without those of TLS. */
  readonly sent: number;
  /** Bytes that were received, without those of TLS. */
  readonly received: number;
  /** Commands that were sent. */
  readonly commands: number;
  /** How often the client began to wait for the server. Commands that were sent together count once. */
  readonly roundTrips: number;
  /** When the connection was opened; `undefined` before that. */
  readonly connectedSince: Date | undefined;
}

export function statisticsOf({ sent, received, commands, roundTrips, since }: Traffic): Pop3ClientStatistics {
  return Object.freeze({ sent, received, commands, roundTrips, connectedSince: since });
}
