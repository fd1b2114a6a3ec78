import { describe, expect, it } from "vitest";
import { Maildrop, type Snapshot } from "../../src/testing/maildrop.ts";

function maildropOf(...messages: string[]): Maildrop {
  const maildrop = new Maildrop(true);
  for (const message of messages) maildrop.add(message);
  return maildrop;
}

function opened(maildrop: Maildrop): Snapshot {
  const snapshot = maildrop.open();
  if (snapshot === undefined) throw new Error("the maildrop is in use");
  return snapshot;
}

function mark(snapshot: Snapshot, number: number): void {
  const message = snapshot.message(number);
  if (message !== undefined) snapshot.mark(message);
}

const contents = (maildrop: Maildrop): string[] =>
  maildrop.messages.map((message) => message.octets.toString());
const numbers = (snapshot: Snapshot): number[] => Array.from(snapshot.entries(), ([number]) => number);

describe("a maildrop", () => {
  it("gives each message a unique-id that is never used again", () => {
    const maildrop = maildropOf("a", "b");
    expect(maildrop.remove("uid-2")).toBe(true);
    expect(maildrop.remove("uid-2")).toBe(false);
    expect(maildrop.add("c").uid).toBe("uid-3");
    expect(maildrop.add("d", "own").uid).toBe("own");
    expect(maildrop.messages.map((message) => message.uid)).toEqual(["uid-1", "uid-3", "own"]);
  });

  it("keeps octets unchanged, in a copy", () => {
    const octets = Uint8Array.of(0, 255, 10, 13);
    const maildrop = new Maildrop(true);
    maildrop.add(octets);
    maildrop.add("ü\n");
    octets[0] = 7;
    expect(maildrop.messages.map((message) => message.octets.toString("hex"))).toEqual([
      "00ff0a0d",
      "c3bc0a",
    ]);
  });

  it("refuses a unique-id that does not fit into a line", () => {
    expect(() => new Maildrop(true).add("a", "x\r\ny")).toThrow(/uid must not contain/);
  });
});

describe("a snapshot", () => {
  it("does not change with the maildrop", () => {
    const maildrop = maildropOf("a", "b");
    const snapshot = opened(maildrop);
    maildrop.add("c");
    maildrop.remove("uid-1");
    expect(numbers(snapshot)).toEqual([1, 2]);
    expect(snapshot.message(1)?.octets.toString()).toBe("a");
  });

  it("deletes the marked messages on commit, and keeps the others", () => {
    const maildrop = maildropOf("a", "b", "c");
    const snapshot = opened(maildrop);
    mark(snapshot, 1);
    mark(snapshot, 2);
    expect(numbers(snapshot)).toEqual([3]);
    expect(contents(maildrop)).toEqual(["a", "b", "c"]);
    maildrop.add("d");
    maildrop.remove("uid-2");
    snapshot.commit();
    expect(contents(maildrop)).toEqual(["c", "d"]);
  });

  it("deletes one of two messages with the same unique-id", () => {
    const maildrop = new Maildrop(true);
    maildrop.add("a", "same");
    maildrop.add("b", "same");
    const snapshot = opened(maildrop);
    mark(snapshot, 2);
    snapshot.commit();
    expect(contents(maildrop)).toEqual(["a"]);
  });

  it("keeps marked messages on roll back", () => {
    const maildrop = maildropOf("a", "b");
    const snapshot = opened(maildrop);
    mark(snapshot, 1);
    snapshot.unmarkAll();
    expect(numbers(snapshot)).toEqual([1, 2]);
    mark(snapshot, 2);
    snapshot.release();
    snapshot.commit();
    expect(contents(maildrop)).toEqual(["a", "b"]);
  });

  it("locks the maildrop until it is released, once", () => {
    const maildrop = maildropOf("a");
    const first = opened(maildrop);
    expect(maildrop.open()).toBeUndefined();
    first.release();
    const second = opened(maildrop);
    first.release();
    first.commit();
    expect(maildrop.open()).toBeUndefined();
    second.commit();
    expect(maildrop.open()).toBeDefined();
  });

  it("can be one of several if the maildrop has no lock", () => {
    const maildrop = new Maildrop(false);
    for (const message of ["a", "b"]) maildrop.add(message);
    const [first, second] = [opened(maildrop), opened(maildrop)];
    mark(first, 1);
    mark(second, 1);
    mark(second, 2);
    first.commit();
    expect(contents(maildrop)).toEqual(["b"]);
    second.commit();
    expect(contents(maildrop)).toEqual([]);
  });
});
