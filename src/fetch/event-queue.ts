// A bounded queue from the producers of events to their one consumer; when it is full, producers wait.

/** The number of queued events from which on producers wait. */
const MOST = 256;

/** Keeps the order of events. Only one consumer may call {@link take}. */
export class EventQueue<T> {
  readonly #held: T[] = [];
  #heard: () => void = () => undefined;
  #came: () => void = () => undefined;
  #room: Promise<void> | undefined;
  #over = false;

  /**
   * Adds an event. The producer must wait for the promise, if one is returned. After the end, does nothing.
   */
  push(event: T): Promise<void> | undefined {
    if (this.#over) return undefined;
    this.#held.push(event);
    this.#came();
    if (this.#held.length < MOST) return undefined;
    this.#room ??= new Promise((resolve) => (this.#heard = resolve));
    return this.#room;
  }

  /** Ends the queue from the side of the consumer: drops all events and wakes all producers. */
  close(): void {
    this.#over = true;
    this.#held.length = 0;
    this.#letOn();
    this.#came();
  }

  /** Waits for events and returns all that are queued. Returns an empty array when the queue has ended. */
  async take(): Promise<T[]> {
    if (this.#held.length === 0 && !this.#over) await new Promise<void>((resolve) => (this.#came = resolve));
    const events = this.#held.splice(0);
    this.#letOn();
    return events;
  }

  /** Ends the queue from the side of the producers: the consumer can still take what is queued. */
  end(): void {
    this.#over = true;
    this.#came();
  }

  #letOn(): void {
    this.#room = undefined;
    this.#heard();
  }
}
