// A server that speaks TLS when the client does not, or the other way round, or an old version.
import * as net from "node:net";
import { describe, expect, test } from "vitest";
import { explain, Pop3Client } from "../../../src/index.ts";
import { auth, listen, said, to, toScript } from "../../support/ann.ts";
import { stopClocks, timePasses } from "../../support/clock.ts";
import { codeOf, failureOf } from "../../support/outcome.ts";
import { ScriptedServer } from "../../support/scripted-server.ts";
import { certificate, tls } from "../../support/certificate.ts";
import { OFFERED } from "../../support/stls-attempt.ts";

stopClocks();

describe("connect() to the wrong port rejects", () => {
  test("if it uses TLS and the server greets in clear text", async () => {
    await using server = await ScriptedServer.listen(["S: +OK hello"]);
    const failure = await failureOf(Pop3Client.connect({ host: "127.0.0.1", port: server.port, auth }));
    expect(failure.code).toBe("POP3_TLS_HANDSHAKE");
    expect(failure.message).toContain("it may expect STLS: set secure to false");
    expect(explain(failure, { host: "127.0.0.1", port: server.port }).advice).toEqual([
      expect.stringContaining("This port begins without TLS") as string,
    ]);
    await server.played();
    expect(server.clear).not.toContain("secret");
  });

  test("if it uses clear text and the server waits for TLS", async () => {
    await using server = await listen({ tls: true });
    const options = to(server, { secure: false, auth, timeouts: { greeting: 50 } });
    expect(await timePasses(failureOf(Pop3Client.connect(options)))).toMatchObject({
      code: "POP3_GREETING_TIMEOUT",
      message: expect.stringContaining("if the port begins with TLS, set secure to true") as string,
    });
    await server.idle();
    expect(said(server)).toEqual(["* TLS"]);
  });

  test("if the server continues in clear text after STLS: secure is right, and the error does not advise it", async () => {
    await using server = await ScriptedServer.listen([
      ...OFFERED,
      "C: STLS",
      "S: +OK begin",
      "* octets",
      "S: +OK",
    ]);
    const failure = await failureOf(Pop3Client.connect(toScript(server, { stls: "required", tls, auth })));
    expect(failure.code).toBe("POP3_TLS_HANDSHAKE");
    expect(failure.message).toContain("after its reply to STLS");
    expect(failure.message).not.toContain("secure");
  });

  test("if port 110 is silent after STLS: the error does not advise what is set", async () => {
    await using server = await ScriptedServer.listen([...OFFERED, "C: STLS", "S: +OK begin", "* octets"]);
    const socket = (): net.Socket => net.connect(server.port, "127.0.0.1");
    const options = { host: "pop.example.com", port: 110, secure: false, socket, auth } as const;
    const failure = await timePasses(failureOf(Pop3Client.connect(options)));
    expect(failure.code).toBe("POP3_TLS_TIMEOUT");
    expect(failure.message).not.toContain("secure");
  });

  test("if the server speaks no better than TLS 1.1", async () => {
    const old = { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" } as const;
    await using server = await listen({ tls: { ...certificate, ...old } });
    expect(await codeOf(Pop3Client.connect(to(server, { tls, auth })))).toBe("POP3_TLS_HANDSHAKE");
  });

  test("if it uses clear text at port 995: the error says what to change", async () => {
    await using server = await ScriptedServer.listen([]);
    const socket = (): net.Socket => net.connect(server.port, "127.0.0.1");
    const call = Pop3Client.connect({
      host: "pop.example.com",
      port: 995,
      secure: false,
      stls: "never",
      socket,
      auth,
    });
    expect(await timePasses(failureOf(call))).toMatchObject({
      code: "POP3_GREETING_TIMEOUT",
      message:
        "the connection to pop.example.com:995 timed out while waiting for the greeting (port 995 begins with TLS: set secure to true): it took longer than 30000 ms (timeouts.greeting)",
    });
    await server.played();
  });

  test("if it uses TLS at port 110: the error says what to change", async () => {
    await using server = await ScriptedServer.listen([]);
    const socket = (): net.Socket => net.connect(server.port, "127.0.0.1");
    const call = Pop3Client.connect({
      host: "pop.example.com",
      port: 110,
      secure: true,
      socket,
      auth,
      timeouts: { tls: 10_000 },
    });
    expect(await timePasses(failureOf(call))).toMatchObject({
      code: "POP3_TLS_TIMEOUT",
      message:
        "the TLS handshake with pop.example.com:110 took longer than 10000 ms (timeouts.tls) (port 110 begins without TLS: set secure to false)",
    });
    await server.played();
  });

  test("if it uses TLS and the server is silent", async () => {
    await using server = await ScriptedServer.listen([]);
    const options = { host: "127.0.0.1", port: server.port, auth, timeouts: { tls: 50 } };
    expect(await codeOf(timePasses(Pop3Client.connect(options)))).toBe("POP3_TLS_TIMEOUT");
    await server.played();
  });

  test.each(["* close", "* reset"])("if it uses TLS and the server sends %s", async (end) => {
    await using server = await ScriptedServer.listen(["* octets", end]);
    const options = { host: "127.0.0.1", port: server.port, auth };
    expect(["POP3_TLS_HANDSHAKE", "POP3_RESET", "POP3_CLOSED"]).toContain(
      await codeOf(Pop3Client.connect(options)),
    );
    await server.played();
  });

  test("if the handshake is aborted by its signal, or by close()", async () => {
    for (const [how, code] of [
      ["signal", "POP3_ABORTED"],
      ["close", "POP3_CLOSED"],
    ] as const) {
      await using server = await ScriptedServer.listen([...OFFERED, "C: STLS", "S: +OK begin", "* octets"]);
      const controller = new AbortController();
      const client = new Pop3Client(toScript(server, { stls: "required", tls, auth }));
      const call = codeOf(client.connect({ signal: controller.signal }));
      await server.wrote(/STLS\r\n./s);
      if (how === "signal") controller.abort();
      else client.close();
      expect(await call).toBe(code);
      await server.played();
    }
  });
});
