// What every ledger promises to the runs that use it.
import { describe, expect, test } from "vitest";
import type { Ledger, LedgerEntry } from "../../../src/fetch/ledger/ledger.ts";

const ANN = "ann@pop.example.com:995";
const BEA = "bea@pop.example.com:995";

const delivered = (id: string, more: Partial<LedgerEntry> = {}): LedgerEntry => ({
  id,
  status: "delivered",
  firstSeen: 1_760_000_000_000,
  ...more,
});

/** Tests for a kind of ledger. `make` is called once in each, and gives one that knows nothing. */
export function ledgerContract(kind: string, make: () => Promise<Ledger>): void {
  describe(kind, () => {
    test("has no entries for a mailbox that it has not seen", async () => {
      const ledger = await make();
      const mailbox = await ledger.open(ANN);
      expect([...(await mailbox.load())]).toEqual([]);
      expect(mailbox.state).toEqual({});
      await mailbox.close();
    });

    test("knows it again, in the same order", async () => {
      const ledger = await make();
      const before = await ledger.open(ANN);
      const all: LedgerEntry = {
        ...delivered("b", {
          size: 2048,
          headers: "0f".repeat(32),
          reason: 'no "space"\r\nleft \u2028',
          tries: 3,
        }),
        ...{ status: "failed", retryAt: 1_760_000_100_000, goneSince: 1_760_000_200_000 },
      };
      await before.record({ entries: [delivered("c"), all, delivered("\0digest")] });
      await before.record({ state: { lastRun: 5, notBefore: 6, interval: 7, failures: 0 } });
      await before.close();
      const after = await ledger.open(ANN);
      expect([...(await after.load()).values()]).toEqual([delivered("c"), all, delivered("\0digest")]);
      expect(after.state).toEqual({ lastRun: 5, notBefore: 6, interval: 7, failures: 0 });
      await after.close();
    });

    test("replaces entries by their id and the state as a whole, and forgets", async () => {
      const ledger = await make();
      const before = await ledger.open(ANN);
      await before.record({
        entries: [delivered("a", { size: 1 }), delivered("b"), delivered("c")],
        state: { lastRun: 1, failures: 4 },
      });
      await before.record({
        entries: [delivered("a", { reason: "again" }), delivered("d")],
        forgotten: ["b", "d", "never there"],
        state: { lastRun: 2 },
      });
      const expected = [delivered("a", { reason: "again" }), delivered("c")];
      await before.close();
      const after = await ledger.open(ANN);
      expect([...(await after.load()).values()]).toEqual(expected);
      expect(after.state).toEqual({ lastRun: 2 });
      await after.close();
    });

    test("takes records that overlap, in their order", async () => {
      const ledger = await make();
      const before = await ledger.open(ANN);
      const sizes = Array.from({ length: 200 }, (_, at) => at);
      await Promise.all(
        sizes.map((size) => before.record({ entries: [delivered(`${size % 7}`, { size })] })),
      );
      await before.close();
      const after = await ledger.open(ANN);
      expect([...(await after.load()).values()].map(({ id, size }) => [id, size])).toEqual(
        [0, 1, 2, 3, 4, 5, 6].map((id) => [`${id}`, id < 4 ? 196 + id : 189 + id]),
      );
      await after.close();
    });

    test("takes a record of nothing", async () => {
      const mailbox = await (await make()).open(ANN);
      await mailbox.record({});
      await mailbox.record({ entries: [], forgotten: [] });
      expect((await mailbox.load()).size).toBe(0);
      await mailbox.close();
    });

    test("gives a mailbox to one run at a time, and each mailbox by itself", async () => {
      const ledger = await make();
      const first = await ledger.open(ANN);
      await expect(ledger.open(ANN)).rejects.toMatchObject({
        code: "POP3_MAILBOX_BUSY",
        message: `another run is fetching the mail of ${ANN}`,
      });
      const other = await ledger.open(BEA);
      await first.record({ entries: [delivered("a")] });
      expect((await other.load()).size).toBe(0);
      await other.close();
      await first.close();
      const second = await ledger.open(ANN);
      expect((await second.load()).size).toBe(1);
      await second.close();
    });

    test("is closed when what is recorded is", async () => {
      const ledger = await make();
      const before = await ledger.open(ANN);
      const settled: string[] = [];
      const records = ["a", "b"].map((id) =>
        before.record({ entries: [delivered(id)] }).then(() => settled.push(id)),
      );
      await before.close();
      await Promise.all(records);
      expect(settled).toEqual(["a", "b"]);
      const after = await ledger.open(ANN);
      expect([...(await after.load()).keys()]).toEqual(["a", "b"]);
      await after.close();
    });

    test("may be closed twice: the second time does not release the mailbox of the next run", async () => {
      const ledger = await make();
      const first = await ledger.open(ANN);
      await Promise.all([first.close(), first.close()]);
      const second = await ledger.open(ANN);
      await first.close();
      await expect(ledger.open(ANN)).rejects.toMatchObject({ code: "POP3_MAILBOX_BUSY" });
      await second.record({ entries: [delivered("a")] });
      await second.close();
    });

    test("records nothing once it is closed", async () => {
      const ledger = await make();
      const before = await ledger.open(ANN);
      await before.close();
      await expect(before.record({ entries: [delivered("a")] })).rejects.toMatchObject({
        code: "POP3_LEDGER",
      });
      const after = await ledger.open(ANN);
      expect((await after.load()).size).toBe(0);
      await after.close();
    });
  });
}
