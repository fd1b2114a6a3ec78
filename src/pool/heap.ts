// A binary heap. Each item knows its place, so that any item can be removed in logarithmic time.

/** An item of a heap. It can be in one heap at a time. */
export interface Ranked {
  /** The index in the heap, maintained by the heap; -1: not in a heap. */
  place: number;
}

export class Heap<T extends Ranked> {
  readonly #items: T[] = [];
  readonly #before: (a: T, b: T) => boolean;

  constructor(before: (a: T, b: T) => boolean) {
    this.#before = before;
  }

  get first(): T | undefined {
    return this.#items[0];
  }

  add(item: T): void {
    this.#put(item, this.#items.length);
    this.moved(item);
  }

  delete(item: T): void {
    const { place } = item;
    if (this.#items[place] !== item) return;
    item.place = -1;
    const last = this.#items.pop() as T;
    if (last === item) return;
    this.#put(last, place);
    this.moved(last);
  }

  /** Restores the order after the key of an item has changed. */
  moved(item: T): void {
    this.#rise(item);
    this.#sink(item);
  }

  #put(item: T, place: number): void {
    this.#items[place] = item;
    item.place = place;
  }

  #rise(item: T): void {
    while (item.place > 0) {
      const above = this.#items[(item.place - 1) >> 1] as T;
      if (!this.#before(item, above)) return;
      this.#swap(item, above);
    }
  }

  #sink(item: T): void {
    for (;;) {
      const left = this.#items[2 * item.place + 1];
      const right = this.#items[2 * item.place + 2];
      if (left === undefined) return;
      const below = right !== undefined && this.#before(right, left) ? right : left;
      if (!this.#before(below, item)) return;
      this.#swap(item, below);
    }
  }

  #swap(a: T, b: T): void {
    const { place } = a;
    this.#put(a, b.place);
    this.#put(b, place);
  }
}
