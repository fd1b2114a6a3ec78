// Which local address a connection gets: those of a list in turn, for each host by itself.
import { expect, test } from "vitest";
import { nextAddress } from "../../src/net/local-addresses.ts";

const LIST = ["192.0.2.1", "192.0.2.2", "192.0.2.3"];

function taken(host: string, addresses: readonly string[], count: number): string {
  return Array.from({ length: count }, () => nextAddress(host, [...addresses]).slice(-1)).join("");
}

test("each address of a list is used in turn, also if the list is another object", () => {
  expect(taken("turn.test", LIST, 7)).toBe("1231231");
  expect(taken("TURN.test", LIST, 2)).toBe("23");
});

test("each host and each list has its own turn", () => {
  expect(taken("one.test", LIST, 2)).toBe("12");
  expect(taken("two.test", LIST, 2)).toBe("12");
  expect(taken("one.test", LIST.slice(1), 2)).toBe("23");
  expect(taken("one.test", LIST, 2)).toBe("31");
});

test("a single address is always used", () => {
  expect(taken("single.test", LIST.slice(0, 1), 3)).toBe("111");
});

test("the turns of the oldest of ten thousand hosts are forgotten", () => {
  expect(taken("first.test", LIST, 1)).toBe("1");
  for (let host = 0; host < 10_000; host++) nextAddress(`host${String(host)}.test`, LIST);
  expect(taken("first.test", LIST, 1)).toBe("1");
});
