// An open that is aborted gives the mailbox back when it comes later, whatever becomes of that.
import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { MemoryLedger } from "popwright/fetch";
import { openedUnlessAborted } from "../../../src/store/opened.ts";
import { expectNothingUnhandled } from "../../support/unhandled.ts";

expectNothingUnhandled();

test.each([true, false])(
  "an aborted open closes the mailbox that comes later (can be closed: %s)",
  async (can) => {
    const held = await new MemoryLedger().open("ann");
    let closed = 0;
    held.close = () => {
      closed++;
      return can ? Promise.resolve() : Promise.reject(new Error("the database is away"));
    };
    const controller = new AbortController();
    let resolve: (mailbox: typeof held) => void = () => undefined;
    const opening = new Promise<typeof held>((settle) => (resolve = settle));
    const opened = openedUnlessAborted(opening, controller.signal);
    controller.abort();
    await expect(opened).rejects.toMatchObject({ code: "POP3_ABORTED" });
    expect(closed).toBe(0);
    resolve(held);
    await turn();
    expect(closed).toBe(1);
  },
);
