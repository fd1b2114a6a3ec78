// A run whose pool has no place on the host: it fails without a connection, and the next one is due when a place is.
import { afterEach, expect, test, vi } from "vitest";
import { Pop3Pool } from "popwright";
import { SharedPlaces } from "../pool/shared-places.ts";
import { mails, serverWith } from "../support/mail.ts";
import { Fetcher } from "./fetcher.ts";

const NOW = 1_000_000_000_000;

afterEach(() => void vi.useRealTimers());

test("the next poll is at the time that was reserved, and nothing counts as a failure", async () => {
  await using server = await serverWith(mails(1));
  const places = new SharedPlaces();
  await using pool = new Pop3Pool({ places });
  const fetcher = new Fetcher(server, { pool });
  vi.useFakeTimers({ toFake: ["Date"], now: NOW });
  places.comeAt = NOW + 4321;
  for (let run = 0; run < 3; run++) {
    const error = await fetcher.failure();
    expect(error).toMatchObject({
      ...{ code: "POP3_HOST_BUSY", temporary: true, scope: "host", comeAt: NOW + 4321, retryAfterMs: 4321 },
      report: { nextPollAt: NOW + 4321, outcome: "failed" },
    });
  }
  expect((await fetcher.known()).state).not.toHaveProperty("failures");
  expect(server.connections).toBe(0);
  places.comeAt = undefined;
  expect(await fetcher.run()).toMatchObject({ outcome: "done", delivered: 1 });
  expect([places.taken, places.outcomes.length]).toEqual([0, 1]);
});
