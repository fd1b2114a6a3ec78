// The source of an access token: if the function fails or never answers, its error is the caller's, and
// nothing is sent.
import { describe, expect, test } from "vitest";
import { Pop3Client, type Pop3Auth } from "../../../src/index.ts";
import { offering, to, toScript } from "../../support/ann.ts";
import { ANN, attempt } from "./attempt.ts";
import { dispenser, listen } from "./tokens.ts";
import { codeOf, settledCode } from "../../support/outcome.ts";
import { ScriptedServer } from "../../support/scripted-server.ts";
import { expectNothingUnhandled } from "../../support/unhandled.ts";

expectNothingUnhandled();

describe("a function that gives no token", () => {
  const error = new Error("the user has gone");
  const PLACES: [string, string[], number][] = [
    ["at first", [], 0],
    ["after a refusal", ["one"], 1],
  ];

  /** Against a server that refuses one token; gives the error, and how many were shown. */
  async function refused(accessToken: Pop3Auth["accessToken"]): Promise<[unknown, number]> {
    const shown: string[] = [];
    await using server = await listen(new Set(), shown);
    const auth = { user: "ann", ...(accessToken !== undefined && { accessToken }) };
    const failure: unknown = await Pop3Client.connect(to(server, { auth })).catch(
      (thrown: unknown) => thrown,
    );
    return [failure, shown.length];
  }

  describe.each(PLACES)("%s", (_, before, count) => {
    test("throws: rejects with its error", async () => {
      const { accessToken } = dispenser(...before, error);
      expect(await refused(accessToken)).toEqual([error, count]);
    });

    test("rejects: rejects with its error", async () => {
      const given = [...before];
      const accessToken = (): Promise<string> => {
        const next = given.shift();
        return next === undefined ? Promise.reject(error) : Promise.resolve(next);
      };
      expect(await refused(accessToken)).toEqual([error, count]);
    });

    test.each([undefined, "", null, 5, Buffer.from("token"), {}])("gives %o: rejects", async (nothing) => {
      const { accessToken } = dispenser(...before, nothing);
      const [failure, shown] = await refused(accessToken);
      expect(failure).toMatchObject({ code: "POP3_INVALID_ARGUMENT" });
      expect(shown).toBe(count);
    });

    test.each(["to ken", "token\r\nDELE 1", "token\x01", "t\u00f6ken", "token\0"])(
      "gives %j, which is not a token: rejects",
      async (wrong) => {
        const { accessToken } = dispenser(...before, wrong);
        const [failure, shown] = await refused(accessToken);
        expect(failure).toMatchObject({ code: "POP3_INVALID_ARGUMENT" });
        expect(String(failure)).not.toContain(wrong);
        expect(shown).toBe(count);
      },
    );

    test.each([
      ["the signal", "POP3_ABORTED"],
      ["close()", "POP3_CLOSED"],
    ])("never settles: %s ends the login", async (how, code) => {
      const shown: string[] = [];
      await using server = await listen(new Set(), shown);
      const controller = new AbortController();
      const given = [...before];
      let waiting: () => void = () => undefined;
      const waits = new Promise<void>((resolve) => (waiting = resolve));
      const accessToken = (): Promise<string> => {
        const next = given.shift();
        if (next !== undefined) return Promise.resolve(next);
        waiting();
        return new Promise(() => {});
      };
      const client = new Pop3Client(to(server, { auth: { user: "ann", accessToken } }));
      const call = client.connect({ signal: controller.signal });
      call.catch(() => undefined);
      await waits;
      if (how === "close()") client.close();
      else controller.abort();
      expect(await settledCode(call)).toBe(code);
      expect(client.state).toBe("closed");
      expect(shown).toHaveLength(count);
    });
  });
});

test.each([
  ["there is no TLS", "SASL OAUTHBEARER", "POP3_TLS_REQUIRED"],
  ["the server offers no mechanism for it", "SASL PLAIN SCRAM-SHA-256", "POP3_AUTH_NO_MECHANISM"],
])("does not call the function if %s", async (_, offered, code) => {
  const { calls, accessToken } = dispenser("one");
  await using server = await ScriptedServer.listen(offering(offered, "USER"));
  const options = toScript(server, { stls: "if-offered", auth: { user: "ann", accessToken } });
  expect(await codeOf(Pop3Client.connect(options))).toBe(code);
  await server.played();
  expect(server.lines).toEqual(["CAPA"]);
  expect(calls).toEqual([]);
});

test("does not use a token as a password, nor a password as a token", async () => {
  const { calls, accessToken } = dispenser("one", "two");
  await using server = await ScriptedServer.listen([
    ...[...offering("SASL PLAIN OAUTHBEARER"), /^AUTH PLAIN /, "S: -ERR no"],
  ]);
  const attempted = await attempt(server, { ...ANN, accessToken, mechanism: "PLAIN" });
  expect(attempted).toMatchObject({ code: "POP3_AUTH_REJECTED" });
  expect(calls).toEqual([]);
  await server.played();
});
