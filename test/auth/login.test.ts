// LOGIN: the user to the first prompt, the password to the second, whatever they say.
import { expect, test } from "vitest";
import { login } from "../../src/auth/login.ts";
import { answer, begin, refused, survives } from "./exchange.ts";

const credentials = { user: "ann", pass: "パス hunter2" };
const PASS = Buffer.from(credentials.pass, "utf8").toString("latin1");

test.each([
  ["Username:", "Password:"],
  ["User Name\0", "Password\0"],
  ["Password:", "Username:"],
  ["", ""],
  ["\xff\0", "Username:"],
])("prompts %j and %j", async (first, second) => {
  const exchange = await begin(login, credentials);
  expect(await answer(exchange, first)).toBe("ann");
  expect(await answer(exchange, second)).toBe(PASS);
});

test("the server speaks first, and its prompts need not be base64", async () => {
  const exchange = await begin(login, credentials);
  expect(exchange.initial).toBeUndefined();
  expect(exchange.promptsOnly).toBe(true);
  expect([login.name, login.cleartext]).toEqual(["LOGIN", true]);
});

test("a third prompt gets nothing", async () => {
  const exchange = await begin(login, credentials);
  await answer(exchange, "Again:");
  await answer(exchange, "Again:");
  const message = "unexpected challenge: the server already has user name and password";
  await refused("POP3_AUTH_PROTOCOL", () => answer(exchange, "Again:"), message);
  await refused("POP3_AUTH_PROTOCOL", () => answer(exchange, "Again:"));
});

test("one exchange keeps nothing of another", async () => {
  await answer(await begin(login, credentials), "");
  expect(await answer(await begin(login, { user: "bob", pass: "two" }), "")).toBe("bob");
});

test("whatever the server sends", async () => {
  await survives(login, ["Username:"]);
});
