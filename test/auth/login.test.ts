// LOGIN sends the user to the first prompt and the password to the second, whatever the prompts say.
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
])("answers the prompts %j and %j", async (first, second) => {
  const exchange = await begin(login, credentials);
  expect(await answer(exchange, first)).toBe("ann");
  expect(await answer(exchange, second)).toBe(PASS);
});

test("waits for the server's first prompt, and accepts prompts that are not base64", async () => {
  const exchange = await begin(login, credentials);
  expect(exchange.initial).toBeUndefined();
  expect(exchange.promptsOnly).toBe(true);
  expect([login.name, login.cleartext]).toEqual(["LOGIN", true]);
});

test("rejects a third prompt", async () => {
  const exchange = await begin(login, credentials);
  await answer(exchange, "Again:");
  await answer(exchange, "Again:");
  const message = "unexpected challenge: the server already has user name and password";
  await refused("POP3_AUTH_PROTOCOL", () => answer(exchange, "Again:"), message);
  await refused("POP3_AUTH_PROTOCOL", () => answer(exchange, "Again:"));
});

test("shares nothing between exchanges", async () => {
  await answer(await begin(login, credentials), "");
  expect(await answer(await begin(login, { user: "bob", pass: "two" }), "")).toBe("bob");
});

test("settles with a response or a typed error, whatever the server sends", async () => {
  await survives(login, ["Username:"]);
});
