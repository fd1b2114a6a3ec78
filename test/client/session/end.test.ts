// The end of a session is reported once, to every waiting call and every later call, and never as an `error`
// event.
import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { Pop3Client, type Pop3Error } from "../../../src/index.ts";
import { auth, ends, listen, LOGGED_IN, logIn, logInTo, offering, to, toScript } from "../../support/ann.ts";
import { codeOf, failureOf, settledCode } from "../../support/outcome.ts";
import { turns } from "../../support/turns.ts";
import { ScriptedServer, type Step } from "../../support/scripted-server.ts";
import { expectNothingUnhandled } from "../../support/unhandled.ts";

expectNothingUnhandled();

describe("`close` is emitted once", () => {
  test("after QUIT, without an error", async () => {
    await using server = await listen();
    const client = await logIn(server);
    const seen = ends(client);
    await client.quit();
    expect(client.state).toBe("closed");
    client.close();
    client.close();
    await server.idle();
    await turns();
    expect(seen).toEqual([undefined]);
  });

  test("after close(), with POP3_CLOSED", async () => {
    await using server = await listen();
    const client = await logIn(server);
    const seen = ends(client);
    const calls = [client.noop(), client.retr(1), client.quit()].map(codeOf);
    client.close();
    client.close();
    expect(await Promise.all(calls)).toEqual(["POP3_CLOSED", "POP3_CLOSED", "POP3_CLOSED"]);
    await server.idle();
    await turns();
    expect(seen).toEqual(["POP3_CLOSED"]);
  });

  test.each<[string, Step[], string]>([
    ["FIN", ["* close"], "POP3_CLOSED"],
    ["RST", ["* reset"], "POP3_RESET"],
    ["a farewell line and FIN", ["S: -ERR idle for too long", "* close"], "POP3_UNSOLICITED"],
    ["an octet", [Buffer.from("+")], "POP3_UNSOLICITED"],
  ])("after %s while no call waits", async (_, steps, code) => {
    await using server = await ScriptedServer.listen([...LOGGED_IN, "* wait", ...steps]);
    const client = await logInTo(server);
    const seen = ends(client);
    const closed = once(client, "close");
    expect(client.state).toBe("transaction");
    server.goOn();
    await closed;
    expect(seen).toEqual([code]);
    expect(client.state).toBe("closed");
    const later = await failureOf(client.stat());
    expect(later).toMatchObject({ code, command: "STAT" });
    await server.played();
  });

  test("with the same cause for all waiting calls", async () => {
    await using server = await ScriptedServer.listen([...LOGGED_IN, "C: NOOP", "S: WHAT"]);
    const client = await logInTo(server);
    let told: Pop3Error | undefined;
    client.on("close", (failure: Pop3Error | undefined) => (told = failure));
    const failures = await Promise.all([
      failureOf(client.noop()),
      failureOf(client.stat()),
      failureOf(client.dele([1, 2])),
      failureOf(client.quit()),
    ]);
    expect(told).toMatchObject({ code: "POP3_PROTOCOL" });
    expect(failures.map(({ command }) => command)).toEqual(["NOOP", "STAT", "DELE 1", "QUIT"]);
    for (const failure of failures) {
      expect(failure.code).toBe("POP3_PROTOCOL");
      expect(failure.cause).toBe(told);
    }
    await server.played();
  });

  test("but not for a client that never connected", async () => {
    const refusing = await ScriptedServer.listen(["S: -ERR no"]);
    const client = new Pop3Client(toScript(refusing));
    const seen = ends(client);
    expect(await codeOf(client.connect())).toBe("POP3_GREETING_REJECTED");
    client.close();
    await turns();
    expect(seen).toEqual([]);
    expect(client.state).toBe("closed");
    await refusing[Symbol.asyncDispose]();
  });

  test("and its listener can call close() and commands", async () => {
    await using server = await ScriptedServer.listen([...LOGGED_IN, "C: NOOP", "* close"]);
    const client = await logInTo(server);
    const codes: Promise<string>[] = [];
    client.on("close", () => {
      client.close();
      codes.push(codeOf(client.noop()), codeOf(client.connect()));
    });
    expect(await codeOf(client.noop())).toBe("POP3_CLOSED");
    expect(await Promise.all(codes)).toEqual(["POP3_CLOSED", "POP3_STATE"]);
  });
});

