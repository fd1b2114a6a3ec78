// fetchAll over many mailboxes: fair order, within the limits, and no mailbox affects another.
import type { LookupFunction } from "node:net";
import { describe, expect, test } from "vitest";
import type { Pop3ClientOptions } from "popwright";
import { Pop3Server, type Pop3ServerUser } from "popwright/testing";
import {
  fetchAll,
  MemoryLedger,
  type FetchEvent,
  type FetchedMessage,
  type FetchTarget,
} from "../../src/fetch/index.ts";
import { mail } from "../support/mail.ts";

const BOXES = 1000;
const HOSTS = 25;

/** Every host is here. */
const lookup: LookupFunction = (_host, options, found) => {
  if (options.all === true) found(null, [{ address: "127.0.0.1", family: 4 }]);
  else found(null, "127.0.0.1", 4);
};

const nameOf = (box: number): string => `box${String(box)}`;

function accountOf(server: Pop3Server, box: number, pass = "secret"): Pop3ClientOptions {
  return {
    ...{ host: `host${String(box % HOSTS)}.test`, port: server.port, secure: false, stls: "never", lookup },
    auth: { user: nameOf(box), pass, mechanism: "PLAIN" },
  };
}

function listen(boxes: number, more: Partial<Record<string, Pop3ServerUser>> = {}): Promise<Pop3Server> {
  const users = Object.fromEntries(
    Array.from({ length: boxes }, (_, box) => [nameOf(box), { pass: "secret", messages: [mail(box)] }]),
  );
  return Pop3Server.listen({ users: { ...users, ...(more as Record<string, Pop3ServerUser>) } });
}

async function all(events: AsyncIterable<FetchEvent>): Promise<FetchEvent[]> {
  const heard: FetchEvent[] = [];
  for await (const event of events) heard.push(event);
  return heard;
}

// A thousand sessions take a busy machine a while.
test(`${String(BOXES)} mailboxes with 50 sessions`, async () => {
  // One refuses its login, one its mail; and one account is invalid.
  await using server = await listen(BOXES, { box7: { pass: "other", messages: [mail(7)] } });
  let most = 0;
  const perHost = new Map<string, number>();
  let mostPerHost = 0;
  const got = new Map<string, number>();
  const destination = async ({ mailbox }: FetchedMessage): Promise<void> => {
    const host = /@(host\d+)/.exec(mailbox)?.[1] as string;
    perHost.set(host, (perHost.get(host) ?? 0) + 1);
    most = Math.max(most, server.sessions);
    mostPerHost = Math.max(mostPerHost, perHost.get(host) as number);
    await new Promise((resolve) => setImmediate(resolve));
    perHost.set(host, (perHost.get(host) as number) - 1);
    if (mailbox.startsWith("box8@")) throw new Error("not this one");
    got.set(mailbox, (got.get(mailbox) ?? 0) + 1);
  };
  const accounts = [
    ...Array.from({ length: BOXES }, (_, box) => accountOf(server, box)),
    { host: "no host" } as Pop3ClientOptions,
  ];
  const events = await all(
    fetchAll(accounts, { ledger: new MemoryLedger(), destination, policy: { delete: "delivered" } }),
  );
  expect([...got.values()]).toEqual(Array.from({ length: BOXES - 2 }, () => 1));
  expect(most).toBeLessThanOrEqual(50);
  expect(most).toBeGreaterThan(10);
  expect(mostPerHost).toBeLessThanOrEqual(5);
  const failed = events.flatMap((event) => (event.type === "failed" ? [event] : []));
  expect(failed.map(({ mailbox, error }) => [mailbox.split("@")[0], error.code]).sort()).toEqual([
    ["account 1001", "POP3_CONFIG"],
    ["box7", "POP3_AUTH_REJECTED"],
  ]);
  const ended = events.flatMap((event) => (event.type === "end" ? [event.report] : []));
  expect(ended).toHaveLength(BOXES - 1);
  expect(ended.filter(({ failed: refused }) => refused.length > 0)).toHaveLength(1);
  // First come, first served: no account waits for all the others. They end nearly in the order of the accounts.
  const order = ended.map(({ mailbox }) => Number(/^box(\d+)/.exec(mailbox)?.[1]));
  for (const [place, box] of order.entries()) expect(Math.abs(place - box)).toBeLessThan(200);
  await server.idle();
  for (let box = 0; box < BOXES; box++) {
    const left = server.maildrop(nameOf(box)).messages.length;
    expect(left, nameOf(box)).toBe(box === 7 || box === 8 ? 1 : 0);
  }
});

test("a host that hangs does not block the others", async () => {
  await using hanging = await listen(50);
  hanging.fault({ on: "greeting", nth: "every", stall: 0 });
  await using server = await listen(20);
  const hangs = Array.from({ length: 50 }, (_, box) => ({ ...accountOf(hanging, box), host: "hangs.test" }));
  const works = Array.from({ length: 20 }, (_, box) => accountOf(server, box));
  const stop = new AbortController();
  let ended = 0;
  for await (const event of fetchAll([...hangs, ...works], {
    ...{ ledger: new MemoryLedger(), destination: () => undefined, stop: stop.signal, maxSessions: 10 },
  })) {
    if (event.type === "end" && event.report.delivered === 1 && ++ended === 20) break;
  }
  expect(ended).toBe(20);
  expect(hanging.sessions).toBeLessThanOrEqual(5);
});

