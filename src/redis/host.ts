// A host as a status page shows it. In a file of its own, because two entries export it.

/** A host that has places, or had some in the last minutes. */
export interface RedisHost {
  /** The name of the server, in lower case. */
  readonly host: string;
  /** The number of places that are taken now. */
  readonly taken: number;
  /** The largest number of places that may be taken, as the last request had it. */
  readonly limit: number;
  /** How long a session takes on average, in milliseconds. */
  readonly mean: number;
  /** Until when times are reserved, in milliseconds since 1970. In the past: nothing waits. */
  readonly reservedUntil: number;
}
