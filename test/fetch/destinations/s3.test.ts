// The recipe for S3 buckets, against a server that stores objects and refuses to overwrite them.
import { afterEach, beforeEach, expect, test } from "vitest";
import { bucket } from "../../../examples/destinations/s3.ts";
import { deliver, keyOf, MESSAGES } from "../../support/delivery.ts";
import { HttpServer, type HttpAnswer } from "./http-server.ts";

const ONE = Buffer.from("Subject: one\r\n\r\n1\r\n");

let server: HttpServer;
let objects: Map<string | undefined, Buffer>;
let refusal: HttpAnswer | undefined;
beforeEach(async () => {
  objects = new Map();
  refusal = undefined;
  server = await HttpServer.listen(({ method, path, headers, body }) => {
    if (refusal !== undefined) return refusal;
    if (headers.authorization !== "signed" || method !== "PUT" || headers["if-none-match"] !== "*")
      return { status: 403 };
    if (objects.has(path)) return { status: 412, body: "<Error><Code>PreconditionFailed</Code></Error>" };
    objects.set(path, body);
    return { status: 200 };
  });
});
afterEach(() => server.close());

function sign(request: Request): Request {
  request.headers.set("authorization", "signed");
  return request;
}

test("keeps each message as an object", async () => {
  const destination = bucket(`${server.url}/mail/inbox/`, sign);
  expect(await deliver(destination, "one", ONE)).toBe("new");
  expect(objects).toEqual(new Map([[`/mail/inbox/${keyOf("one")}.eml`, ONE]]));
  expect(server.requests[0]?.headers).toMatchObject({
    "content-type": "message/rfc822",
    "content-length": String(ONE.length),
  });
});

test.each(Object.entries(MESSAGES))("keeps the octets: %s", async (title, message) => {
  expect(await deliver(bucket(server.url, sign), title, message)).toBe("new");
  expect(objects.get(`/${keyOf(title)}.eml`)?.equals(message)).toBe(true);
});

test("overwrites nothing", async () => {
  expect(await deliver(bucket(server.url, sign), "one", ONE)).toBe("new");
  expect(
    await deliver(
      bucket(server.url, async (request) => sign(request)),
      "one",
      Buffer.from("2"),
    ),
  ).toBe("known");
  expect([...objects.values()]).toEqual([ONE]);
});

test.each([
  [
    400,
    "<Error><Code>EntityTooLarge</Code></Error>",
    { down: false, later: false, message: "HTTP 400 EntityTooLarge" },
  ],
  [
    403,
    "<Error><Code>AccessDenied</Code></Error>",
    { down: true, later: true, message: "HTTP 403 AccessDenied" },
  ],
  [404, "<Error><Code>NoSuchBucket</Code></Error>", { down: true, later: true }],
  [409, "", { down: false, later: true, message: "HTTP 409 Conflict" }],
  [503, "<Error><Code>SlowDown</Code></Error>", { down: false, later: true, message: "HTTP 503 SlowDown" }],
])("HTTP %i %s", async (status, body, error) => {
  refusal = { status, body };
  await expect(deliver(bucket(server.url, sign), "one", ONE)).rejects.toMatchObject({
    code: "POP3_DESTINATION",
    ...error,
  });
});

test("is down if the server does not answer", async () => {
  const { url } = server;
  await server.close();
  server = await HttpServer.listen(() => undefined);
  await expect(deliver(bucket(url, sign), "one", ONE)).rejects.toMatchObject({ down: true });
});
