// A server's words about a refused access token are read, whatever they are, and never contain the token.
import { describe, expect, test } from "vitest";
import fc from "../support/fast-check.ts";
import { parseRefusal } from "../../src/auth/oauth.ts";
import { printable } from "../../src/protocol/printable.ts";
import { Secrets } from "../../src/protocol/secrets.ts";
import { always } from "../support/octets.ts";

const refusal = (said: unknown, secrets: readonly string[] = []): unknown =>
  parseRefusal(Buffer.from(typeof said === "string" ? said : JSON.stringify(said), "utf8"), (text) =>
    printable(text, new Secrets(...secrets)),
  );

test("reads the examples of RFC 7628 sections 4.3 and 4.4", () => {
  const bearer =
    "eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIiwic2NvcGUiOiJleGFtcGxlX3Njb3BlIiwib3BlbmlkLWNvbmZpZ3VyYXRpb24iOiJo" +
    "dHRwczovL2V4YW1wbGUuY29tLy53ZWxsLWtub3duL29wZW5pZC1jb25maWd1cmF0aW9uIn0=";
  expect(parseRefusal(Buffer.from(bearer, "base64"), printable)).toEqual({
    status: "invalid_token",
    scope: "example_scope",
    openidConfiguration: "https://example.com/.well-known/openid-configuration",
  });
  const smtp =
    "eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIiwic2NoZW1lcyI6ImJlYXJlciBtYWMiLCJzY29wZSI6Imh0dHBzOi8vbWFpbC5leGFt" +
    "cGxlLmNvbS8ifQ==";
  expect(parseRefusal(Buffer.from(smtp, "base64"), printable)).toEqual({
    status: "invalid_token",
    schemes: "bearer mac",
    scope: "https://mail.example.com/",
  });
});

test.each([
  ["an empty challenge", ""],
  ["plain text", "Invalid SASL argument"],
  ["half of a JSON object", '{"status":"400"'],
  ["a JSON string", "null"],
  ["null", '"status"'],
  ["a number", "400"],
  ["a list", '[{"status":"400"}]'],
  ["invalid UTF-8", Buffer.from('{"\xff').toString("latin1")],
  ["too many brackets", "[".repeat(8192)],
  ["an object with unknown members only", { error: "invalid_token", __proto__: "x", toString: "y" }],
  [
    "members that are not strings",
    { status: 400, scope: null, schemes: ["bearer"], "openid-configuration": {} },
  ],
])("reads no words from %s", (_, said) => {
  expect(refusal(said)).toEqual({});
});

test("takes the known members and ignores the others", () => {
  expect(refusal('{"x":1,"status":"400","status":"401","scope":7}\n')).toEqual({ status: "401" });
});

describe("the words of a server", () => {
  test("are printable", () => {
    expect(refusal({ status: "\x1b[31m\r\n\u202e" })).toEqual({ status: "\\x1b[31m\\x0d\\x0a\\u202e" });
  });

  test("have a limited length", () => {
    const { status = "" } = refusal({ status: "x".repeat(100_000) }) as { status?: string };
    expect(status).toMatch(/^x+…$/);
    expect(status.length).toBeLessThanOrEqual(1024);
  });

  test.each(["status", "scope", "schemes", "openid-configuration"])("contain no secret: %s", (name) => {
    const said = JSON.stringify({ [name]: "no <hunter2>, hunter2" }).replace("hunter2", "\\u0068unter2");
    expect(Object.values(refusal(said, ["", "hunter2"]) as object)).toEqual(["no <****>, ****"]);
  });

  test("end with no part of a secret if they are cut", () => {
    const said = refusal({ status: `${"x".repeat(510)}hunter2` }, ["hunter2"]);
    expect(JSON.stringify(said)).not.toMatch(/x[hunter]/);
  });
});

test("whatever the octets are, gives strings that can be printed", () => {
  const json = fc.json().map((text) => Buffer.from(`{"status":${text},"scope":${text}}`));
  const octets = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array));
  always(fc.oneof(json, octets), (challenge) => {
    for (const [name, value] of Object.entries(parseRefusal(challenge, printable))) {
      expect(["status", "scope", "schemes", "openidConfiguration"]).toContain(name);
      expect(value).not.toMatch(/\p{Cc}/u);
    }
  });
});
