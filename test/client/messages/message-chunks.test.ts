// A loop over the chunks of a message: what it gets, when it holds the server back, and how it ends.
import { describe, expect, test, vi } from "vitest";
import { MessageChunks } from "../../../src/session/message-chunks.ts";
import { Pop3ConnectionError } from "../../../src/errors.ts";
import { HELD } from "../../../src/session/message-stream.ts";
import { octets, text } from "../../support/octets.ts";
import { receptionOf } from "../../support/receptions.ts";

const DONE = { done: true, value: undefined };

function begin() {
  const owner = { wanted: vi.fn<() => void>(), destroyed: vi.fn<(error: Error | null) => void>() };
  return { owner, chunks: new MessageChunks(owner) };
}

describe("chunks", () => {
  test("come in order, those that the loop waits for and those that came before", async () => {
    const { chunks } = begin();
    const waiting = [chunks.next(), chunks.next()];
    for (const each of ["a", "b", "c", "d"]) expect(chunks.give(octets(each))).toBe(true);
    chunks.finish();
    const results = [...(await Promise.all(waiting)), await chunks.next(), await chunks.next()];
    expect(results.map(({ value }) => value && text(value))).toEqual(["a", "b", "c", "d"]);
    expect([await chunks.next(), await chunks.next()]).toEqual([DONE, DONE]);
  });

  test("are given as they came, without a copy", async () => {
    const { chunks } = begin();
    const [first, second] = [octets("one"), octets("two")];
    const waiting = chunks.next();
    chunks.give(first);
    chunks.give(second);
    expect((await waiting).value).toBe(first);
    expect((await chunks.next()).value).toBe(second);
  });

  test("end for every call that waits", async () => {
    const { chunks } = begin();
    const waiting = Promise.all([chunks.next(), chunks.next()]);
    chunks.finish();
    expect(await waiting).toEqual([DONE, DONE]);
  });
});

describe("a loop that is slower than the network", () => {
  test("is full at its limit, and wants more when half of it is free", async () => {
    const { chunks, owner } = begin();
    const quarter = Buffer.alloc(HELD / 4);
    expect([1, 2, 3, 4].map(() => chunks.give(quarter))).toEqual([true, true, true, false]);
    await chunks.next();
    expect(owner.wanted).not.toHaveBeenCalled();
    await chunks.next();
    expect(owner.wanted).toHaveBeenCalledOnce();
  });

  test("is not full while it waits", () => {
    const { chunks } = begin();
    void chunks.next();
    expect(chunks.give(Buffer.alloc(HELD))).toBe(true);
    expect(chunks.give(Buffer.alloc(HELD - 1))).toBe(true);
    expect(chunks.give(Buffer.alloc(1))).toBe(false);
  });
});

describe("a failure", () => {
  const failure = new Error("cut");

  test("rejects the call that waits, and ends the others", async () => {
    const { chunks } = begin();
    const waiting = [chunks.next(), chunks.next()];
    chunks.destroy(failure);
    await expect(waiting[0]).rejects.toBe(failure);
    expect([await waiting[1], await chunks.next()]).toEqual([DONE, DONE]);
  });

  test("rejects the next call once, before the chunks that were not taken", async () => {
    const { chunks } = begin();
    chunks.give(octets("a"));
    chunks.destroy(failure);
    await expect(chunks.next()).rejects.toBe(failure);
    expect(await chunks.next()).toEqual(DONE);
  });
});

describe("a loop that is left", () => {
  test("drops what it has not taken, and says so", async () => {
    const { chunks, owner } = begin();
    chunks.give(octets("a"));
    expect(await chunks.return()).toEqual(DONE);
    expect(owner.destroyed).toHaveBeenCalledExactlyOnceWith(
      expect.objectContaining({ message: "the loop over the message was left" }),
    );
    expect(await chunks.next()).toEqual(DONE);
  });

  test("ends the calls that wait, and has no failure any more", async () => {
    const { chunks } = begin();
    const waiting = chunks.next();
    await chunks.return();
    expect(await waiting).toEqual(DONE);
    const failed = begin().chunks;
    failed.destroy(new Error("cut"));
    await failed.return();
    expect(await failed.next()).toEqual(DONE);
  });

  test("holds nothing: what comes later counts from zero", async () => {
    const { chunks } = begin();
    chunks.give(Buffer.alloc(HELD));
    await chunks.return();
    expect(chunks.give(Buffer.alloc(1))).toBe(true);
  });
});

describe("a message", () => {
  test("is taken once: by a loop, as a stream, or as a Buffer", async () => {
    const looped = receptionOf();
    looped.chunks();
    const error = {
      code: "POP3_STATE",
      message: "the message was already taken by a loop: take it once, with buffer(), stream() or one loop",
    };
    expect(() => looped.chunks()).toThrow(expect.objectContaining(error) as Error);
    expect(() => looped.stream()).toThrow(expect.objectContaining(error) as Error);
    await expect(looped.buffer()).rejects.toMatchObject({ code: "POP3_STATE" });
    const buffered = receptionOf();
    void buffered.buffer();
    expect(() => buffered.chunks()).toThrow("already taken as a Buffer");
  });

  test("that is taken as a stream is looped over as that stream", async () => {
    const streamed = receptionOf();
    streamed.stream();
    const chunks = streamed.chunks();
    streamed.octets(octets("ab"));
    streamed.end();
    expect([await chunks.next(), await chunks.next()]).toEqual([{ done: false, value: octets("ab") }, DONE]);
  });

  test("gives the loop what was collected before", async () => {
    const collected = receptionOf();
    collected.octets(octets("ab"));
    const chunks = collected.chunks();
    collected.octets(octets("c"));
    collected.end();
    const results = [await chunks.next(), await chunks.next(), await chunks.next()];
    expect(results.map(({ value }) => value && text(value))).toEqual(["ab", "c", undefined]);
  });

  test("that is complete or has failed ends the loop at once", async () => {
    const complete = receptionOf();
    complete.end();
    expect(await complete.chunks().next()).toEqual(DONE);
    const failed = receptionOf();
    failed.reject(new Pop3ConnectionError("POP3_CLOSED", "gone"));
    await expect(failed.chunks().next()).rejects.toMatchObject({ code: "POP3_CLOSED" });
  });
});
