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
  expect(await places.take(request)).toHaveProperty("release");
  expect(asked).toEqual([{ ...request, limit: 2 }]);
});

test("the run waits if the place is free within two seconds", async () => {
  const { places, asked } = after(200, 200);
  const taken = places.take(request);
  await vi.advanceTimersByTimeAsync(200);
  expect(asked).toHaveLength(2);
  await vi.advanceTimersByTimeAsync(200);
  expect(await taken).toHaveProperty("release");
});

test.each([[[2001]], [[300, 1800]]])("it gives way for a later one: %j", async (waits) => {
  const { places } = after(...waits);
  const taken = places.take(request);
  await vi.advanceTimersByTimeAsync(300);
  expect(await taken).toHaveProperty("comeAt");
});

test("eight runs wait for a host, and no more, and those of other hosts are not counted", async () => {
  const { places } = after(...Array.from({ length: 10 }, () => 1000));
  const waiting = Array.from({ length: 8 }, () => places.take(request));
  await vi.advanceTimersByTimeAsync(0);
  expect(await places.take(request)).toHaveProperty("comeAt");
  waiting.push(places.take({ ...request, host: "other" }));
  await vi.advanceTimersByTimeAsync(1000);
  for (const taken of await Promise.all(waiting)) expect(taken).toHaveProperty("release");
});

test("a run that gives back its place wakes the one that has waited for the longest time", async () => {
  const { places, asked } = after(1000, 900);
  const waiting = [places.take({ ...request, maildrop: "later" }), places.take(request)];
  await vi.advanceTimersByTimeAsync(0);
  const free = (await places.take({ ...request, maildrop: "other" })) as HostPlace;
  await free.release({ ms: 1 });
  expect(await waiting[1]).toHaveProperty("release");
  expect(asked.map(({ maildrop }) => maildrop)).toEqual(["later", "m", "other", "m"]);
  await vi.advanceTimersByTimeAsync(1000);
  expect(await waiting[0]).toHaveProperty("release");
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
