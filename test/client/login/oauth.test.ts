// Access tokens: requested for each login, requested again if the server refuses one, and never shown.
import { describe, expect, test } from "vitest";
import { Pop3Client, type OAuthRefusal } from "../../../src/index.ts";
import { offering, said, to, toScript } from "../../support/ann.ts";
import { attempt, TOKEN } from "./attempt.ts";
import { dispenser, listen, MECHANISMS } from "./tokens.ts";
import { codeOf, failureOf } from "../../support/outcome.ts";
import { turns } from "../../support/turns.ts";
import { ScriptedServer, type Step } from "../../support/scripted-server.ts";
import { base64 } from "../../support/secret.ts";
import { expectNothingUnhandled } from "../../support/unhandled.ts";

expectNothingUnhandled();

/** What the embedded server says of a token that it does not take. */
const REFUSED: Readonly<Record<string, OAuthRefusal>> = {
  OAUTHBEARER: {
    status: "invalid_token",
    scope: "mail",
    openidConfiguration: "https://popwright.test/.well-known/openid-configuration",
  },
  XOAUTH2: { status: "400", schemes: "Bearer", scope: "https://mail.popwright.test/" },
};

/** What the client answers to the refusal. */
const ACKNOWLEDGED: Readonly<Record<string, string>> = { OAUTHBEARER: "AQ==", XOAUTH2: "" };

