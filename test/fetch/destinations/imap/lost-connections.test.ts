// A message whose answer was lost: it is looked for before it is appended again, so that it is in the folder once.
import { describe, expect, test, vi } from "vitest";
import { stopClocks, timePasses } from "../../../support/clock.ts";
import type { AppendFault } from "../../../support/imap-server.ts";
import { Appending, SETTLE, text } from "./appending.ts";

const ONE = text("one");
const NOT_STORED: readonly AppendFault[] = ["before +", "in the literal"];
const STORED: readonly AppendFault[] = ["before OK", "within OK", "BYE"];

describe("a connection that is lost", () => {
  test.each(STORED)("%s: the message is found at once, and not appended again", async (fault) => {
    await using place = await Appending.start();
    place.server.faults.push(fault);
    expect(await place.deliver("one")).toBe("new");
    expect([place.copies(ONE), place.pauses]).toEqual([1, []]);
    expect(await place.deliver("one")).toBe("known");
    expect(await place.deliver("two")).toBe("new");
  });

  test.each(NOT_STORED)("%s: the message is appended again after a pause", async (fault) => {
    await using place = await Appending.start();
    place.server.faults.push(fault);
    expect(await place.deliver("one")).toBe("new");
    expect([place.copies(ONE), place.pauses]).toEqual([1, [SETTLE]]);
  });

  test("by silence counts as lost after the timeout", async () => {
    await using place = await Appending.start({}, { timeout: 3000 });
    place.server.faults.push("silence");
    expect(await place.deliver("one")).toBe("new");
    expect(place.copies(ONE)).toBe(1);
  });

  describe("with stopped clocks", () => {
    stopClocks();

    test("by a server that says only that it is still there counts as lost in the end", async () => {
      await using place = await Appending.start();
      place.server.faults.push("still here");
      expect(await timePasses(place.deliver("one"))).toBe("new");
      expect(place.copies(ONE)).toBe(1);
    });
  });

  test("while the message is on its way: it is found after the pause", async () => {
    await using place = await Appending.start();
    place.server.faults.push("late");
    place.duringPause = () => place.server.arrive();
    expect(await place.deliver("one")).toBe("new");
    expect([place.copies(ONE), place.pauses]).toEqual([1, [SETTLE]]);
  });

  test("holds back only its own message", async () => {
    await using place = await Appending.start();
    await place.deliver("first");
    place.server.faults.push("before +");
    let others: unknown;
    place.duringPause = async () => {
      others = await Promise.all([place.deliver("two"), place.deliver("three")]);
    };
    expect(await place.deliver("one")).toBe("new");
    expect(others).toEqual(["new", "new"]);
    expect(place.server.messages()).toEqual(["first", "two", "three", "one"].map(text));
  });

  test("twice with the same message: it is tried again later, and holds back no other", async () => {
    await using place = await Appending.start();
    place.server.faults.push("before +", "before +");
    await expect(place.deliver("one")).rejects.toMatchObject({ down: false, later: true });
    expect(await place.deliver("two")).toBe("new");
    expect(place.copies(ONE)).toBe(0);
  });

  test("twice, but the message is there in the end: it is delivered", async () => {
    await using place = await Appending.start();
    place.server.faults.push("before +", "before OK");
    expect(await place.deliver("one")).toBe("new");
    expect(place.copies(ONE)).toBe(1);
  });

  test("between two messages is opened again, and nothing is looked for", async () => {
    await using place = await Appending.start();
    await place.deliver("one");
    await place.cut();
    expect(await place.deliver("two")).toBe("new");
    expect([place.pauses, place.server.count("EXAMINE")]).toEqual([[], 0]);
  });

  test("and does not come back: the destination is down, and the message is known later", async () => {
    await using place = await Appending.start();
    await place.dieAt("before OK", "one");
    expect(await place.deliver("one")).toBe("known");
    expect(place.copies(ONE)).toBe(1);
  });
});