describe("a host that is down", () => {
  /** What became of each mailbox, in order: an error, "held" or "done". */
  async function outcomes(events: AsyncIterable<FetchEvent>): Promise<string[]> {
    return (await all(events)).flatMap((event) => {
      if (event.type === "failed") return [event.error.code];
      if (event.type !== "end") return [];
      const { outcome, hostDown } = event.report;
      return [hostDown === undefined ? outcome : `${outcome}: ${hostDown.code}`];
    });
  }

  const options = { ledger: new MemoryLedger(), destination: (): void => undefined };

  test("without repeat each mailbox has one outcome, and few connect", async () => {
    await using server = await listen(30);
    server.fault({ on: "greeting", nth: "every", reset: 0 });
    const accounts = Array.from({ length: 30 }, (_, box) => ({
      ...accountOf(server, box),
      host: "down.test",
    }));
    const found = await outcomes(fetchAll(accounts, options));
    expect(found).toHaveLength(30);
    expect(server.connections).toBeLessThanOrEqual(6);
    expect(found.filter((each) => each === "POP3_RESET")).toHaveLength(server.connections);
    expect(found.filter((each) => each === "deferred: POP3_RESET")).toHaveLength(30 - server.connections);
    for (const event of await all(fetchAll(accounts, options))) {
      const report =
        event.type === "end" ? event.report : event.type === "failed" ? event.error.report : undefined;
      if (report !== undefined) expect(report.nextPollAt).toBeGreaterThan(Date.now());
    }
  });

  test("one failure does not delay the others: the next mailbox tries at once", async () => {
    await using server = await listen(30);
    const accounts = Array.from({ length: 30 }, (_, box) => ({ ...accountOf(server, box), host: "up.test" }));
    server.fault({ on: "greeting", nth: 3, reset: 0 });
    const found = await outcomes(fetchAll(accounts, { ...options, maxPerHost: 1 }));
    expect(found.filter((each) => each === "done")).toHaveLength(29);
    expect(found.indexOf("POP3_RESET")).toBe(2);
  });

  test("leaving the loop ends the mailboxes that wait, and a stop ends the loop", async () => {
    await using server = await listen(30);
    server.fault({ on: "greeting", nth: "every", reset: 0 });
    const accounts = Array.from({ length: 30 }, (_, box) => ({
      ...accountOf(server, box),
      host: "gone.test",
    }));
    for await (const event of fetchAll(accounts, { ...options, repeat: true }))
      if (event.type === "end" && event.report.hostDown !== undefined) break;
    const stop = new AbortController();
    let held = 0;
    for await (const event of fetchAll(accounts, { ...options, repeat: true, stop: stop.signal }))
      if (event.type === "end" && event.report.hostDown !== undefined && ++held === 10) stop.abort();
    expect(held).toBeGreaterThanOrEqual(10);
    expect(server.sessions).toBe(0);
  });
});

test("a target may have its own name, policy and destination", async () => {
  await using server = await listen(2);
  const [first, second]: FetchedMessage[][] = [[], []];
  const events = await all(
    fetchAll(
      [
        accountOf(server, 0),
        {
          account: accountOf(server, 1),
          mailbox: "second",
          policy: { delete: "delivered" },
          destination: (message) => void second?.push(message),
        },
      ],
      { ledger: new MemoryLedger(), destination: (message) => void first?.push(message) },
    ),
  );
  expect(first?.map(({ mailbox }) => mailbox)).toEqual([`box0@host0.test:${String(server.port)}`]);
  expect(second?.map(({ mailbox }) => mailbox)).toEqual(["second"]);
  expect(events.filter(({ type }) => type === "deleted").map(({ mailbox }) => mailbox)).toEqual(["second"]);
});

test("anything but an account as a target fails, and says why", async () => {
  const targets = [undefined, null, 5, "x", { account: undefined }] as unknown as FetchTarget[];
  const events = await all(fetchAll(targets, { ledger: new MemoryLedger(), destination: () => undefined }));
  expect(events.map((event) => (event.type === "failed" ? event.error.code : event.type))).toEqual(
    targets.map(() => "POP3_CONFIG"),
  );
});

test("two targets with the same mailbox: the first is fetched, the second is reported as failed", async () => {
  await using server = await listen(3);
  const destinations: string[] = [];
  const target = (box: number): FetchTarget => ({
    ...{ account: accountOf(server, box), mailbox: box < 2 ? "same" : "other" },
    destination: () => void destinations.push(nameOf(box)),
  });
  const events = await all(
    fetchAll([target(0), target(1), target(2)], { ledger: new MemoryLedger(), destination: () => undefined }),
  );
  const failed = events.flatMap((event) => (event.type === "failed" ? [event] : []));
  expect(failed.map(({ mailbox, error }) => [mailbox, error.code])).toEqual([["account 2", "POP3_CONFIG"]]);
  expect(failed[0]?.error.message).toContain("two accounts have the mailbox name same");
  const ended = events.flatMap((event) => (event.type === "end" ? [event.mailbox] : []));
  expect(ended.sort()).toEqual(["other", "same"]);
  expect(destinations.sort()).toEqual(["box0", "box2"]);
  await server.idle();
  expect(server.connections).toBe(2);
});