describe.each(MECHANISMS)("%s", (mechanism) => {
  const refusal = REFUSED[mechanism] as OAuthRefusal;

  test("requests a token for each login", async () => {
    const shown: string[] = [];
    await using server = await listen(new Set(["one", "two"]), shown);
    const { calls, accessToken } = dispenser("one", "two");
    for (let login = 0; login < 2; login++) {
      const auth = { user: "ann", mechanism, accessToken };
      const client = await Pop3Client.connect(to(server, { auth }));
      await client.quit();
      await server.idle();
    }
    expect(shown).toEqual(["one", "two"]);
    expect(calls).toEqual([[], []]);
  });

  test.each(["immediately", "later"])(
    "retries an expired token with the next one, which arrives %s",
    async (when) => {
      const shown: string[] = [];
      await using server = await listen(new Set(["fresh"]), shown);
      const calls: unknown[][] = [];
      const accessToken = (...args: unknown[]): string | Promise<string> => {
        calls.push(args);
        const token = calls.length === 1 ? "expired" : "fresh";
        return when === "immediately" ? token : turns().then(() => token);
      };
      await using client = await Pop3Client.connect(
        to(server, { auth: { user: "ann", mechanism, accessToken } }),
      );
      expect(client.state).toBe("transaction");
      expect(shown).toEqual(["expired", "fresh"]);
      expect(calls).toEqual([[], [refusal]]);
    },
  );

  test("rejects after two expired tokens, and requests no third", async () => {
    const shown: string[] = [];
    await using server = await listen(new Set(), shown);
    const { calls, accessToken } = dispenser("one", "two", "three");
    const failure = await failureOf(
      Pop3Client.connect(to(server, { auth: { user: "ann", mechanism, accessToken } })),
    );
    expect(failure).toMatchObject({ code: "POP3_AUTH_REJECTED", responseCode: "AUTH", oauth: refusal });
    expect(shown).toEqual(["one", "two"]);
    expect(calls).toHaveLength(2);
  });

  test("does not send the same token twice", async () => {
    const shown: string[] = [];
    await using server = await listen(new Set(), shown);
    const { calls, accessToken } = dispenser("same", "same");
    const failure = await failureOf(
      Pop3Client.connect(to(server, { auth: { user: "ann", mechanism, accessToken } })),
    );
    expect(failure).toMatchObject({ code: "POP3_AUTH_REJECTED", oauth: refusal });
    expect(shown).toEqual(["same"]);
    expect(calls).toHaveLength(2);
    expect(said(server).filter((line) => line.startsWith("C: AUTH"))).toHaveLength(1);
  });

  test("does not retry a token that is not a function", async () => {
    const shown: string[] = [];
    await using server = await listen(new Set(), shown);
    const auth = { user: "ann", mechanism, accessToken: "expired" };
    const failure = await failureOf(Pop3Client.connect(to(server, { auth })));
    expect(failure).toMatchObject({
      name: "Pop3ReplyError",
      code: "POP3_AUTH_REJECTED",
      text: "[AUTH] the access token is not accepted".slice("[AUTH] ".length),
      oauth: refusal,
      temporary: false,
    });
    expect(failure.message).toContain(`${refusal.status ?? ""}, scope ${refusal.scope ?? ""}`);
    expect(shown).toEqual(["expired"]);
  });

  test("continues the session after two refusals, by hand", async () => {
    const shown: string[] = [];
    const valid = new Set<string>();
    await using server = await listen(valid, shown);
    await using client = await Pop3Client.connect(to(server));
    const { calls, accessToken } = dispenser("one", "two", "three");
    const auth = { user: "ann", mechanism, accessToken };
    expect(await codeOf(client.authenticate(auth))).toBe("POP3_AUTH_REJECTED");
    expect(client.state).toBe("authorization");
    valid.add("three");
    await client.authenticate(auth);
    expect(client.state).toBe("transaction");
    expect(calls).toEqual([[], [refusal], []]);
  });

  const line = new RegExp(`^AUTH ${mechanism} \\S+$`);

  test("acknowledges a refusal in JSON, then rejects", async () => {
    const json = base64('{"status":"401","scope":"mail.read","schemes":"bearer"}');
    await using server = await ScriptedServer.listen([
      ...[...offering(`SASL ${mechanism}`), line, `S: + ${json}`],
      ...[`C: ${ACKNOWLEDGED[mechanism] ?? ""}`, "S: -ERR [AUTH] no"],
    ]);
    const attempted = await attempt(server, { user: "ann", accessToken: TOKEN, mechanism });
    expect(attempted).toMatchObject({ code: "POP3_AUTH_REJECTED", state: "authorization" });
    expect(attempted.error).toMatchObject({
      oauth: { status: "401", scope: "mail.read", schemes: "bearer" },
      responseCode: "AUTH",
      text: "no",
    });
    await server.played();
  });

  test.each<[string, string, OAuthRefusal]>([
    ["is not JSON", "no way", {}],
    ["is not an object", '["400"]', {}],
    ["is null", "null", {}],
    ["has no text", '{"status":401,"scope":{"a":1},"schemes":null}', {}],
    ["has unknown members", '{"__proto__":{"status":"1"},"constructor":"x"}', {}],
    ["is not printable", '{"status":"\\u001b[31m400\\r\\n+OK"}', { status: "\\x1b[31m400\\x0d\\x0a+OK" }],
    [
      "repeats the token",
      JSON.stringify({ status: TOKEN, scope: `a ${TOKEN}` }),
      { status: "****", scope: "a ****" },
    ],
    ["has no end", JSON.stringify({ status: "4".repeat(5000) }), { status: `${"4".repeat(512)}\u2026` }],
  ])("handles a refusal that %s", async (_, json, oauth) => {
    await using server = await ScriptedServer.listen([
      ...[...offering(`SASL ${mechanism}`), line, `S: + ${base64(json)}`, /^/, "S: -ERR"],
    ]);
    const attempted = await attempt(server, { user: "ann", accessToken: TOKEN, mechanism });
    expect(attempted).toMatchObject({ code: "POP3_AUTH_REJECTED", kept: true });
    expect((attempted.error as { oauth?: OAuthRefusal }).oauth).toEqual(oauth);
    await server.played();
  });

  test("passes no words to the function for a refusal without JSON", async () => {
    await using server = await ScriptedServer.listen([
      ...[...offering(`SASL ${mechanism}`), line, "S: -ERR no", line, "S: +OK", "C: CAPA", "S: -ERR"],
    ]);
    const { calls, accessToken } = dispenser("one", "two");
    const client = await Pop3Client.connect(
      toScript(server, { auth: { user: "ann", mechanism, accessToken } }),
    );
    expect(calls).toEqual([[], [{}]]);
    client.close();
    await server.played();
  });

  test.each<[string, Step[], string]>([
    ["is temporary", ["S: -ERR [SYS/TEMP] later"], "POP3_TEMPORARY"],
    ["is an invalid challenge instead", ["S: + ???", "C: *", "S: -ERR"], "POP3_AUTH_PROTOCOL"],
    ["is the end of the connection", ["* close"], "POP3_AUTH_CLOSED"],
    ["is a reset", ["* reset"], "POP3_RESET"],
    ["is an invalid reply", ["S: no"], "POP3_PROTOCOL"],
  ])("requests no other token after a refusal that %s", async (_, steps, code) => {
    await using server = await ScriptedServer.listen([...offering(`SASL ${mechanism}`), line, ...steps]);
    const { calls, accessToken } = dispenser(TOKEN, "two");
    const attempted = await attempt(server, { user: "ann", mechanism, accessToken });
    expect(attempted.code).toBe(code);
    expect(calls).toHaveLength(1);
    await server.played();
  });

  test("sends the message again if the server has overlooked it, once", async () => {
    const message = mechanism === "XOAUTH2" ? /^dXNlcj1hbm4B\S+$/ : /^bixhPWFubi\S+$/;
    const script = [...offering(`SASL ${mechanism}`), line, "S: + ", message, "S: + ", /^/, "S: -ERR no"];
    await using server = await ScriptedServer.listen(script);
    const attempted = await attempt(server, { user: "ann", accessToken: TOKEN, mechanism });
    expect(attempted).toMatchObject({ code: "POP3_AUTH_REJECTED", kept: true });
    expect(attempted.lines.at(-1)).toBe(ACKNOWLEDGED[mechanism]);
    await server.played();
  });
});
