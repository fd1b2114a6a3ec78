// Extreme values of options keep their meaning: Infinity removes a limit, and a window of 0 disables pipelining.
import { describe, expect, test } from "vitest";
import { Pop3Client, type Pop3ClientOptions } from "../../../src/index.ts";
import { seededMessages, asReceived } from "../../support/messages.ts";
import { auth, listen, to } from "../../support/ann.ts";
import { expectNothingUnhandled } from "../../support/unhandled.ts";

expectNothingUnhandled();

const TIMEOUTS = ["connect", "tls", "greeting", "command", "body", "quit", "drain"] as const;
const LIMITS = [
  ...["line", "listEntries", "listOctets", "capabilityLines", "capabilityOctets"],
  ...["challenge", "challenges", "message", "drain"],
];
const all = (names: readonly string[], value: number): Record<string, number> =>
  Object.fromEntries(names.map((name) => [name, value]));

const EXTREMES: [string, Partial<Pop3ClientOptions>][] = [
  ["no timeout", { timeouts: all(TIMEOUTS, Infinity) }],
  ["timeouts of a year", { timeouts: all(TIMEOUTS, 365 * 24 * 3_600_000) }],
  ["no limit", { limits: { ...all(LIMITS, Infinity), minRate: 0 } }],
  ["limits beyond all memory", { limits: all(LIMITS, Number.MAX_SAFE_INTEGER) }],
  ["a window of 0", { pipelining: { octets: 0, commandOctets: 0 } }],
  ["an infinite window", { pipelining: { octets: Infinity, commandOctets: Infinity } }],
  ["a window of one octet", { pipelining: { octets: 1, commandOctets: 1 } }],
];

describe.each(EXTREMES)("%s", (_, options) => {
  test.each(["implicit TLS", "STLS"])("a session succeeds over %s", async (how) => {
    const messages = [...seededMessages(60, 7)];
    await using server = await listen({ messages, tls: how !== "STLS" });
    await using client = await Pop3Client.connect(to(server, { auth, ...options }));
    expect((await client.stat()).count).toBe(60);
    let index = 0;
    for await (const message of client.retrieve()) {
      expect(await message.buffer()).toEqual(asReceived(messages[index++] as Buffer));
      await client.dele(message.number);
    }
    expect(index).toBe(60);
    await client.quit();
    await server.idle();
    expect(server.maildrop("ann").messages).toHaveLength(0);
  });
});
