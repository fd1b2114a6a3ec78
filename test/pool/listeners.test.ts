// Many uses of a pool may share a signal: it gets one listener, and none stays after the uses.
import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import { Pop3Pool } from "../../src/index.ts";
import { guardEachTest } from "../support/sentry.ts";
import { turns } from "../support/turns.ts";
import { account, gate, serve } from "./accounts.ts";

guardEachTest();

const USERS = Array.from({ length: 12 }, (_, index) => `user${String(index)}`);

test.each([USERS.length, 1])(
  "twelve uses on one signal have one listener in all, with at most %s sessions",
  async (maxSessions) => {
    await using server = await serve(USERS);
    await using pool = new Pop3Pool({ maxSessions, maxPerHost: maxSessions });
    const { signal } = new AbortController();
    const warnings: Error[] = [];
    const warned = (warning: Error): void => void warnings.push(warning);
    process.on("warning", warned);
    const [all, go] = [gate(), gate()];
    let busy = 0;
    const uses = Promise.all(
      USERS.map((user) =>
        pool.use(
          account(server, user),
          async () => {
            if (++busy === maxSessions) all.open();
            await go.passed;
          },
          { signal },
        ),
      ),
    );
    await all.passed;
    expect(getEventListeners(signal, "abort")).toHaveLength(1);
    go.open();
    await uses;
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
    await turns();
    process.off("warning", warned);
    expect(warnings).toEqual([]);
  },
);
