// The destination Webhook: what is posted and signed, what each status means, and that no name or redirect leads it into a
// private network.
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer, type AddressInfo, type LookupFunction } from "node:net";
import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Webhook, verifyWebhook, type WebhookOptions } from "../../../src/fetch/index.ts";
import { isPrivate } from "../../../src/net/http-post.ts";
import { stopClocks, timePasses } from "../../support/clock.ts";
import { begun, deliver, delivery, keyOf, MESSAGES } from "../../support/delivery.ts";
import { entryFor } from "../../support/ledger.ts";
import { HttpServer, type HttpAnswer, type HttpRequest } from "./http-server.ts";

const ONE = Buffer.from("Subject: one\r\n\r\n\xff1\r\n", "latin1");
const secretOf = (letter: string): string => `whsec_${Buffer.alloc(32, letter).toString("base64")}`;
const [A, B, C] = ["a", "b", "c"].map(secretOf) as [string, string, string];

let server: HttpServer;
let answer: HttpAnswer | undefined;
beforeEach(async () => {
  answer = { status: 204 };
  server = await HttpServer.listen(() => answer);
});
afterEach(() => server.close());

const webhook = (options: WebhookOptions = {}): Webhook =>
  new Webhook(`${server.url}/mail?box=1`, { allowPrivate: true, ...options });

describe("a request", () => {
  test("has the message as its body, and is signed by each secret", async () => {
    const destination = webhook({ secrets: [A, B], headers: { authorization: "Bearer hunter2" } });
    const writer = await destination.begin(
      delivery("u/1", { headersOnly: true, mailbox: "ann@pöp.test:995" }),
    );
    await writer.write(Buffer.from(ONE));
    expect(await writer.commit(entryFor("a"))).toBe("new");
    const [request] = server.requests;
    const key = keyOf("u/1");
    expect(request).toMatchObject({
      method: "POST",
      path: "/mail?box=1",
      headers: {
        authorization: "Bearer hunter2",
        "content-type": "message/rfc822",
        "content-length": String(ONE.length),
        "webhook-id": key,
        "idempotency-key": key,
        "popwright-mailbox": "ann%40p%C3%B6p.test%3A995",
        "popwright-unique-id": "u%2F1",
        "popwright-headers-only": "1",
      },
      body: ONE,
    });
    const time = request?.headers["webhook-timestamp"] as string;
    const signed = Buffer.concat([Buffer.from(`${key}.${time}.`), ONE]);
    expect(request?.headers["webhook-signature"]).toBe(
      ["a", "b"]
        .map(
          (letter) => `v1,${createHmac("sha256", Buffer.alloc(32, letter)).update(signed).digest("base64")}`,
        )
        .join(" "),
    );
    for (const secret of [A, B, [C, A]])
      expect(verifyWebhook(request?.headers ?? {}, ONE, secret)).toEqual({
        id: key,
        timestamp: new Date(Number(time) * 1000),
      });
  });

  test("is refused if its id has a full stop, which would make one signature hold for two requests", () => {
    const [id, time] = ["a", String(Math.floor(Date.now() / 1000))];
    // What a stranger writes into a message is signed as well.
    const body = Buffer.from(`${time}.later`);
    const signature = (key: string): string =>
      `v1,${createHmac("sha256", key).update(`${id}.${time}.`).update(body).digest("base64")}`;
    const fields = { "webhook-timestamp": time, "webhook-signature": signature("a".repeat(32)) };
    expect(verifyWebhook({ ...fields, "webhook-id": id }, body, A).id).toBe(id);
    expect(() =>
      verifyWebhook({ ...fields, "webhook-id": `${id}.${time}` }, Buffer.from("later"), A),
    ).toThrow("the webhook is not authentic: webhook-id must not contain a full stop");
  });

  test("can be JSON, for receivers that verify text only", async () => {
    const writer = await webhook({ secrets: A, format: "json" }).begin(delivery("u1", { size: 30 }));
    await writer.write(Buffer.from(ONE));
    await writer.commit(entryFor("a"));
    const [{ headers, body }] = server.requests as [HttpRequest];
    expect(headers["content-type"]).toBe("application/json");
    verifyWebhook(headers, body, A);
    expect(JSON.parse(body.toString())).toMatchObject({
      type: "mail.received",
      timestamp: new Date(Number(headers["webhook-timestamp"]) * 1000).toISOString(),
      data: {
        key: keyOf("u1"),
        mailbox: "ann@pop.test:995",
        uid: "u1",
        size: 30,
        headersOnly: false,
        message: ONE.toString("base64"),
      },
    });
  });

  test("is not signed without a secret", async () => {
    await deliver(webhook(), "one", ONE);
    expect(server.requests[0]?.headers).not.toHaveProperty("webhook-signature");
  });

  test("is sent again if the server has closed the connection that was kept", async () => {
    const destination = webhook();
    await deliver(destination, "one", ONE);
    server.closeIdle();
    expect(await deliver(destination, "two", ONE)).toBe("new");
    expect(server.requests).toHaveLength(2);
  });

  test("is not sent for an aborted or too large message", async () => {
    const writer = await begun(webhook(), "one");
    await writer.write(Buffer.from(ONE));
    await writer.abort();
    await expect(deliver(webhook({ limit: 10 }), "one", ONE)).rejects.toMatchObject({
      message: "the message is larger than 10 bytes (limit of Webhook)",
      down: false,
    });
    expect(server.requests).toEqual([]);
  });

  test("ends when the signal is aborted", async () => {
    answer = undefined;
    const controller = new AbortController();
    const writer = await begun(webhook(), "one", controller.signal);
    const committed = writer.commit(entryFor("a"));
    controller.abort(new Error("enough"));
    await expect(committed).rejects.toMatchObject({ code: "POP3_ABORTED", cause: { message: "enough" } });
  });
});

