// Collects a small block whole, and keeps it within its limit.
import { expect, test } from "vitest";
import { ReaderThrew, SmallBlock } from "../../src/protocol/block.ts";
import { everyCut, octets, text } from "../support/octets.ts";

test("passes the octets to its parser, however they are cut", () => {
  for (const chunks of everyCut(octets("one\r\ntwo\0\xff\r\n"))) {
    const block = new SmallBlock(100, text);
    for (const chunk of chunks) expect(block.octets(chunk)).toBe(true);
    expect(block.end()).toBe("one\r\ntwo\0\xff\r\n");
  }
});

test("parses an empty block, too", () => {
  expect(new SmallBlock(0, text).end()).toBe("");
});

test("accepts a block of the limit and rejects one octet more, at every cut", () => {
  const wire = octets("0123456789");
  for (const chunks of everyCut(wire)) {
    const block = new SmallBlock(10, text);
    for (const chunk of chunks) block.octets(chunk);
    expect(block.end()).toBe("0123456789");
    const smaller = new SmallBlock(9, text);
    expect(() => {
      for (const chunk of chunks) smaller.octets(chunk);
    }).toThrow(
      expect.objectContaining({
        name: "Pop3ProtocolError",
        code: "POP3_RESPONSE_TOO_LARGE",
        message: "the response is larger than the limit of 9 bytes",
      }) as Error,
    );
  }
});

test("throws from end() what its parser throws", () => {
  const block = new SmallBlock(10, () => {
    throw new RangeError("wrong");
  });
  expect(() => block.end()).toThrow(RangeError);
});

test("the error of a listener is the cause of another, whatever it is", () => {
  const thrown = new RangeError("of the caller");
  expect(new ReaderThrew(thrown)).toMatchObject({ message: "a listener threw an error", cause: thrown });
  expect(new ReaderThrew(undefined)).toHaveProperty("cause", undefined);
});
