// LOGIN: the user to the first prompt, the password to the second, whatever they say.
import { expect, test } from "vitest";
import { login } from "../../src/auth/login.ts";

const credentials = { user: "ann", pass: "パス hunter2", authzid: "" };

test.each([
  ["Username:", "Password:"],
  ["User Name\0", "Password\0"],
  ["Password:", "Username:"],
  ["", ""],
  ["\xff\0", "Username:"],
])("prompts %j and %j", (first, second) => {
  const exchange = login.start(credentials);
  expect(exchange.respond(Buffer.from(first, "latin1"))).toEqual(Buffer.from("ann"));
  expect(exchange.respond(Buffer.from(second, "latin1"))).toEqual(Buffer.from("パス hunter2", "utf8"));
});

test("the server speaks first, and its prompts need not be base64", () => {
  const exchange = login.start(credentials);
  expect(exchange.initial).toBeUndefined();
  expect(exchange.promptsOnly).toBe(true);
  expect([login.name, login.cleartext]).toEqual(["LOGIN", true]);
});

test("a third prompt gets nothing", () => {
  const exchange = login.start(credentials);
  const prompt = Buffer.from("Again:");
  exchange.respond(prompt);
  exchange.respond(prompt);
  const tooMuch = expect.objectContaining({ code: "POP3_AUTH_PROTOCOL" }) as Error;
  expect(() => exchange.respond(prompt)).toThrow(tooMuch);
  expect(() => exchange.respond(prompt)).toThrow(tooMuch);
});

test("one exchange keeps nothing of another", () => {
  login.start(credentials).respond(Buffer.alloc(0));
  const other = login.start({ user: "bob", pass: "two", authzid: "" });
  expect(other.respond(Buffer.alloc(0)).toString()).toBe("bob");
});
