// The deliveries whose results are still awaited. The destination may make several messages durable together,
// but their results are treated in the order of the messages.
import type { DeliveryGroup } from "../destinations/destination.ts";

/** The limit for a destination that takes one message at a time. */
const ALONE: DeliveryGroup = { messages: 1, bytes: Infinity };

export class Underway {
  readonly #limits: DeliveryGroup;
  readonly #sizes: number[] = [];
  #octets = 0;
  /** Settles when the oldest delivery is treated, and so on; the last one never rejects. */
  readonly #treated: Promise<void>[] = [];
  #failure: { readonly error: unknown } | undefined;

  constructor(limits: DeliveryGroup = ALONE) {
    this.#limits = limits;
  }

  /** The number of deliveries. */
  get messages(): number {
    return this.#sizes.length;
  }

  /** The sum of their sizes; octets. */
  get octets(): number {
    return this.#octets;
  }

  /** Whether another message of this size must wait. A message that is larger than the limit goes alone. */
  isFull(size: number): boolean {
    const { messages, bytes } = this.#limits;
    return this.messages > 0 && (this.messages >= messages || this.#octets + size > bytes);
  }

  /** Adds a delivery. `treat` is called when those before it are treated, and waits for its result. */
  add(size: number, treat: () => Promise<void>): void {
    this.#sizes.push(size);
    this.#octets += size;
    this.#treated.push(this.#treatAfter(this.#treated.at(-1), treat));
  }

  async #treatAfter(before: Promise<void> | undefined, treat: () => Promise<void>): Promise<void> {
    await before;
    try {
      await treat();
    } catch (error) {
      this.#failure ??= { error };
    }
    this.#octets -= this.#sizes.shift() ?? 0;
    void this.#treated.shift();
  }

  /** Waits until another message of this size fits. Rejects with the first error of `treat`. */
  async fits(size: number): Promise<void> {
    while (this.isFull(size)) await this.#treated[0];
    this.#throwFailure();
  }

  /** Waits until all deliveries are treated. Rejects with the first error of `treat`. */
  async settled(): Promise<void> {
    await this.#treated.at(-1);
    this.#throwFailure();
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
