// A run waits for a place that is free soon, and not for a later one.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { HostPlace, PlaceRequest } from "popwright";
import { PatientPlaces } from "../../src/bullmq/patient-places.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const place: HostPlace = { release: () => undefined };
const request: PlaceRequest = { host: "h", maildrop: "m", limit: 9, signal: new AbortController().signal };

/** Places that answer with these waits in milliseconds, and then with a place. */
function after(...waits: readonly number[]): {
  readonly places: PatientPlaces;
  readonly asked: PlaceRequest[];
} {
  const left = [...waits];
  const asked: PlaceRequest[] = [];
  const take = (each: PlaceRequest): Promise<HostPlace | { comeAt: number }> => {
    asked.push(each);
    const wait = left.shift();
    return Promise.resolve(wait === undefined ? place : { comeAt: Date.now() + wait });
  };
  return { places: new PatientPlaces({ take }, () => 2), asked };
}

test("a place is asked for with the limit of the worker", async () => {
  const { places, asked } = after();
  expect(await places.take(request)).toBe(place);
  expect(asked).toEqual([{ ...request, limit: 2 }]);
});

test("the run waits while the place is free within half a second", async () => {
  const { places, asked } = after(200, 200);
  const taken = places.take(request);
  await vi.advanceTimersByTimeAsync(200);
  expect(asked).toHaveLength(2);
  await vi.advanceTimersByTimeAsync(200);
  expect(await taken).toBe(place);
});

test.each([[[501]], [[300, 300]]])("it gives way for a later one: %j", async (waits) => {
  const { places } = after(...waits);
  const taken = places.take(request);
  await vi.advanceTimersByTimeAsync(300);
  expect(await taken).toHaveProperty("comeAt");
});

test("an abort ends the wait", async () => {
  const { places, asked } = after(400, 0);
  const controller = new AbortController();
  const taken = places.take({ ...request, signal: controller.signal });
  await vi.advanceTimersByTimeAsync(1);
  controller.abort();
  await taken;
  expect(asked).toHaveLength(2);
});
