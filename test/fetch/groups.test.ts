// A destination that declares a group is given the next message before it has committed the ones before.
import { describe, expect, test, vi } from "vitest";
import {
  DestinationError,
  type Committed,
  type Delivery,
  type DeliveryGroup,
  type DeliveryWriter,
  type Destination,
  type LedgerEntry,
} from "../../src/fetch/index.ts";
import { Fetcher } from "./fetcher.ts";
import { ledgerWith } from "../support/ledger.ts";
import { mail, mails, said, serverWith } from "../support/mail.ts";
import { until } from "../support/turns.ts";

/** Commits only when it is told to. */
class Group implements Destination {
  readonly group: DeliveryGroup | undefined;
  readonly log: string[] = [];
  readonly entries: LedgerEntry[] = [];
  readonly waiting: { uid: string; settle: (result: Committed | Error) => void }[] = [];
  /** The number of messages that were begun and neither committed nor aborted, at most. */
  most = 0;
  #open = 0;
  readonly #onWait: (group: Group) => void;

  constructor(group: DeliveryGroup | undefined, onWait: (group: Group) => void = () => undefined) {
    this.group = group;
    this.#onWait = onWait;
  }

  async begin({ uid = "?" }: Delivery): Promise<DeliveryWriter> {
    this.log.push(`begin ${uid}`);
    this.most = Math.max(this.most, ++this.#open);
    return {
      write: () => undefined,
      commit: (entry) => {
        this.log.push(`commit ${uid}`);
        this.entries.push(entry);
        return new Promise((resolve, reject) => {
          const settle = (result: Committed | Error): void => {
            this.#open--;
            if (result instanceof Error) reject(result);
            else resolve(result);
          };
          this.waiting.push({ uid, settle });
          this.#onWait(this);
        });
      },
      abort: async () => {
        this.#open--;
        this.log.push(`abort ${uid}`);
      },
    };
  }

  /** Settles what waits, the last one first. */
  settleAll(result: Committed | Error = "new"): void {
    for (const { settle } of this.waiting.splice(0).reverse()) settle(result);
  }
}

const TWO: DeliveryGroup = { messages: 2, bytes: Infinity };
const settlingAt =
  (count: number) =>
  (group: Group): void => {
    if (group.waiting.length === count) group.settleAll();
  };
const uids = (fetcher: Fetcher): (string | undefined)[] =>
  fetcher.events.flatMap((event) => (event.type === "delivered" ? [event.uid] : []));

describe("a destination with a group", () => {
  test("is given several messages at a time, and their results are treated in order", async () => {
    await using server = await serverWith(mails(6));
    const fetcher = new Fetcher(server);
    const destination = new Group({ messages: 3, bytes: Infinity }, settlingAt(3));
    expect(await fetcher.run({ destination })).toMatchObject({ delivered: 6 });
    expect(destination.most).toBe(3);
    expect(uids(fetcher)).toEqual(["uid-1", "uid-2", "uid-3", "uid-4", "uid-5", "uid-6"]);
    expect((await fetcher.known()).entries).toEqual(destination.entries);
  });

  test("is given no more than its bytes, and a larger message alone", async () => {
    const size = mail(1).length;
    await using server = await serverWith([...mails(2), mail(3, "x".repeat(5 * size)), mail(4), mail(5)]);
    const fetcher = new Fetcher(server);
    const open: number[] = [];
    const destination = new Group({ messages: 10, bytes: 3 * size }, (group) => {
      open.push(group.waiting.length);
      // Later than all messages that may still be begun.
      setTimeout(() => group.settleAll(), 0);
    });
    await fetcher.run({ destination });
    expect(destination.log.slice(0, 4)).toEqual([
      "begin uid-1",
      "commit uid-1",
      "begin uid-2",
      "commit uid-2",
    ]);
    const third = destination.log.indexOf("begin uid-3");
    expect(destination.log.slice(third, third + 2)).toEqual(["begin uid-3", "commit uid-3"]);
    expect(open[destination.entries.findIndex(({ id }) => id === "uid-3")]).toBe(1);
  });

  test("is given no more than its bytes, even if the server announces other sizes", async () => {
    // Each line of LIST says one byte.
    const list = "+OK\r\n1 1\r\n2 1\r\n3 1\r\n.\r\n";
    await using server = await serverWith(mails(3), { faults: [{ on: "LIST", reply: list }] });
    const destination = new Group({ messages: 10, bytes: mail(1).length }, (group) => {
      setTimeout(() => group.settleAll(), 0);
    });
    expect(await new Fetcher(server).run({ destination })).toMatchObject({ delivered: 3 });
    expect(destination.most).toBe(1);
  });

  test("is given one message at a time if it declares no group", async () => {
    await using server = await serverWith(mails(4));
    const destination = new Group(undefined, settlingAt(1));
    expect(await new Fetcher(server).run({ destination })).toMatchObject({ delivered: 4 });
    expect(destination.most).toBe(1);
  });

  test("keeps its messages if one of them is refused", async () => {
    await using server = await serverWith(mails(3));
    const fetcher = new Fetcher(server, { policy: { delete: "delivered" } });
    const destination = new Group({ messages: 3, bytes: Infinity }, ({ waiting }) => {
      if (waiting.length < 3) return;
      const [first, second, third] = waiting.splice(0);
      third?.settle("new");
      second?.settle(new Error("not that one"));
      first?.settle("new");
    });
    expect(await fetcher.run({ destination })).toMatchObject({
      delivered: 2,
      deleted: 2,
      failed: [{ uid: "uid-2" }],
    });
  });

  test("is not asked to delete before all are committed and recorded", async () => {
    await using server = await serverWith(mails(2));
    const fetcher = new Fetcher(server, { policy: { delete: "delivered" } });
    const recorded: (() => void)[] = [];
    const ledger = ledgerWith(
      (mailbox) => ({
        record: async (changes) => {
          const isDelivery = changes.entries?.some(({ status }) => status === "delivered") === true;
          if (isDelivery) await new Promise<void>((resolve) => recorded.push(resolve));
          await mailbox.record(changes);
        },
      }),
      fetcher.ledger,
    );
    const destination = new Group(TWO);
    const running = fetcher.run({ ledger, destination });
    await until(() => destination.waiting.length === 2);
    expect(said(server)).toEqual(["RETR 1", "RETR 2"]);
    destination.settleAll();
    await until(() => recorded.length === 2);
    expect(said(server)).toEqual(["RETR 1", "RETR 2"]);
    for (const resolve of recorded) resolve();
    expect(await running).toMatchObject({ deleted: 2 });
  });

  test("commits what it has received when the connection is lost", async () => {
    await using server = await serverWith(mails(4), { faults: [{ on: "RETR", nth: 4, close: 0 }] });
    const fetcher = new Fetcher(server, { policy: { delete: "delivered" } });
    let isLost = false;
    const destination = new Group({ messages: 3, bytes: Infinity }, (group) => {
      if (isLost) group.settleAll();
    });
    const running = fetcher.run({ destination });
    await until(() => destination.waiting.length === 2 && server.sessions === 0);
    isLost = true;
    destination.settleAll();
    // The third is not confirmed by the reply after it. The run continues in another session, one by one.
    expect(await running).toMatchObject({ delivered: 4, deleted: 4 });
    expect(destination.log.filter((line) => line.startsWith("begin"))).toEqual([
      "begin uid-1",
      "begin uid-2",
      "begin uid-3",
      "begin uid-4",
    ]);
  });

  test("is given no more messages than the policy wants", async () => {
    for (const policy of [{ limits: { messages: 3 } }, { commitEvery: 3, limits: { messages: 3 } }]) {
      await using server = await serverWith(mails(6));
      const destination = new Group({ messages: 4, bytes: Infinity }, (group) => {
        setTimeout(() => group.settleAll(), 0);
      });
      expect(await new Fetcher(server).run({ destination, policy })).toMatchObject({ delivered: 3, left: 3 });
    }
  });

  test("is given a message without a name alone, because it may be the same as another", async () => {
    await using server = await serverWith([mail(1), mail(1), mail(2)], { uidl: false });
    const destination = new Group({ messages: 3, bytes: Infinity }, settlingAt(1));
    const fetcher = new Fetcher(server, { policy: { noUidl: "content" } });
    expect(await fetcher.run({ destination })).toMatchObject({ delivered: 2, known: 1 });
    expect(destination.most).toBe(1);
  });

  test("is given one message at a time after a crash", async () => {
    await using server = await serverWith(mails(3));
    const fetcher = new Fetcher(server);
    await fetcher.remember({ lastRun: 1 });
    const destination = new Group({ messages: 3, bytes: Infinity }, settlingAt(1));
    await fetcher.run({ destination, ledger: fetcher.takenOver });
    expect(destination.most).toBe(1);
  });

  test("ends the run if it is down, and no message is blamed", async () => {
    await using server = await serverWith(mails(5));
    const fetcher = new Fetcher(server);
    const destination = new Group(TWO, (group) => {
      if (group.waiting.length === 2)
        group.settleAll(new DestinationError("the disk is full", { down: true }));
    });
    expect(await fetcher.failure({ destination })).toMatchObject({ code: "POP3_DESTINATION" });
    expect((await fetcher.known()).entries).toEqual([]);
    const good = new Group(TWO, (group) => void setTimeout(() => group.settleAll(), 0));
    expect(await fetcher.run({ destination: good, force: true })).toMatchObject({ delivered: 5 });
  });

  test("finishes what it has received when the run is stopped or aborted", async () => {
    for (const kind of ["stop", "signal"] as const) {
      await using server = await serverWith(mails(4));
      const fetcher = new Fetcher(server);
      const controller = new AbortController();
      const destination = new Group(TWO);
      const running = fetcher
        .run({ destination, [kind]: controller.signal })
        .catch((error: unknown) => error);
      await until(() => destination.waiting.length === 2);
      controller.abort();
      destination.settleAll();
      await running;
      expect((await fetcher.known()).entries).toHaveLength(2);
      expect(destination.log.filter((line) => line.startsWith("begin"))).toHaveLength(2);
    }
  });

  test("gets a NOOP to the server while it works, so that the session stays open", async () => {
    await using server = await serverWith(mails(1));
    const fetcher = new Fetcher(server);
    const destination = new Group(TWO);
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    try {
      const running = fetcher.run({ destination });
      await until(() => destination.waiting.length === 1 && vi.getTimerCount() > 0);
      vi.advanceTimersByTime(10_000);
      await until(() => said(server).includes("NOOP"));
      destination.settleAll();
      expect(await running).toMatchObject({ delivered: 1 });
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe("a destination that records the entry itself", () => {
  test.each(["new", "known"] as const)("is not recorded a second time: %s", async (recorded) => {
    await using server = await serverWith(mails(2));
    const fetcher = new Fetcher(server, { policy: { delete: "delivered" } });
    const written: LedgerEntry[] = [];
    const ledger = ledgerWith(
      (mailbox) => ({
        record: (changes) => {
          written.push(...(changes.entries ?? []));
          return mailbox.record(changes);
        },
      }),
      fetcher.ledger,
    );
    const destination = new Group(undefined, (group) => {
      group.settleAll({ recorded });
    });
    expect(await fetcher.run({ ledger, destination })).toMatchObject({
      delivered: recorded === "new" ? 2 : 0,
      known: recorded === "new" ? 0 : 2,
      deleted: 2,
    });
    expect(destination.entries).toEqual([
      {
        id: "uid-1",
        status: "delivered",
        firstSeen: expect.any(Number) as number,
        size: mail(1).length,
        headers: expect.stringMatching(/^[0-9a-f]{32}$/) as string,
      },
      expect.objectContaining({ id: "uid-2" }) as LedgerEntry,
    ]);
    expect(written.map(({ status }) => status)).toEqual(["deleted", "deleted"]);
  });

  test("is given the open ledger, and the fence", async () => {
    await using server = await serverWith(mails(1));
    const fetcher = new Fetcher(server);
    const given: unknown[] = [];
    const ledger = ledgerWith(() => ({ fence: 7n }), fetcher.ledger);
    const destination: Destination = {
      begin: (delivery, _signal, mailbox) => {
        given.push(delivery.fence, mailbox.fence);
        return Promise.resolve("known");
      },
    };
    await fetcher.run({ ledger, destination });
    expect(given).toEqual([7n, 7n]);
  });
});
