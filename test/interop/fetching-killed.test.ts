// A server is killed during a run: the run reports it, and the next runs continue from there.
import { describe, expect, it } from "vitest";
import type { FetchEvent } from "../../src/fetch/index.ts";
import { Dovecot } from "../servers/dovecot.ts";
import { Perdition } from "../servers/perdition.ts";
import { Twisted } from "../servers/twisted.ts";
import { accountOf, letter, octets, Place, retrievals, served } from "./fetching-place.ts";
import { Wire } from "./wire.ts";

// What a session that was killed has locked is free again 3 seconds later only.
const options = { users: { ann: "secret" }, lockSession: false };
const launchers = {
  Dovecot: () => Dovecot.start(options),
  // The proxy is killed. Dovecot sees that a connection ended.
  Perdition: () => Perdition.start(options),
  Twisted: () => Twisted.start(options),
} as const;

describe("a server is killed, and started again", () => {
  /** More octets than the system holds for two sockets: it is never whole when its server is killed. */
  const huge = octets(`Subject: huge\r\n\r\n${`${"x".repeat(998)}\r\n`.repeat(32_000)}`);
  const messages = [letter(1), letter(2), huge, letter(3), letter(4)];
  const policy = { delete: "delivered", retry: { first: 0 } } as const;

  it.each([
    ["Dovecot", "plain"],
    ["Dovecot", "TLS port"],
    ["Perdition", "plain"],
    ["Perdition", "TLS port"],
    ["Twisted", "plain"],
  ] as const)("again and again: every message is delivered once, %s, over %s", async (name, transport) => {
    await using server = await launchers[name]();
    await server.deliver("ann", messages);
    const place = await Place.for(accountOf(server, transport));
    const dieWhen = async (isNow: (event: FetchEvent) => boolean): Promise<void> => {
      let killed = false;
      const onEvent = async (event: FetchEvent): Promise<void> => {
        if (killed || !isNow(event)) return;
        killed = true;
        await server.kill();
      };
      const run = place.fetch(policy, { onEvent });
      await expect(run).rejects.toMatchObject({
        name: "FetchError",
        temporary: true,
        committed: undefined,
      });
      expect(killed).toBe(true);
      expect(await server.count("ann")).toBe(messages.length);
      await server.restart();
    };
    // Before there is a session.
    await dieWhen(({ type }) => type === "begin");
    await dieWhen(({ type }) => type === "delivered");
    // What was cut short then comes last from now on.
    await dieWhen(({ type }) => type === "progress");
    // All is delivered, and nothing is marked.
    await dieWhen((event) => event.type === "delivered" && event.number === 3);
    using wire = new Wire();
    const report = await place.fetch(policy);
    expect(report).toMatchObject({
      outcome: "done",
      delivered: 0,
      deleted: messages.length,
      committed: true,
    });
    expect(retrievals(wire)).toEqual([]);
    expect(await place.delivered()).toEqual(served(messages));
    expect(await server.count("ann")).toBe(0);
  });
});
