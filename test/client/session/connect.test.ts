// Connecting: each way to start TLS, and what is learnt before and after it.
import { describe, expect, test } from "vitest";
import { Pop3Client } from "../../../src/index.ts";
import { auth, listen, said, to, toScript } from "../../support/ann.ts";
import { codeOf } from "../../support/outcome.ts";
import { turns } from "../../support/turns.ts";
import { ScriptedServer } from "../../support/scripted-server.ts";

describe("TLS", () => {
  test("starts with the first octet by default", async () => {
    await using server = await listen({ tls: true });
    await using client = await Pop3Client.connect({
      host: server.host,
      port: server.port,
      tls: { ca: server.ca },
      auth,
    });
    expect(client.state).toBe("transaction");
    expect(client.secure).toBe(true);
    expect(client.tlsInfo).toMatchObject({ protocol: "TLSv1.3", authorized: true });
    expect(client.tlsInfo?.cipher).toMatch(/^TLS_/);
    expect(client.greeting).toMatch(/^popwright test server ready <.+@.+>$/);
    expect(await client.stat()).toEqual({ count: 1, size: 22 });
    expect(said(server)[0]).toBe("* TLS");
  });

  test("starts by STLS, because nothing else is sent without TLS", async () => {
    await using server = await listen();
    await using client = await Pop3Client.connect(to(server, { auth }));
    expect(client.secure).toBe(true);
    expect(client.tlsInfo?.protocol).toBe("TLSv1.3");
    await client.noop();
    expect(said(server)).toEqual([
      "C: CAPA",
      "C: STLS",
      "* TLS",
      "C: CAPA",
      "C: AUTH PLAIN ****",
      "C: CAPA",
      "C: NOOP",
    ]);
  });

  test('starts by STLS with "if-offered"', async () => {
    await using server = await listen();
    await using client = await Pop3Client.connect(to(server, { stls: "if-offered", auth }));
    expect(client.secure).toBe(true);
  });

  test("is not used if it is not offered, and the password is not sent", async () => {
    await using server = await listen({ stls: false });
    const client = new Pop3Client(to(server, { stls: "if-offered", auth }));
    await expect(client.connect()).rejects.toMatchObject({ code: "POP3_TLS_REQUIRED" });
    expect(client.secure).toBe(false);
    expect(client.tlsInfo).toBeUndefined();
    expect(client.state).toBe("closed");
    await server.idle();
    expect(said(server)).toEqual(["C: CAPA"]);
  });

  test("is not used if it is not offered, and the password is sent with allowPlaintextAuth", async () => {
    await using server = await listen({ stls: false });
    await using client = await Pop3Client.connect(
      to(server, { stls: "if-offered", allowPlaintextAuth: true, auth }),
    );
    expect(client.secure).toBe(false);
    expect(client.state).toBe("transaction");
  });

  test('is not used with "never", and the password is sent in clear text', async () => {
    await using server = await listen({ apop: false });
    await using client = await Pop3Client.connect(to(server, { stls: "never", auth }));
    expect(client.secure).toBe(false);
    await client.noop();
    expect(said(server)).toEqual(["C: CAPA", "C: AUTH PLAIN ****", "C: CAPA", "C: NOOP"]);
  });

  test('is not used with "never", and the password is not sent if allowPlaintextAuth is false', async () => {
    await using server = await listen();
    const call = Pop3Client.connect(to(server, { stls: "never", allowPlaintextAuth: false, auth }));
    await expect(call).rejects.toMatchObject({ code: "POP3_TLS_REQUIRED" });
    await server.idle();
    expect(said(server)).toEqual(["C: CAPA"]);
  });
});

describe("what the client learns", () => {
  test("without auth, it stops before the login", async () => {
    await using server = await listen();
    await using client = await Pop3Client.connect(to(server));
    expect(client.state).toBe("authorization");
    expect(client.secure).toBe(true);
    await client.user("ann");
    await client.pass("secret");
    expect(client.state).toBe("transaction");
  });

  test("it requests capabilities before and after TLS, and after the login", async () => {
    await using server = await listen({
      capabilities: ({ state, secure, standard }) => [...standard, `X-${state}-${secure ? "TLS" : "CLEAR"}`],
    });
    await using client = await Pop3Client.connect(to(server));
    expect([...client.capabilities.all.keys()]).toContain("X-AUTHORIZATION-TLS");
    expect([...client.capabilities.all.keys()]).not.toContain("X-AUTHORIZATION-CLEAR");
    await client.authenticate(auth);
    await client.noop();
    expect([...client.capabilities.all.keys()]).toContain("X-TRANSACTION-TLS");
    expect(client.capabilities).toMatchObject({ pipelining: true, uidl: true, top: true });
  });

  test("it uses PIPELINING if that is listed only after the login", async () => {
    await using server = await ScriptedServer.listen(
      [
        ...["S: +OK", "C: CAPA", "S: +OK", "S: USER", "S: ."],
        ...["C: USER ann", "S: +OK", "C: PASS secret", "S: +OK"],
        ...["C: CAPA", "S: +OK", "S: USER", "S: PIPELINING", "S: ."],
      ],
      { lockstep: true },
    );
    const client = await Pop3Client.connect(toScript(server, { auth }));
    expect(client.capabilities.pipelining).toBe(true);
    // Nobody answers: what lies at the server was sent without waiting for answers.
    const calls = [client.stat(), client.noop(), client.noop()].map(codeOf);
    await turns();
    client.close();
    expect(await Promise.all(calls)).toEqual(["POP3_CLOSED", "POP3_CLOSED", "POP3_CLOSED"]);
    await server.played();
    expect(server.lines.slice(-3)).toEqual(["STAT", "NOOP", "NOOP"]);
  });

  test("it does not use PIPELINING if that is no longer listed after the login", async () => {
    await using server = await ScriptedServer.listen([
      ...["S: +OK", "C: CAPA", "S: +OK", "S: USER", "S: PIPELINING", "S: ."],
      ...["C: USER ann", "S: +OK", "C: PASS secret", "S: +OK"],
      ...["C: CAPA", "S: +OK", "S: USER", "S: ."],
    ]);
    const client = await Pop3Client.connect(toScript(server, { auth }));
    // The answer to CAPA comes after connect() has resolved.
    while (client.capabilities.pipelining) await turns(1);
    const calls = [client.noop(), client.noop()].map(codeOf);
    await turns();
    client.close();
    await Promise.all(calls);
    await server.played();
    expect(server.lines.slice(-2)).toEqual(["CAPA", "NOOP"]);
  });

  test("it connects to a server without CAPA", async () => {
    await using server = await listen({ capabilities: false });
    await using client = await Pop3Client.connect(to(server, { auth }));
    expect(client.secure).toBe(true);
    expect(client.capabilities.all.size).toBe(0);
    expect(await client.stat()).toEqual({ count: 1, size: 22 });
    expect(said(server)).toEqual([
      ...["C: CAPA", "C: STLS", "* TLS", "C: CAPA", "C: USER ann", "C: PASS ****", "C: CAPA", "C: STAT"],
    ]);
    await expect(client.capa()).rejects.toMatchObject({ code: "POP3_REFUSED" });
  });
});