describe("the connection ends together with the last reply of connect()", () => {
  const end: [string, Step[], string][] = [
    ["more octets", [Buffer.from("-ERR no CAPA\r\n+OK more\r\n")], "POP3_UNSOLICITED"],
    ["FIN", ["S: -ERR no CAPA", "* close"], "POP3_CLOSED"],
  ];

  test.each(end)("without auth, %s: connect() rejects, or the event reports it", async (_, steps, code) => {
    await using server = await ScriptedServer.listen(["S: +OK", "C: CAPA", ...steps]);
    const client = new Pop3Client(toScript(server));
    const seen = ends(client);
    const connected = await codeOf(client.connect());
    await turns();
    // Either the call says it, or the event does; a client that is thought to be open is not.
    expect(connected === "resolved" ? seen : [connected]).toEqual([code]);
    expect(client.state).toBe("closed");
    await server.played();
  });

  test.each([
    ["PASS", Buffer.from("+OK\r\n+OK more\r\n")],
    ["PASS in clear text", Buffer.from("+OK\r\n\r\n")],
  ])("by hand, with %s", async (_, octets) => {
    for (const capabilities of [["USER"], ["USER", "PIPELINING"]]) {
      await using server = await ScriptedServer.listen([
        ...offering(...capabilities),
        ...["C: USER ann", "S: +OK", "C: PASS secret", octets],
      ]);
      const client = await Pop3Client.connect(toScript(server));
      const seen = ends(client);
      await client.user("ann");
      await codeOf(client.pass("secret"));
      await turns();
      expect(client.state).toBe("closed");
      expect(seen).toEqual(["POP3_UNSOLICITED"]);
      expect(await codeOf(client.stat())).toBe("POP3_UNSOLICITED");
      client.close();
      await server.played();
    }
  });
});

describe("close() during connect()", () => {
  test.each<[string, Step[], RegExp]>([
    ["before the greeting", [], /^$/],
    ["before CAPA is answered", ["S: +OK", "C: CAPA"], /CAPA/],
    ["in the middle of the capabilities", ["S: +OK", "C: CAPA", "S: +OK", "S: TOP"], /CAPA/],
    ["before USER is answered", [...offering("USER"), "C: USER ann"], /USER/],
    ["before PASS is answered", [...offering("USER"), "C: USER ann", "S: +OK", "C: PASS secret"], /PASS/],
  ])("rejects connect() %s", async (_, script, wrote) => {
    for (const how of ["close", "signal", "dispose"]) {
      await using server = await ScriptedServer.listen(script);
      const controller = new AbortController();
      const client = new Pop3Client(toScript(server, { auth }));
      const seen = ends(client);
      const call = client.connect({ signal: controller.signal });
      call.catch(() => undefined);
      await server.wrote(wrote);
      if (how === "close") client.close();
      else if (how === "signal") controller.abort();
      else await client[Symbol.asyncDispose]();
      expect(await settledCode(call)).toBe(how === "signal" ? "POP3_ABORTED" : "POP3_CLOSED");
      expect(client.state).toBe("closed");
      expect(await codeOf(client.noop())).not.toBe("resolved");
      await server.played();
      expect(seen).toEqual([]);
    }
  });

  test("before it starts rejects, and dials nothing", async () => {
    await using server = await listen();
    const client = new Pop3Client(to(server));
    const call = codeOf(client.connect());
    client.close();
    expect(await call).toBe("POP3_CLOSED");
    const aborted = Pop3Client.connect(to(server), { signal: AbortSignal.abort() });
    expect(await codeOf(aborted)).toBe("POP3_ABORTED");
  });

  test("before it is called rejects it", async () => {
    const client = new Pop3Client({ host: "mail.test" });
    client.close();
    client.close();
    expect(client.state).toBe("closed");
    expect(["POP3_STATE", "POP3_CLOSED"]).toContain(await codeOf(client.connect()));
    expect(await codeOf(client.noop())).toBe("POP3_CLOSED");
  });
});

test("nothing that remains keeps the process alive", async () => {
  const before = process.getActiveResourcesInfo().sort();
  {
    await using server = await listen({ tls: true });
    await using client = await Pop3Client.connect(to(server, { auth }));
    await client.retr(1);
    await client.quit();
    const other = await Pop3Client.connect(to(server, { auth }));
    other.close();
    await codeOf(Pop3Client.connect(to(server, { tls: {} })));
    await server.idle();
  }
  await turns(50);
  const after = process.getActiveResourcesInfo().sort();
  for (const resource of before) {
    const at = after.indexOf(resource);
    if (at !== -1) after.splice(at, 1);
  }
  expect(after).toEqual([]);
});
