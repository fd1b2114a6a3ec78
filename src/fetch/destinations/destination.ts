// What a destination is: it takes a message under a key, whole or not at all, and knows the key again.

/** What a destination is told of a message before its octets. */
export interface Delivery {
  /**
   * Names the message for ever: 64 hexadecimal digits. The same message has the same key in every run, so whoever
   * finds it delivered already has to do nothing.
   */
  readonly key: string;
  /** Whose mail it is: `ann@pop.example.com:995`, or the name that was given. */
  readonly mailbox: string;
  /** The unique-id, where the server gave one. It is the server's text: no part of a file name. */
  readonly uid: string | undefined;
  /** The size that LIST announced; octets. Servers may estimate it. */
  readonly size: number | undefined;
  /** Only the headers come: the message is larger than the policy takes. */
  readonly headersOnly: boolean;
}

/** Takes one message in. One of `commit` and `abort` is called, once, whatever happens in between. */
export interface DeliveryWriter {
  /** Takes octets, in order; what it returns is waited for before the next. The Buffer is its own from then on. */
  write(octets: Buffer): Promise<void> | void;
  /**
   * Optional. All octets have come: does the part of `commit` that takes time and that no one else can see, such as a
   * sync. The run confirms after it, and right before `commit`, that it still holds the mailbox. If it rejects,
   * `abort` is called.
   */
  prepare?(): Promise<void>;
  /**
   * The message is complete. Resolves when it will outlast a crash, with `"known"` where it was there before.
   * Rejects where it could not be kept; nothing of it is left then.
   */
  commit(): Promise<"new" | "known">;
  /** The message did not come, or not whole: nothing of it stays. Never rejects. */
  abort(): Promise<void>;
}

/** Where mail goes. */
export interface Destination {
  /**
   * Begins to take a message in. `"known"`: it was taken in before, no octets are wanted. Rejects with
   * {@link DestinationError} or any other error where it cannot.
   */
  begin(delivery: Delivery, signal: AbortSignal | undefined): Promise<DeliveryWriter | "known">;
}