describe("after a crash", () => {
  test.each([...STORED, "late"] as const)("%s: a message that is there is known", async (fault) => {
    await using place = await Appending.start();
    await place.dieAt(fault, "one");
    place.server.arrive();
    expect(await place.deliver("one")).toBe("known");
    expect([place.copies(ONE), place.pauses]).toEqual([1, []]);
  });

  test.each(NOT_STORED)("%s: a message that is not there is appended after a pause", async (fault) => {
    await using place = await Appending.start();
    await place.dieAt(fault, "one");
    expect(await place.deliver("one")).toBe("new");
    expect([place.copies(ONE), place.pauses]).toEqual([1, [SETTLE]]);
  });

  test("a message that arrives late is known", async () => {
    await using place = await Appending.start();
    await place.dieAt("late", "one");
    place.duringPause = () => place.server.arrive();
    expect(await place.deliver("one")).toBe("known");
    expect(place.copies(ONE)).toBe(1);
  });

  test("the pause begins when the journal is read", async () => {
    await using place = await Appending.start();
    await place.dieAt("before +", "one");
    expect(await place.deliver("two")).toBe("new");
    place.wait(SETTLE - 1000);
    expect(await place.deliver("one")).toBe("new");
    expect(place.pauses).toEqual([1000]);
  });

  test("an abort during the pause appends nothing", async () => {
    await using place = await Appending.start();
    await place.dieAt("before +", "one");
    const controller = new AbortController();
    place.duringPause = () => controller.abort();
    await expect(place.deliver("one", ONE, controller.signal)).rejects.toMatchObject({
      code: "POP3_ABORTED",
    });
    expect(place.copies(ONE)).toBe(0);
    place.duringPause = () => undefined;
    expect(await place.deliver("one")).toBe("new");
    expect(place.copies(ONE)).toBe(1);
  });

  test.each([[["UIDPLUS"]], [[]]])(
    "an identical message that is known is not taken for it (%j)",
    async (capabilities) => {
      await using place = await Appending.start({ capabilities });
      await place.deliver("a", ONE);
      await place.dieAt("before +", "b", ONE);
      expect(await place.deliver("b", ONE)).toBe("new");
      expect(place.copies(ONE)).toBe(2);
      await place.dieAt("before OK", "c", ONE);
      expect(await place.deliver("c", ONE)).toBe("known");
      expect(place.copies(ONE)).toBe(3);
    },
  );

  test.each([[["UIDPLUS"]], [[]]])("each copy is taken for one message (%j)", async (capabilities) => {
    await using place = await Appending.start({ capabilities });
    await place.dieAt("before OK", "a", ONE);
    await place.dieAt("before +", "b", ONE);
    expect([await place.deliver("b", ONE), await place.deliver("a", ONE)].sort()).toEqual(["known", "new"]);
    expect(place.copies(ONE)).toBe(2);
  });

  test("a server without UIDNEXT is asked for its last UID", async () => {
    await using place = await Appending.start({ uidNext: false });
    await place.deliver("zero");
    await place.dieAt("before OK", "one");
    expect(await place.deliver("one")).toBe("known");
    await place.dieAt("before +", "two");
    expect(await place.deliver("two")).toBe("new");
    expect([place.copies(ONE), place.copies(text("two"))]).toEqual([1, 1]);
  });

  test.each([
    ["before OK", "known"],
    ["before +", "new"],
  ] as const)("%s, and with another UIDVALIDITY, copies are counted: %s", async (fault, result) => {
    await using place = await Appending.start();
    await place.deliver("a", ONE);
    await place.dieAt(fault, "b", ONE);
    const inbox = place.server.folders.get("INBOX");
    if (inbox !== undefined) {
      inbox.validity += 1;
      inbox.messages = inbox.messages.map((message, at) => ({ ...message, uid: at + 1 }));
      inbox.next = inbox.messages.length + 1;
    }
    expect(await place.deliver("b", ONE)).toBe(result);
    expect(place.copies(ONE)).toBe(2);
    expect(await place.deliver("a", ONE)).toBe("known");
  });

  test("the folder is not read if UIDNEXT shows that nothing has arrived", async () => {
    await using place = await Appending.start();
    await place.dieAt("before +", "one");
    await place.deliver("one");
    expect(place.server.count("EXAMINE")).toBe(0);
  });

  test("if a client has removed what arrived, it may come twice, and a warning says so", async () => {
    const warn = vi.spyOn(process, "emitWarning").mockImplementation(() => undefined);
    await using place = await Appending.start();
    await place.dieAt("before OK", "one");
    place.server.folders.get("INBOX")?.messages.pop();
    expect(await place.deliver("one")).toBe("new");
    expect(warn.mock.calls).toEqual([
      [expect.stringContaining("it may come twice"), { code: "POPWRIGHT_MAYBE_TWICE" }],
    ]);
  });

  test("a message that a server has rewritten is known", async () => {
    await using place = await Appending.start();
    await place.dieAt("before OK", "one", Buffer.from("a: k\xe4se\n\n1\0\r\r\n2\r", "latin1"));
    const inbox = place.server.folders.get("INBOX");
    const last = inbox?.messages.pop();
    if (last !== undefined)
      inbox?.messages.push({ ...last, octets: Buffer.from("a: kXse\r\n\r\n1\x80\r\n2\r\n", "latin1") });
    expect(await place.deliver("one", Buffer.from("a: k\xe4se\n\n1\0\r\r\n2\r", "latin1"))).toBe("known");
  });

  test("mail of other programs is left alone", async () => {
    await using place = await Appending.start();
    place.server.stored = (folder) => {
      if (folder.next < 50)
        folder.messages.push({ uid: folder.next++, octets: text("other"), flags: "", date: undefined });
    };
    await place.dieAt("before OK", "one");
    expect(await place.deliver("one")).toBe("known");
    await place.dieAt("before +", "two");
    expect(await place.deliver("two")).toBe("new");
    expect([place.copies(ONE), place.copies(text("two"))]).toEqual([1, 1]);
  });
});