describe("the status", () => {
  test.each([
    [200, "new"],
    [202, "new"],
    [409, "known"],
  ])("%i: %s", async (status, outcome) => {
    answer = { status };
    expect(await deliver(webhook(), "one", ONE)).toBe(outcome);
  });

  test.each<readonly [status: number, error: object]>([
    [400, { down: false, later: false }],
    [413, { down: false, later: false }],
    [422, { down: false, later: false }],
    [408, { down: false, later: true }],
    [425, { down: false, later: true }],
    [500, { down: false, later: true }],
    [505, { down: false, later: true }],
    ...[429, 502, 503, 504, 507].map((status) => [status, { down: true, later: true }] as const),
    ...[401, 403, 404, 405, 407, 410, 421].map((status) => [status, { down: true, later: true }] as const),
  ])("%i is a refusal: %j", async (status, error) => {
    answer = { status, body: `no\u202e ${"x".repeat(9000)}` };
    const refused = deliver(webhook(), "one", ONE);
    await expect(refused).rejects.toMatchObject({ code: "POP3_DESTINATION", ...error });
    await expect(refused).rejects.toThrow(new RegExp(`answered HTTP ${status}: no\\\\u202e x{196}$`));
  });

  test.each([301, 302, 303, 307, 308])("%i is not followed", async (status) => {
    let asked = 0;
    const other = await HttpServer.listen(() => {
      asked++;
      return { status: 204 };
    });
    answer = { status, headers: { location: `${other.url}/hunter2` } };
    const refused = deliver(webhook(), "one", ONE);
    await expect(refused).rejects.toMatchObject({
      down: true,
      message: `${new URL(server.url).host} redirects to ${new URL(other.url).host} (HTTP ${status}), which is not followed: use the new URL`,
    });
    await other.close();
    expect(asked).toBe(0);
  });

  describe("with Retry-After", () => {
    beforeEach(() => {
      vi.useFakeTimers({ toFake: ["Date", "performance"] });
    });
    afterEach(() => {
      vi.useRealTimers();
    });

    test.each([
      ["60", 60],
      ["999999", 3600],
      [new Date(Date.now() + 120_000).toUTCString(), undefined],
    ])("nothing is sent before its time: %s", async (value, seconds) => {
      answer = { status: 500, headers: { "retry-after": value } };
      const destination = webhook();
      const writer = await begun(destination, "two");
      await expect(deliver(destination, "one", ONE)).rejects.toMatchObject({ down: true });
      answer = { status: 204 };
      await expect(deliver(destination, "one", ONE)).rejects.toMatchObject({ down: true });
      await expect(writer.commit(entryFor("a"))).rejects.toThrow("wants no requests for another");
      expect(server.requests).toHaveLength(1);
      if (seconds !== undefined) vi.advanceTimersByTime(seconds * 1000 - 1);
      await expect(deliver(destination, "one", ONE)).rejects.toThrow("wants no requests for another");
      vi.advanceTimersByTime(seconds === undefined ? 3_600_000 : 1);
      expect(await deliver(destination, "one", ONE)).toBe("new");
    });
  });
});

