// A first-in, first-out queue whose speed does not depend on its length.
import fc from "../support/fast-check.ts";
import { expect, test } from "vitest";
import { Queue } from "../../src/net/queue.ts";
import { always } from "../support/octets.ts";

test("gives nothing if it is empty", () => {
  const queue = new Queue<number>();
  expect([queue.length, queue.first, queue.shift(), [...queue]]).toEqual([0, undefined, undefined, []]);
  expect(queue.length).toBe(0);
});

test("gives 100,000 items in the order they went in", () => {
  const queue = new Queue<number>();
  for (let item = 0; item < 100_000; item++) queue.push(item);
  expect(queue.length).toBe(100_000);
  for (let item = 0; item < 100_000; item++) {
    // One `expect` for each would take longer than the queue.
    if (queue.first !== item || queue.length !== 100_000 - item || queue.shift() !== item)
      expect(item).toBe("in order");
  }
  expect([queue.length, queue.first, queue.shift()]).toEqual([0, undefined, undefined]);
});

test("passes 100,000 items through a queue that is never long", () => {
  const queue = new Queue<number>();
  queue.push(-1);
  for (let item = 0; item < 100_000; item++) {
    queue.push(item);
    if (queue.shift() !== item - 1 || queue.length !== 1) expect(item).toBe("in order");
  }
  expect([...queue]).toEqual([99_999]);
});

test("can be iterated without being emptied", () => {
  const queue = new Queue<string>();
  for (const item of ["a", "b", "c"]) queue.push(item);
  queue.shift();
  expect([...queue]).toEqual(["b", "c"]);
  expect([...queue]).toEqual(["b", "c"]);
  expect(queue.length).toBe(2);
});

test("behaves like an array", () => {
  // Positive: that many items are pushed; negative: that many are shifted.
  const steps = fc.array(fc.integer({ min: -1500, max: 1500 }), { maxLength: 12 });
  always(
    steps,
    (steps) => {
      const queue = new Queue<number>();
      const model: number[] = [];
      let next = 0;
      for (const step of steps) {
        for (let turn = 0; turn < step; turn++) {
          queue.push(next);
          model.push(next++);
        }
        const out = Array.from({ length: Math.max(0, -step) }, () => queue.shift());
        expect(out.filter((item) => item !== undefined)).toEqual(model.splice(0, -step > 0 ? -step : 0));
        expect([queue.length, queue.first]).toEqual([model.length, model[0]]);
      }
      expect([...queue]).toEqual(model);
    },
    100,
  );
});
