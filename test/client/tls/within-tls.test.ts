// After STLS the client ignores everything that it learnt before, and never continues without TLS.
import { describe, expect, test } from "vitest";
import { Pop3Client } from "../../../src/index.ts";
import { auth, listen, said, to, toScript } from "../../support/ann.ts";
import { stopClocks } from "../../support/clock.ts";
import { ScriptedServer, type Step } from "../../support/scripted-server.ts";
import { certificate, tls } from "../../support/certificate.ts";
import { ASKED, attempt, OFFERED } from "../../support/stls-attempt.ts";

stopClocks();

describe("within TLS", () => {
  const BEGUN: readonly Step[] = ["C: STLS", "S: +OK", "* tls", "C: CAPA"];

  test("ignores the capabilities that were listed in clear text", async () => {
    const script = [
      ...[
        "S: +OK",
        "C: CAPA",
        "S: +OK",
        "S: STLS",
        "S: PIPELINING",
        "S: SASL PLAIN LOGIN",
        "S: X-INJECTED",
        "S: .",
      ],
      ...[...BEGUN, "S: -ERR unknown command"],
      ...["C: USER ann", "S: +OK", "C: PASS secret", "S: +OK", "C: CAPA", "S: -ERR"],
    ];
    await using server = await ScriptedServer.listen(script, { tls: certificate });
    const client = await Pop3Client.connect(toScript(server, { stls: "required", tls, auth }));
    expect(client.secure).toBe(true);
    expect(client.capabilities.all.size).toBe(0);
    expect(client.capabilities.pipelining).toBe(false);
    client.close();
    await server.played();
    expect(server.clear).toBe(ASKED);
  });

  test("ignores the timestamp that was sent in clear text", async () => {
    const script = [...OFFERED, ...BEGUN, "S: +OK", "S: USER", "S: ."];
    const { code, clear, secure } = await attempt(script, { auth: { ...auth, mechanism: "APOP" } });
    expect(code).toBe("POP3_AUTH_NO_MECHANISM");
    expect(clear + secure).not.toContain("APOP");
  });

  test("does not start STLS again, even if it is listed", async () => {
    await using server = await listen({ capabilities: ["STLS"] });
    await using client = await Pop3Client.connect(to(server));
    expect(client.secure).toBe(true);
    expect(client.capabilities.stls).toBe(true);
    await expect(client.stls()).rejects.toMatchObject({ code: "POP3_STATE" });
    await client.authenticate(auth);
    await expect(client.stls()).rejects.toMatchObject({ code: "POP3_STATE" });
    await client.noop();
    expect(said(server).filter((line) => line === "C: STLS")).toHaveLength(1);
    expect(client.state).toBe("transaction");
  });

  test("does not start STLS if TLS started with the first octet", async () => {
    await using server = await listen({ tls: true, capabilities: ["STLS"] });
    await using client = await Pop3Client.connect(to(server));
    await expect(client.stls()).rejects.toMatchObject({ code: "POP3_STATE" });
    await client.quit();
    await server.idle();
    expect(said(server)).toEqual(["* TLS", "C: CAPA", "C: QUIT"]);
  });

  test("rejects if the capabilities never end: in silence", async () => {
    const script = [...OFFERED, ...BEGUN, "S: +OK", "S: USER"];
    const { code, secure } = await attempt(script, { timeouts: { command: 300 } });
    expect(code).toBe("POP3_COMMAND_TIMEOUT");
    expect(secure).toBe("CAPA\r\n");
  });

  test.each([
    ["in lines", "X-MORE\r\n".repeat(20_000)],
    ["in one line", "X".repeat(200_000)],
    ["in more lines than limits.capabilityLines", `${"X-A\r\n".repeat(300)}.\r\n`],
  ])("rejects if the capabilities never end: %s", async (_, octets) => {
    const script = [...OFFERED, ...BEGUN, "S: +OK", Buffer.from(octets)];
    const { code, secure } = await attempt(script);
    expect(code).toBe("POP3_RESPONSE_TOO_LARGE");
    expect(secure).toBe("CAPA\r\n");
  });
});

describe('with stls "if-offered"', () => {
  test("that is not offered, continues in clear text, and sends the password only if allowed", async () => {
    const script = ["S: +OK", "C: CAPA", "S: +OK", "S: USER", "S: ."];
    expect(await attempt(script, { stls: "if-offered" })).toEqual({
      code: "POP3_TLS_REQUIRED",
      clear: "CAPA\r\n",
      secure: "",
    });
    const login = ["C: USER ann", "S: +OK", "C: PASS secret", "S: +OK", "C: CAPA", "S: -ERR"];
    const allowed = { stls: "if-offered", allowPlaintextAuth: true } as const;
    expect((await attempt([...script, ...login], allowed)).code).toBe("resolved");
  });

  test("that is offered and refused, does the same", async () => {
    const script = [...OFFERED, "C: STLS", "S: -ERR not today"];
    expect(await attempt(script, { stls: "if-offered" })).toEqual({
      code: "POP3_TLS_REQUIRED",
      clear: ASKED,
      secure: "",
    });
  });

  test("that is offered and fails in the handshake, rejects", async () => {
    const script = [...OFFERED, "C: STLS", "S: +OK", "* tls"];
    const { code, clear, secure } = await attempt(script, {
      stls: "if-offered",
      allowPlaintextAuth: true,
      tls: {},
    });
    expect(code).toBe("POP3_TLS_CERT");
    expect(clear).toBe(ASKED);
    expect(secure).toBe("");
  });
});
