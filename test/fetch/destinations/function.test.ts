// A function as a destination.
import { expect, test } from "vitest";
import {
  deliverTo,
  DestinationError,
  type FetchedMessage,
  type FunctionOptions,
} from "../../../src/fetch/index.ts";
import { begun, deliver, delivery, keyOf, MESSAGES } from "../../support/delivery.ts";
import { entryFor, HELD } from "../../support/ledger.ts";

const ONE = Buffer.from("Subject: one\r\n\r\n1\r\n");

test("gets the message, its description, and the signal", async () => {
  const calls: unknown[] = [];
  const destination = deliverTo((...args) => void calls.push(args));
  const { signal } = new AbortController();
  const writer = await destination.begin(delivery("one", { size: 3, headersOnly: true }), signal, HELD);
  if (writer !== "known") for (const octet of "abc") await writer.write(Buffer.from(octet));
  expect(calls).toEqual([]);
  expect(writer !== "known" && (await writer.commit(entryFor("a")))).toBe("new");
  const message: FetchedMessage = {
    ...delivery("one", { size: 3, headersOnly: true }),
    octets: Buffer.from("abc"),
  };
  expect(calls).toEqual([[message, signal]]);
});

test("is not called for an aborted message", async () => {
  const destination = deliverTo(() => expect.unreachable());
  const writer = await begun(destination, "one");
  await writer.write(ONE);
  await writer.abort();
});

test.each([
  [undefined, "new"],
  ["new", "new"],
  ["known", "known"],
  [Promise.resolve("known"), "known"],
])("returns %j: the message is %s", async (returned, outcome) => {
  expect(
    await deliver(
      deliverTo(() => returned),
      "one",
      ONE,
    ),
  ).toBe(outcome);
});

test("refuses a message by throwing an error", async () => {
  const error = new DestinationError("later", { later: true });
  const throwing = deliverTo(() => {
    throw error;
  });
  const rejecting = deliverTo(() => Promise.reject(error));
  await expect(deliver(throwing, "one", ONE)).rejects.toBe(error);
  await expect(deliver(rejecting, "one", ONE)).rejects.toBe(error);
});

test("is not called for a message that is too large", async () => {
  const keys: string[] = [];
  const destination = deliverTo(({ key }) => keys.push(key), { limit: ONE.length });
  expect(await deliver(destination, "one", ONE)).toBe("new");
  await expect(deliver(destination, "5 MB", MESSAGES["5 MB"] as Buffer)).rejects.toMatchObject({
    code: "POP3_DESTINATION",
    message: "the message is larger than 19 bytes (limit of deliverTo)",
    down: false,
    later: false,
  });
  expect(keys).toEqual([keyOf("one")]);
});

test.each([{ limit: -1 }, { limits: 1 }])("rejects the options %j", (options) => {
  expect(() => deliverTo(() => undefined, options as FunctionOptions)).toThrow(
    expect.objectContaining({ code: "POP3_CONFIG" }),
  );
});
