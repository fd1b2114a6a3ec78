// A heap gives its first item, whatever was removed or changed before.
import fc from "../support/fast-check.ts";
import { times } from "../support/octets.ts";
import { expect, test } from "vitest";
import { Heap, type Ranked } from "../../src/pool/heap.ts";

interface Item extends Ranked {
  key: number;
}

const add = fc.record({ kind: fc.constant("add" as const), key: fc.integer() });
const other = fc.record({
  kind: fc.constantFrom("shift" as const, "delete" as const, "move" as const),
  at: fc.nat(),
  key: fc.integer(),
});

test("gives the items in the order of a sorted list", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(add, other), { maxLength: 200 }), (steps) => {
      const heap = new Heap<Item>((a, b) => a.key < b.key);
      const items: Item[] = [];
      const drop = (item: Item): void => {
        heap.delete(item);
        items.splice(items.indexOf(item), 1);
        expect(item.place).toBe(-1);
      };
      for (const step of steps) {
        if (step.kind === "add") {
          const item = { key: step.key, place: -1 };
          items.push(item);
          heap.add(item);
        } else if (items.length > 0) {
          const item = items[step.at % items.length] as Item;
          if (step.kind === "delete") drop(item);
          else if (step.kind === "shift") drop(heap.first as Item);
          else {
            item.key = step.key;
            heap.moved(item);
          }
        }
        expect(heap.first?.key).toBe(items.map(({ key }) => key).sort((a, b) => a - b)[0]);
      }
    }),
    { seed: 1, numRuns: times(300) },
  );
});

test("is emptied in the order of a sorted list", () => {
  fc.assert(
    fc.property(fc.array(fc.integer(), { minLength: 20, maxLength: 60 }), (keys) => {
      const heap = new Heap<Item>((a, b) => a.key < b.key);
      for (const key of keys) heap.add({ key, place: -1 });
      const taken = keys.map(() => {
        const item = heap.first as Item;
        heap.delete(item);
        return item.key;
      });
      expect(taken).toEqual([...keys].sort((a, b) => a - b));
      expect(heap.first).toBeUndefined();
    }),
    { seed: 1, numRuns: times(50) },
  );
});

test("does not delete an item that it does not contain", () => {
  const heap = new Heap<Item>((a, b) => a.key < b.key);
  const other = new Heap<Item>((a, b) => a.key < b.key);
  const [one, two] = [
    { key: 1, place: -1 },
    { key: 2, place: -1 },
  ];
  heap.add(one);
  other.add(two);
  heap.delete(two);
  heap.delete({ key: 3, place: -1 });
  expect(heap.first).toBe(one);
  expect(other.first).toBe(two);
});