test("with repeat, it continues until stop is aborted", async () => {
  await using server = await listen(3);
  const stop = new AbortController();
  const policy = { poll: { shortest: 0, longest: 1 } };
  const got: string[] = [];
  const destination = ({ mailbox }: FetchedMessage): void => void got.push(mailbox.split("@")[0] as string);
  let rounds = 0;
  for await (const event of fetchAll(
    [0, 1, 2].map((box) => accountOf(server, box)),
    { ledger: new MemoryLedger(), destination, policy, repeat: true, stop: stop.signal },
  )) {
    if (event.type !== "end") continue;
    if (++rounds === 9) server.maildrop("box1").add(mail(99));
    if (got.length === 4) stop.abort();
  }
  expect(got.sort()).toEqual(["box0", "box1", "box1", "box2"]);
  await server.idle();
});

describe("if no server can be reached the first time", () => {
  const options = { ledger: new MemoryLedger(), destination: () => undefined, repeat: true } as const;
  const gone = { on: "greeting", nth: "every", reset: 0 } as const;

  async function heardUntilItRejects(
    events: AsyncIterable<FetchEvent>,
  ): Promise<readonly [readonly FetchEvent[], unknown]> {
    const heard: FetchEvent[] = [];
    try {
      for await (const event of events) heard.push(event);
    } catch (error) {
      return [heard, error];
    }
    return [heard, undefined];
  }

  test.each([1, 10, 60])("the loop rejects after the events (%i mailboxes)", async (boxes) => {
    await using server = await listen(boxes);
    server.fault(gone);
    const accounts = Array.from({ length: boxes }, (_, box) => accountOf(server, box));
    const [heard, error] = await heardUntilItRejects(fetchAll(accounts, options));
    expect(error).toMatchObject({ name: "FetchError", code: "POP3_RESET", scope: "host" });
    expect(heard.some((event) => event.type === "failed" && event.error === error)).toBe(true);
  });

  test("it continues with retryFirst", async () => {
    await using server = await listen(1);
    server.fault({ on: "greeting", reset: 0 });
    const policy = { poll: { shortest: 0, longest: 1 } };
    const types: string[] = [];
    const events = fetchAll([accountOf(server, 0)], { ...options, policy, retryFirst: true });
    for await (const { type } of events) {
      types.push(type);
      if (type === "delivered") break;
    }
    expect(types.filter((type) => type === "failed" || type === "delivered")).toEqual([
      "failed",
      "delivered",
    ]);
  });

  test("it continues if one of them can", async () => {
    await using works = await listen(1);
    await using fails = await listen(2);
    fails.fault(gone);
    const stop = new AbortController();
    const accounts = [accountOf(fails, 0), accountOf(works, 0), accountOf(fails, 1)];
    const failed = new Set<string>();
    for await (const event of fetchAll(accounts, { ...options, stop: stop.signal })) {
      if (event.type === "failed") failed.add(event.mailbox);
      if (failed.size === 2) stop.abort();
    }
    expect(failed.size).toBe(2);
  });

  test("without repeat, the events say so", async () => {
    await using server = await listen(1);
    server.fault(gone);
    const [heard, error] = await heardUntilItRejects(
      fetchAll([accountOf(server, 0)], { ...options, repeat: false }),
    );
    expect([heard.map(({ type }) => type), error]).toEqual([["begin", "failed"], undefined]);
  });
});

test("leaving the loop ends every run, and no mail is lost", async () => {
  await using server = await listen(30);
  const ledger = new MemoryLedger();
  const got = new Map<string, number>();
  const options = {
    ledger,
    policy: { delete: "delivered" },
    maxSessions: 3,
    destination: ({ mailbox }: FetchedMessage): void => void got.set(mailbox, (got.get(mailbox) ?? 0) + 1),
  } as const;
  const accounts = Array.from({ length: 30 }, (_, box) => accountOf(server, box));
  for await (const event of fetchAll(accounts, options)) if (event.type === "delivered") break;
  expect(server.sessions).toBe(0);
  expect(got.size).toBeLessThan(30);
  await all(fetchAll(accounts, options));
  expect([...got.values()]).toEqual(Array.from({ length: 30 }, () => 1));
});

test("two mailbox names of one maildrop: one session after the other", async () => {
  await using server = await listen(1);
  const account = accountOf(server, 0);
  const events = await all(
    fetchAll(
      [
        { account, mailbox: "first" },
        { account: { ...account }, mailbox: "second" },
      ],
      { ledger: new MemoryLedger(), destination: () => undefined },
    ),
  );
  const ended = events.flatMap((event) => (event.type === "end" ? [event] : []));
  expect(ended.map(({ mailbox, report }) => [mailbox, report.delivered])).toEqual([
    ["first", 1],
    ["second", 1],
  ]);
});
