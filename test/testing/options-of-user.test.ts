// `server.options(user)` logs a user in, with and without TLS; `crlf` makes messages of template literals.
import { expect, test } from "vitest";
import { Pop3Client } from "../../src/index.ts";
import { crlf, Pop3Server, type Pop3ServerOptions } from "../../src/testing/index.ts";

test.each<[string, Pop3ServerOptions]>([
  ["with TLS from the first byte", { tls: true }],
  ["with STLS", {}],
  ["without TLS", { stls: false }],
])("logs in %s", async (_, options) => {
  const users = {
    ann: { pass: "secret", messages: [crlf("Subject: x\n\ny")] },
    bob: { accessToken: "token-of-bob" },
    eve: {},
  };
  await using server = await Pop3Server.listen({ ...options, users, sasl: ["PLAIN", "XOAUTH2"] });
  for (const user of ["ann", "bob"]) {
    const client = await Pop3Client.connect(server.options(user));
    expect(client.secure).toBe(options.stls !== false);
    await client.quit();
  }
  expect(() => server.options("zoe")).toThrow("unknown user");
  expect(() => server.options("eve")).toThrow("no pass and no accessToken");
});

test.each([
  ["", ""],
  ["a", "a\r\n"],
  ["a\n\nb\n", "a\r\n\r\nb\r\n"],
  ["a\r\nb\n", "a\r\nb\r\n"],
  ["a\rb", "a\rb\r\n"],
])("crlf(%j)", (given, expected) => {
  expect(crlf(given)).toBe(expected);
});