describe("a server that does not answer", () => {
  test("is down if nothing listens", async () => {
    const { url } = server;
    await server.close();
    server = await HttpServer.listen(() => undefined);
    await expect(deliver(new Webhook(url, { allowPrivate: true }), "one", ONE)).rejects.toMatchObject({
      down: true,
      message: expect.stringMatching(/^127\.0\.0\.1:\d+ cannot be reached: connect ECONNREFUSED/) as unknown,
    });
  });

  test("may be slow because of this message", async () => {
    answer = undefined;
    // The time limit of the socket, which no test waits for: it is already over.
    await expect(deliver(webhook({ timeout: 1 }), "one", ONE)).rejects.toMatchObject({
      down: false,
      later: true,
      message: expect.stringMatching(/did not answer in time$/) as unknown,
    });
  });
});

describe("with stopped clocks", () => {
  stopClocks();

  test.each([
    ["replies before the reply", "HTTP/1.1 103 Early Hints\r\n\r\n", undefined],
    ["a part of a status line", "HTTP/1.1 2", undefined],
    ["a part of the header", "HTTP/1.1 204 No Content\r\nx-slow: ", undefined],
    // The status is the answer.
    ["a part of the body", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n1", "new"],
    ["a part of the body of a refusal", "HTTP/1.1 409 Conflict\r\ncontent-length: 9\r\n\r\n1", "known"],
  ])("a server that sends %s and no more is given up in the end", async (_what, reply, outcome) => {
    const slow = createServer((socket) => {
      socket.on("error", () => undefined).write(reply);
      socket.resume();
    });
    slow.listen(0, "127.0.0.1");
    await once(slow, "listening");
    const { port } = slow.address() as AddressInfo;
    const destination = new Webhook(`http://127.0.0.1:${port}/`, { allowPrivate: true });
    const delivered = timePasses(deliver(destination, "one", ONE));
    if (outcome !== undefined) expect(await delivered).toBe(outcome);
    else {
      await expect(delivered).rejects.toMatchObject({
        down: false,
        later: true,
        message: expect.stringMatching(/did not answer in time$/) as unknown,
      });
    }
    slow.close();
    await once(slow, "close");
  });
});

test.each([Infinity, 2 ** 31])("the timeout may be %d", async (timeout) => {
  expect(await deliver(webhook({ timeout }), "one", ONE)).toBe("new");
});

describe("secrets", () => {
  const hidden = (error: unknown): void => {
    const all = `${String(error)}${inspect(error, { depth: 9, showHidden: true })}${JSON.stringify(error)}`;
    expect(all).not.toMatch(/hunter2/);
    expect(all).toContain("****");
  };

  test.each<[string, WebhookOptions, string]>([
    ["a token", { headers: { authorization: "Bearer hunter2-token" } }, "no right: hunter2-token"],
    ["a field", { headers: { "x-api-key": "hunter2-key" } }, "the key HUNTER2-KEY has ended"],
    [
      "a password",
      { headers: { authorization: `Basic ${btoa("ann:hunter2-pass")}` } },
      "hunter2-pass is wrong",
    ],
    ["the address", {}, "Cannot POST /hooks/hunter2-hunter2-hunter2?key=hunter2-key"],
    ["the query", {}, "the key hunter2-key has ended"],
    ["a part of the path", {}, "there is no hook hunter2-hunter2-hunter2"],
    ["one that is cut", { headers: { "x-api-key": "hunter2-key" } }, `${"x".repeat(194)}hunter2-key`],
  ])("a receiver that repeats %s: no error shows it", async (_what, options, body) => {
    for (const status of [400, 500]) {
      answer = { status, body };
      const url = `${server.url}/hooks/hunter2-hunter2-hunter2?key=hunter2-key`;
      const refused = deliver(new Webhook(url, { allowPrivate: true, ...options }), "one", ONE);
      hidden(await refused.then(String, (error: unknown) => error));
    }
  });

  test("that are undefined do not switch the signature off", () => {
    expect(() => webhook({ secrets: undefined as never })).toThrow(
      "webhook.secrets is undefined: if it comes from an environment variable, is that set?",
    );
  });
});

describe("private networks", () => {
  const resolves =
    (...addresses: string[]): LookupFunction =>
    (_name, options, callback) => {
      if (options.all === true)
        callback(
          null,
          addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 })),
        );
      else callback(null, addresses[0] as string, 4);
    };

  test.each([
    "https://127.0.0.1/",
    "https://127.1/",
    "https://0x7f.1/",
    "https://2130706433/",
    "https://0.0.0.0/",
    "https://[::1]/",
    "https://[::]/",
    "https://[::ffff:10.0.0.1]/",
    "https://169.254.169.254/",
    "https://[fd00::1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[::7f00:1]/",
    "https://[::ffff:0:7f00:1]/",
    "https://[2001::1]/",
    "https://[fec0::1]/",
  ])("%s is refused before anything is sent", async (url) => {
    await expect(deliver(new Webhook(url), "one", ONE)).rejects.toMatchObject({
      down: true,
      message: expect.stringMatching(/belongs to a private network\. Set allowPrivate/) as unknown,
    });
  });

  test.each([[["10.0.0.1"]], [["93.184.216.34", "192.168.1.1"]], [["::ffff:127.0.0.1"]], [["fe80::1"]]])(
    "a name with the addresses %j is refused",
    async (addresses) => {
      const destination = new Webhook("https://app.example.com/", { lookup: resolves(...addresses) });
      await expect(deliver(destination, "one", ONE)).rejects.toMatchObject({
        down: true,
        message: expect.stringMatching(
          /^app\.example\.com cannot be reached: the address \S+ belongs/,
        ) as unknown,
      });
    },
  );

  test.each<[string, unknown, unknown, RegExp]>([
    ["undefined in place of null", undefined, "127.0.0.1", /belongs to a private network/],
    ["an address with a zone", null, [{ address: "fe80::1%lo", family: 6 }], /belongs to a private network/],
    ["no addresses", null, [], /the lookup found no address/],
    ["nothing", null, undefined, /the lookup found no address/],
    ["null", null, [null], /the lookup found no address/],
    ["a name", null, "localhost", /the lookup found no address/],
  ])("a lookup of the program that says %s leads nowhere", async (_what, error, found, words) => {
    const lookup: LookupFunction = (_name, _options, callback) => {
      callback(error as null, found as string, 4);
    };
    const destination = new Webhook("https://app.example.com/", { lookup });
    await expect(deliver(destination, "one", ONE)).rejects.toMatchObject({
      down: true,
      message: expect.stringMatching(words) as unknown,
    });
  });

  test("a lookup of the program that throws is down", async () => {
    const lookup = (): never => {
      throw new Error("no names here");
    };
    const destination = new Webhook("https://app.example.com/", { lookup });
    await expect(deliver(destination, "one", ONE)).rejects.toMatchObject({
      down: true,
      message: "app.example.com cannot be reached: no names here",
    });
  });

  test("are allowed if the option says so, by the same lookup", async () => {
    const { port } = new URL(server.url);
    const destination = new Webhook(`http://app.example.com:${port}/`, {
      allowPrivate: true,
      lookup: resolves("127.0.0.1"),
    });
    expect(await deliver(destination, "one", ONE)).toBe("new");
  });

  test.each(["8.8.8.8", "93.184.216.34", "2606:2800:220:1::1", "::ffff:8.8.8.8"])(
    "%s is public",
    (address) => {
      expect(isPrivate(address)).toBe(false);
    },
  );
});

