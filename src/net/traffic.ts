// Counts what a session sends and receives, over all of its connections.

export class Traffic {
  /** Bytes written, and read, inside TLS. */
  sent = 0;
  received = 0;
  /** Commands that were sent. */
  commands = 0;
  /** How many times the session waited for the server: commands that are sent together count once. */
  roundTrips = 0;
  /** When the connection was opened; `undefined` before that. */
  since: Date | undefined;
}
