// Which login method is chosen, and what is never sent in clear text.
import { describe, expect, test } from "vitest";
import { Pop3Client, type Pop3Auth } from "../../../src/index.ts";
import { auth, listen, offering, said, to, toScript } from "../../support/ann.ts";
import { codeOf } from "../../support/outcome.ts";
import { own } from "./own-mechanism.ts";
import { ScriptedServer, type Step } from "../../support/scripted-server.ts";
import { login } from "../../support/scripted-session.ts";

const base64 = (text: string): string => Buffer.from(text, "utf8").toString("base64");

const PLAIN = base64("\0ann\0secret");

/** After the login. */
const CAPA: readonly Step[] = ["C: CAPA", "S: -ERR"];

describe("the choice", () => {
  test.each<[string, Parameters<typeof listen>[0], string]>([
    ["PLAIN, if it is offered", {}, "C: AUTH PLAIN ****"],
    ["LOGIN, if there is no PLAIN", { sasl: ["LOGIN"] }, "C: AUTH LOGIN"],
    ["USER, if there is no SASL", { sasl: [] }, "C: USER ann"],
    [
      "APOP over TLS, if nothing else is offered",
      { sasl: [], user: false, capabilities: () => ["SASL X-A"] },
      "C: APOP ann ****",
    ],
  ])("is %s", async (_, options, line) => {
    await using server = await listen({ tls: true, ...options });
    await using client = await Pop3Client.connect(to(server, { auth }));
    expect(client.state).toBe("transaction");
    expect(said(server)).toContain(line);
  });

  test("is the first of the requested mechanisms, in the caller's order", async () => {
    await using server = await listen({ tls: true });
    const mechanisms = ["LOGIN", "PLAIN"];
    await using client = await Pop3Client.connect(to(server, { auth: { ...auth, mechanisms } }));
    expect(client.state).toBe("transaction");
    expect(said(server)).toContain("C: AUTH LOGIN");
  });

  test.each<[string, string[], Partial<Pop3Auth>]>([
    ["the requested PLAIN is not offered", ["SASL LOGIN", "USER"], { mechanism: "PLAIN" }],
    ["the requested LOGIN is not offered", ["SASL PLAIN", "USER"], { mechanism: "LOGIN" }],
    ["none of the requested list is offered", ["USER", "SASL GSSAPI"], { mechanisms: ["PLAIN", "LOGIN"] }],
    ["only unknown mechanisms are offered", ["SASL GSSAPI NTLM"], {}],
  ])("rejects if %s", async (_, offered, given) => {
    await using server = await ScriptedServer.listen(offering(...offered));
    const call = Pop3Client.connect(toScript(server, { auth: { ...auth, ...given } }));
    await expect(call).rejects.toMatchObject({ code: "POP3_AUTH_NO_MECHANISM" });
    await server.played();
    expect(server.lines).toEqual(["CAPA"]);
  });

  test("rejects an unknown mechanism", async () => {
    await using server = await ScriptedServer.listen(offering("USER"));
    const given = { ...auth, mechanism: "X-UNHEARD" };
    const code = await codeOf(
      (async () => {
        await Pop3Client.connect(toScript(server, { auth: given }));
      })(),
    );
    expect(code).toBe("POP3_CONFIG");
    await server.played();
    expect(["", "CAPA\r\n"]).toContain(server.clear);
  });

  test("finds PLAIN among thousands of unknown mechanisms", async () => {
    const names = Array.from({ length: 700 }, (_, index) => `X-${String(index)}`).join(" ");
    const script = [
      ...offering(...Array.from({ length: 8 }, () => `SASL ${names}`), "SASL PLAIN"),
      ...[`C: AUTH PLAIN ${PLAIN}`, "S: +OK", ...CAPA],
    ];
    expect(await login(script)).toBe("transaction");
  });
});

describe("in clear text", () => {
  test.each<[string, string[], Partial<Pop3Auth>]>([
    ["PASS", ["USER"], {}],
    ["PLAIN", ["SASL PLAIN"], {}],
    ["LOGIN", ["SASL LOGIN"], {}],
    ["PASS, even on request", ["USER"], { mechanism: "USER" }],
    ["PLAIN, even on request", ["SASL PLAIN"], { mechanism: "PLAIN" }],
    ["PLAIN, even with an APOP timestamp", ["SASL PLAIN"], {}],
    ["the caller's mechanism with cleartext true", ["SASL X-OWN"], { mechanism: own({ cleartext: true }) }],
  ])("rejects %s", async (_, offered, given) => {
    let asked = 0;
    const pass = (): string => {
      asked++;
      return "secret";
    };
    await using server = await ScriptedServer.listen(offering(...offered));
    const call = Pop3Client.connect(
      toScript(server, { stls: "if-offered", auth: { ...auth, pass, ...given } }),
    );
    await expect(call).rejects.toMatchObject({ code: "POP3_TLS_REQUIRED" });
    await server.played();
    expect(server.lines).toEqual(["CAPA"]);
    expect(asked).toBe(0);
  });

  test("rejects pass() by hand", async () => {
    await using server = await ScriptedServer.listen([...offering("USER"), "C: USER ann", "S: +OK"]);
    const client = await Pop3Client.connect(toScript(server, { stls: "if-offered" }));
    await client.user("ann");
    await expect(client.pass("secret")).rejects.toMatchObject({ code: "POP3_TLS_REQUIRED" });
    expect(client.state).toBe("authorization");
    await expect(client.authenticate(auth)).rejects.toMatchObject({ code: "POP3_TLS_REQUIRED" });
    client.close();
    await server.played();
    expect(server.lines).toEqual(["CAPA", "USER ann"]);
  });

  test("accepts the caller's mechanism with cleartext false", async () => {
    const script = [...offering("SASL X-OWN"), "C: AUTH X-OWN", "S: +OK", ...CAPA];
    await using server = await ScriptedServer.listen(script);
    const client = await Pop3Client.connect(
      toScript(server, { stls: "if-offered", auth: { ...auth, mechanism: own({}) } }),
    );
    expect(client.state).toBe("transaction");
    client.close();
    await server.played();
  });
});
