// The digest of TLS options: equal values give equal digests, and every other value gives another one.
import type { ConnectionOptions } from "node:tls";
import { expect, test } from "vitest";
import { tlsFingerprint } from "../../src/net/tls-fingerprint.ts";

const check = (): undefined => undefined;

test.each<[string, object, object]>([
  ["the order of names", { ca: "a", cert: "b" }, { cert: "b", ca: "a" }],
  ["undefined values", { ca: "a", key: undefined }, { ca: "a" }],
  ["copies of octets", { ca: Buffer.from("a") }, { ca: Buffer.from("a") }],
  ["lists", { ca: ["a", Buffer.from("b")] }, { ca: ["a", Buffer.from("b")] }],
  ["objects in lists", { key: [{ pem: "a", passphrase: "b" }] }, { key: [{ passphrase: "b", pem: "a" }] }],
  ["the same function", { checkServerIdentity: check }, { checkServerIdentity: check }],
])("is the same for %s", (_, one, other) => {
  expect(tlsFingerprint(one)).toBe(tlsFingerprint(other));
});

test("is another one for every other value", () => {
  const cyclic: Record<string, unknown> = {};
  cyclic["ca"] = cyclic;
  const options: object[] = [
    {},
    { ca: "a" },
    { ca: "ab" },
    { cert: "a" },
    { ca: ["a"] },
    { ca: ["a", "b"] },
    { ca: ["ab"] },
    { ca: Buffer.from("a") },
    { ca: "a", cert: "b" },
    { ca: "1" },
    { ca: 1 },
    { ca: 1n },
    { ca: true },
    { ca: "true" },
    { ca: null },
    { ca: { pem: "a" } },
    { ca: [{ pem: "a" }] },
    { checkServerIdentity: check },
    { checkServerIdentity: (): undefined => undefined },
    { secureContext: new Date(0) },
    { secureContext: new Date(0) },
    cyclic,
  ];
  expect(new Set(options.map((each) => tlsFingerprint(each as ConnectionOptions))).size).toBe(options.length);
});

test("notices what changes in place", () => {
  const [octets, list] = [Buffer.from("one"), ["one"]];
  const before = [
    tlsFingerprint({ ca: octets }),
    tlsFingerprint({ ca: list }),
    tlsFingerprint({ ca: [octets] }),
  ];
  octets.write("two");
  list[0] = "two";
  const after = [
    tlsFingerprint({ ca: octets }),
    tlsFingerprint({ ca: list }),
    tlsFingerprint({ ca: [octets] }),
  ];
  for (const [index, one] of before.entries()) expect(after[index]).not.toBe(one);
  octets.write("one");
  list[0] = "one";
  expect([{ ca: octets }, { ca: list }, { ca: [octets] }].map((ca) => tlsFingerprint(ca))).toEqual(before);
});