describe("verifyWebhook", () => {
  const NOW = 1_700_000_000;
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["Date"], now: NOW * 1000 });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const fields = (time = NOW, letter = "a"): Record<string, string> => {
    const signed = Buffer.concat([Buffer.from(`key.${time}.`), ONE]);
    const digest = createHmac("sha256", Buffer.alloc(32, letter)).update(signed).digest("base64");
    return {
      "webhook-id": "key",
      "webhook-timestamp": String(time),
      "webhook-signature": `v1a,AAAA v1,${digest}`,
    };
  };

  test("takes the fields of Node and of fetch", () => {
    const verified = { id: "key", timestamp: new Date(NOW * 1000) };
    expect(verifyWebhook(fields(), ONE, A)).toEqual(verified);
    expect(verifyWebhook(new Headers(fields()), ONE, A)).toEqual(verified);
    const upper = Object.entries(fields()).map(([name, value]) => [name.toUpperCase(), value]);
    expect(verifyWebhook(Object.fromEntries(upper) as Record<string, string>, ONE, A)).toEqual(verified);
  });

  test.each([-300, 300])("takes a time %d s away, and none beyond", (seconds) => {
    verifyWebhook(fields(NOW + seconds), ONE, A);
    const beyond = NOW + seconds + Math.sign(seconds);
    expect(() => verifyWebhook(fields(beyond), ONE, A)).toThrow("is more than 300 s away");
    verifyWebhook(fields(beyond), ONE, A, { tolerance: 301 });
  });

  test.each([
    [fields(NOW, "b"), "no signature is right"],
    [{ ...fields(), "webhook-id": "other" }, "no signature is right"],
    [{ ...fields(), "webhook-timestamp": String(NOW + 1) }, "no signature is right"],
    [{ ...fields(), "webhook-timestamp": "soon" }, "must be in seconds"],
    [{ ...fields(), "webhook-signature": "v1," }, "no signature is right"],
    [{ ...fields(), "webhook-signature": "" }, "no signature is right"],
    [{ ...fields(), "webhook-id": undefined }, "a field is missing"],
    [{}, "a field is missing"],
  ])("refuses %j", (headers, words) => {
    expect(() => verifyWebhook(headers, ONE, [A, C])).toThrow(
      expect.objectContaining({
        code: "POP3_WEBHOOK",
        message: expect.stringContaining(words) as unknown,
      }),
    );
  });

  test("refuses another body", () => {
    for (const body of [Buffer.from("x"), Buffer.alloc(0), Buffer.concat([ONE, Buffer.of(0)])])
      expect(() => verifyWebhook(fields(), body, A)).toThrow("no signature is right");
  });
});

