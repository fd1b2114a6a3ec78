// A bounded queue from the producers of events to their one consumer; when it is full, producers wait.

/** The number of queued events from which on producers wait. */
const MOST = 256;

/** Keeps the order of events. Only one consumer may call {@link take}. */
export class EventQueue<T> {
  readonly #queued: T[] = [];
  #roomMade: () => void = () => undefined;
  #came: () => void = () => undefined;
  #room: Promise<void> | undefined;
  #ended = false;

  /**
   * Adds an event. The producer must wait for the promise, if one is returned. After the end, does nothing.
   */
  push(event: T): Promise<void> | undefined {
    if (this.#ended) return undefined;
    this.#queued.push(event);
    this.#came();
    if (this.#queued.length < MOST) return undefined;
    this.#room ??= new Promise((resolve) => (this.#roomMade = resolve));
    return this.#room;
  }

  /** Ends the queue from the side of the consumer: drops all events and wakes all producers. */
  close(): void {
    this.#ended = true;
    this.#queued.length = 0;
    this.#wakeProducers();
    this.#came();
  }

  /** Waits for events and returns all that are queued. Returns an empty array when the queue has ended. */
  async take(): Promise<T[]> {
    if (this.#queued.length === 0 && !this.#ended)
      await new Promise<void>((resolve) => (this.#came = resolve));
    const events = this.#queued.splice(0);
    this.#wakeProducers();
    return events;
  }

  /** Ends the queue from the side of the producers: the consumer can still take what is queued. */
  end(): void {
    this.#ended = true;
    this.#came();
  }

  #wakeProducers(): void {
    this.#room = undefined;
    this.#roomMade();
  }
}
