// `tooLarge: "headers"` if the server has no TOP: the message is skipped, and the report gives the reason.
import { describe, expect, test } from "vitest";
import type { FetchPolicy } from "../../src/fetch/index.ts";
import { Fetcher } from "./fetcher.ts";
import { mail, said, serverWith } from "../support/mail.ts";

const LARGE = mail(2, "x".repeat(500));
const policy: FetchPolicy = { maxSize: 400, tooLarge: "headers", delete: "delivered", retry: { first: 0 } };
const REASON = "too large, and the server has no TOP for its headers";

describe.each([
  ["lists its capabilities", {}],
  ["has no CAPA", { capabilities: false }],
] as const)("a server without TOP that %s", (_name, options) => {
  test("keeps the message in each run, and it never counts as a failure", async () => {
    await using server = await serverWith([mail(1), LARGE, mail(3)], { top: false, ...options });
    const fetcher = new Fetcher(server, { policy: { ...policy, tries: 1 } });
    const first = await fetcher.run();
    expect(first).toMatchObject({ outcome: "done", delivered: 2, deleted: 2, failed: [] });
    expect(first.skipped).toEqual([{ number: 2, uid: "uid-2", size: LARGE.length, reason: REASON }]);
    expect(fetcher.events).toContainEqual(
      expect.objectContaining({ type: "skipped", number: 2, reason: REASON }),
    );
    for (let run = 0; run < 2; run++) {
      const report = await fetcher.run();
      expect(report).toMatchObject({
        outcome: "done",
        delivered: 0,
        failed: [],
        skipped: [{ reason: REASON }],
      });
    }
    const { entries } = await fetcher.known();
    expect(entries.find(({ id }) => id === "uid-2")).toMatchObject({ status: "skipped", reason: REASON });
    // Each run has one session, which ends in good order.
    expect(server.connections).toBe(3);
    expect(said(server).filter((line) => line === "QUIT")).toHaveLength(3);
  });
});

test("the headers are delivered as soon as the server has TOP", async () => {
  await using without = await serverWith([LARGE], { top: false });
  const fetcher = new Fetcher(without, { policy });
  await fetcher.run();
  const { entries, state } = await fetcher.known();
  await using server = await serverWith([LARGE]);
  const later = new Fetcher(server, { policy });
  await later.remember(state, entries);
  expect(await later.run({ force: true })).toMatchObject({ delivered: 1, skipped: [] });
  expect(later.inbox.messages.map(({ headersOnly }) => headersOnly)).toEqual([true]);
});

test("the headers are delivered if the server has TOP without listing it", async () => {
  await using server = await serverWith([LARGE], { capabilities: false });
  const fetcher = new Fetcher(server, { policy });
  expect(await fetcher.run()).toMatchObject({ delivered: 1, skipped: [], failed: [] });
});

test("the server is not asked for TOP if no message is too large, or in a dry run", async () => {
  await using server = await serverWith([mail(1), LARGE], { top: false, capabilities: false });
  const fetcher = new Fetcher(server, { policy: { ...policy, maxSize: 1000 } });
  await fetcher.run({ policy: { ...policy, dryRun: true } });
  await fetcher.run();
  expect(said(server).filter((line) => line.startsWith("TOP"))).toEqual([]);
});
