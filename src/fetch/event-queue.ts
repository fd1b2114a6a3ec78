// Between those who tell and the one who listens: so many are held at most, then who tells has to wait.

/** Held at most, before those who tell are held back. */
const MOST = 256;

export class EventQueue<T> {
  readonly #held: T[] = [];
  #heard: () => void = () => undefined;
  #came: () => void = () => undefined;
  #room: Promise<void> | undefined;
  #over = false;

  /** What it returns is waited for. */
  push(event: T): Promise<void> | undefined {
    if (this.#over) return undefined;
    this.#held.push(event);
    this.#came();
    if (this.#held.length < MOST) return undefined;
    this.#room ??= new Promise((resolve) => (this.#heard = resolve));
    return this.#room;
  }

  /** Nobody listens any more: nobody waits, and nothing is held. */
  close(): void {
    this.#over = true;
    this.#held.length = 0;
    this.#letOn();
    this.#came();
  }

  /** What was told, all that is there; empty: it was closed. */
  async take(): Promise<T[]> {
    if (this.#held.length === 0 && !this.#over) await new Promise<void>((resolve) => (this.#came = resolve));
    const events = this.#held.splice(0);
    this.#letOn();
    return events;
  }

  /** All who tell have ended: what is held is still to be taken. */
  end(): void {
    this.#over = true;
    this.#came();
  }

  #letOn(): void {
    this.#room = undefined;
    this.#heard();
  }
}
