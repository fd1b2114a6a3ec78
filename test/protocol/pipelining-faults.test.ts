// Which servers are known to break PIPELINING, by what they say of themselves.
import { expect, test } from "vitest";
import { parseCapabilities } from "../../src/protocol/capabilities.ts";
import { pipeliningFault } from "../../src/protocol/pipelining-faults.ts";

const breaks = (greeting: string | undefined, ...capabilities: string[]): string | undefined =>
  pipeliningFault(greeting, parseCapabilities(["PIPELINING", ...capabilities].join("\r\n")))?.breaks;

test.each([
  ["WildDuck-v1.46.1", "messages"],
  ["WildDuck-v1.46.14", "messages"],
  ["WildDuck-v1.46.15", undefined],
  ["WildDuck-v1.46.15-beta.1", undefined],
  ["WildDuck-v1.46", "messages"],
  ["WildDuck-v1.9.99", "messages"],
  ["WildDuck-v0.1", "messages"],
  ["WildDuck-v1.47.0", undefined],
  ["WildDuck-v1.51.1", undefined],
  ["WildDuck-v2.0.0", undefined],
  ["WildDuck-v10.0.0", undefined],
  ["MyWildDuck-v1.2.3", undefined],
  ["wildduck-v1.2.3", "messages"],
  ["WildDuck", undefined],
  ["Dovecot", undefined],
])("IMPLEMENTATION %s: %s", (implementation, expected) => {
  expect(breaks("mail.example.com ready", `IMPLEMENTATION ${implementation}`)).toBe(expected);
});

test("WildDuck that hides its version is known by its greeting", () => {
  expect(breaks("WildDuck POP3 Server ready for requests from 127.0.0.1 abc")).toBe("messages");
  expect(breaks("wildduck ready for requests")).toBe("messages");
  expect(breaks("WildDuck POP3 Server ready", "IMPLEMENTATION WildDuck-v1.51.1")).toBeUndefined();
  expect(breaks("wildduck ready for requests", "IMPLEMENTATION Dovecot")).toBeUndefined();
  expect(breaks("mywildducks ready")).toBeUndefined();
  expect(breaks(undefined)).toBeUndefined();
});

test("o2.pl is known by its greeting and a capability of its own", () => {
  expect(breaks("POP3 ready", "LAST", "TOP", "USER")).toBe("all");
  expect(breaks("POP3 ready", "TOP", "USER")).toBeUndefined();
  expect(breaks("POP3 ready for you", "LAST")).toBeUndefined();
});

test("a fault has a name and says what happens", () => {
  const of = (greeting: string, ...lines: string[]): unknown =>
    pipeliningFault(greeting, parseCapabilities(["PIPELINING", ...lines].join("\r\n")));
  expect(of("WildDuck")).toMatchObject({
    name: "WildDuck before 1.46.15",
    effect: "It writes the reply to the next command before the last line of a message.",
  });
  expect(of("POP3 ready", "LAST")).toMatchObject({
    name: "poczta.o2.pl",
    effect: "It closes the connection when ten commands are in flight.",
  });
});

test("a server that does not list PIPELINING breaks nothing", () => {
  const capabilities = parseCapabilities("IMPLEMENTATION WildDuck-v1.46.1");
  expect(pipeliningFault("wildduck", capabilities)).toBeUndefined();
});
