// The recipe for webhooks, against a receiver that recognises keys.
import { afterEach, beforeEach, expect, test } from "vitest";
import { webhook } from "../../../examples/destinations/webhook.ts";
import { deliver, delivery, keyOf, MESSAGES } from "../../support/delivery.ts";
import { HttpServer } from "./http-server.ts";
import { entryFor, HELD } from "../../support/ledger.ts";

const ONE = Buffer.from("Subject: one\r\n\r\n1\r\n");

let server: HttpServer;
let status: number | undefined;
beforeEach(async () => {
  const seen = new Set<unknown>();
  status = 204;
  server = await HttpServer.listen(({ headers }) => {
    if (status !== 204) return status === undefined ? undefined : { status };
    const key = headers["idempotency-key"];
    return { status: seen.size === seen.add(key).size ? 409 : 204 };
  });
});
afterEach(() => server.close());

test("posts each message", async () => {
  const destination = webhook(`${server.url}/mail?box=1`, { authorization: "Bearer hunter2" });
  const writer = await destination.begin(
    delivery("u1", { headersOnly: true, mailbox: "ann@pöp.test:995" }),
    undefined,
    HELD,
  );
  if (writer !== "known") await writer.write(Buffer.from(ONE));
  expect(writer !== "known" && (await writer.commit(entryFor("a")))).toBe("new");
  expect(server.requests).toMatchObject([
    {
      method: "POST",
      path: "/mail?box=1",
      headers: {
        authorization: "Bearer hunter2",
        "content-type": "message/rfc822",
        "content-length": String(ONE.length),
        "idempotency-key": keyOf("u1"),
        "x-mailbox": "ann%40p%C3%B6p.test%3A995",
        "x-unique-id": "u1",
        "x-headers-only": "1",
      },
      body: ONE,
    },
  ]);
});

test.each(Object.entries(MESSAGES))("keeps the octets: %s", async (title, message) => {
  expect(await deliver(webhook(server.url), title, message)).toBe("new");
  expect(server.requests[0]?.body.equals(message)).toBe(true);
});

test("learns which messages are known", async () => {
  const destination = webhook(server.url);
  expect(await deliver(destination, "one", ONE)).toBe("new");
  expect(await deliver(destination, "one", ONE)).toBe("known");
});

test("does not send an aborted message", async () => {
  const writer = await webhook(server.url).begin(delivery("one"), undefined, HELD);
  if (writer !== "known") {
    await writer.write(Buffer.from(ONE));
    await writer.abort();
  }
  expect(server.requests).toEqual([]);
});

test.each([
  [400, { down: false, later: false, message: "HTTP 400 Bad Request" }],
  [413, { down: false, later: false }],
  [500, { down: false, later: false }],
  [302, { down: true, later: true }],
  [401, { down: true, later: true }],
  [403, { down: true, later: true }],
  [429, { down: false, later: true }],
  [503, { down: false, later: true }],
])("HTTP %i", async (code, error) => {
  status = code;
  await expect(deliver(webhook(server.url), "one", ONE)).rejects.toMatchObject({
    code: "POP3_DESTINATION",
    ...error,
  });
});

test("is down if the server does not answer", async () => {
  const { url } = server;
  await server.close();
  server = await HttpServer.listen(() => undefined);
  await expect(deliver(webhook(url), "one", ONE)).rejects.toMatchObject({
    down: true,
    message: expect.stringMatching(/^127\.0\.0\.1:\d+ cannot be reached$/) as unknown,
  });
});

test("ends when the signal is aborted", async () => {
  status = undefined;
  const controller = new AbortController();
  const writer = await webhook(server.url).begin(delivery("one"), controller.signal, HELD);
  const committed = writer !== "known" && writer.commit(entryFor("a"));
  controller.abort(new Error("enough"));
  await expect(committed).rejects.toMatchObject({ cause: { message: "enough" } });
});