describe("check", () => {
  test.each([204, 404, 405])("asks with OPTIONS, and posts nothing: HTTP %d", async (status) => {
    answer = { status };
    expect(await webhook({ secrets: [A, B] }).check()).toEqual({
      lines: [
        {
          name: "connection",
          ok: true,
          text: `${new URL(server.url).host} answers (HTTP ${status} to OPTIONS)`,
        },
        { name: "signature", ok: true, text: "requests are signed by 2 secrets" },
      ],
    });
    expect(server.requests.map(({ method, body }) => [method, body.length])).toEqual([["OPTIONS", 0]]);
  });

  test.each<[string, () => Webhook, string]>([
    [
      "a redirect",
      () => ((answer = { status: 302, headers: { location: "https://x.test/" } }), webhook()),
      "x.test",
    ],
    ["a server that is down", () => ((answer = { status: 503 }), webhook()), "HTTP 503"],
    ["a silent server", () => ((answer = undefined), webhook({ timeout: 50 })), "did not answer in time"],
    ["a private address", () => new Webhook("https://127.0.0.1:1/"), "private network"],
    ["no server", () => new Webhook("http://127.0.0.1:1/", { allowPrivate: true }), "ECONNREFUSED"],
  ])("tells of %s", async (_, made, words) => {
    const { lines } = await made().check();
    expect(lines).toEqual([
      { name: "connection", ok: false, text: expect.stringContaining(words) as unknown },
    ]);
  });

  test("rejects if it is aborted", async () => {
    await expect(webhook().check(AbortSignal.abort())).rejects.toMatchObject({ code: "POP3_ABORTED" });
  });
});

test.each(Object.entries(MESSAGES))("signs every message: %s", async (title, message) => {
  await deliver(webhook({ secrets: A }), title, message);
  const [request] = server.requests;
  verifyWebhook(request?.headers ?? {}, request?.body ?? Buffer.alloc(0), A);
});
