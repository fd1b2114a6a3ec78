// A SASL mechanism of the caller.
import { describe, expect, test } from "vitest";
import type { SaslMechanism } from "../../../src/index.ts";
import { offering } from "../../support/ann.ts";
import { own } from "./own-mechanism.ts";
import type { Step } from "../../support/scripted-server.ts";
import { login } from "../../support/scripted-session.ts";

const base64 = (text: string): string => Buffer.from(text, "utf8").toString("base64");

/** After the login. */
const CAPA: readonly Step[] = ["C: CAPA", "S: -ERR"];

describe("the caller's mechanism", () => {
  test("gets the user and the connection", async () => {
    const told: unknown[] = [];
    const mechanism: SaslMechanism = {
      ...own({}),
      start: (credentials, context) => {
        told.push(credentials);
        return own({}).start(credentials, context);
      },
    };
    const script = [...offering("SASL X-OWN"), "C: AUTH X-OWN", "S: +OK", ...CAPA];
    expect(await login(script, { mechanism, authzid: "bob" })).toBe("transaction");
    expect(told).toMatchObject([{ user: "ann", pass: "secret", accessToken: "", authzid: "bob" }]);
  });

  test("gets challenges decoded from base64", async () => {
    const script = [
      ...[...offering("SASL X-OWN"), "C: AUTH X-OWN", `S: + ${base64("abc")}`, `C: ${base64("cba")}`],
      ...["S: + ", "C: ", "S: +OK", ...CAPA],
    ];
    expect(await login(script, { mechanism: own({}) })).toBe("transaction");
  });

  test.each([
    ["that is not empty", Buffer.from("hi"), base64("hi")],
    ["that is empty", Buffer.alloc(0), "="],
  ])("can have an initial response %s", async (_, initial, sent) => {
    const script = [
      ...offering("SASL X-OWN"),
      ...[`C: AUTH X-OWN ${sent}`, `S: + ${base64("abc")}`, `C: ${base64("cba")}`, "S: +OK", ...CAPA],
    ];
    expect(await login(script, { mechanism: own({ initial }) })).toBe("transaction");
  });

  test("is used if the server has no CAPA", async () => {
    const script = ["S: +OK", "C: CAPA", "S: -ERR", "C: AUTH X-OWN", "S: +OK", ...CAPA];
    expect(await login(script, { mechanism: own({}) })).toBe("transaction");
  });
});
