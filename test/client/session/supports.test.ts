// Whether the server knows UIDL and TOP: from CAPA, or else from a trial.
import { describe, expect, test } from "vitest";
import { Pop3Client } from "../../../src/index.ts";
import { auth, listen, LOGGED_IN, offering, said, to, toScript } from "../../support/ann.ts";
import { codeOf } from "../../support/outcome.ts";
import { ScriptedServer, type Step } from "../../support/scripted-server.ts";
import { session } from "../../support/scripted-session.ts";

const TRY: Readonly<Record<"UIDL" | "TOP", readonly Step[]>> = {
  UIDL: ["C: UIDL"],
  TOP: ["C: LIST", "S: +OK", "S: 3 10", "S: 5 10", "S: .", "C: TOP 3 0"],
};

describe.each(["UIDL", "TOP"] as const)("%s", (command) => {
  const LISTED: Readonly<Record<typeof command, Step[]>> = {
    UIDL: ["S: +OK", "S: 3 a", "S: ."],
    TOP: ["S: +OK", "S: Subject: a", "S: ", "S: ."],
  };

  test("is listed: sends nothing", async () => {
    await using server = await listen({ tls: true });
    await using client = await Pop3Client.connect(to(server, { auth }));
    expect(await client.supports(command)).toBe(true);
    await client.noop();
    expect(said(server).slice(-3)).toEqual(["C: AUTH PLAIN ****", "C: CAPA", "C: NOOP"]);
  });

  test("is listed by a server that does not know it: answers true", async () => {
    await using server = await listen({ tls: true, [command.toLowerCase()]: false, capabilities: [command] });
    await using client = await Pop3Client.connect(to(server, { auth }));
    expect(await client.supports(command)).toBe(true);
    expect(await codeOf(command === "UIDL" ? client.uidl() : client.top(1))).toBe("POP3_REFUSED");
  });

  test.each([
    ["CAPA is refused", false as const],
    ["CAPA does not list it", (): string[] => ["USER", "SASL PLAIN"]],
    ["CAPA lists nothing", (): string[] => []],
  ])("%s: tries the command, and answers true", async (_, capabilities) => {
    await using server = await listen({ tls: true, capabilities });
    await using client = await Pop3Client.connect(to(server, { auth }));
    expect(await client.supports(command)).toBe(true);
  });

  test.each([
    ["CAPA is refused", false as const],
    ["CAPA does not list it", (): string[] => ["USER", "SASL PLAIN"]],
  ])("%s: tries the command, and answers false", async (_, capabilities) => {
    await using server = await listen({ tls: true, capabilities, [command.toLowerCase()]: false });
    await using client = await Pop3Client.connect(to(server, { auth }));
    expect(await client.supports(command)).toBe(false);
    expect(await client.stat()).toMatchObject({ count: 1 });
  });

  test("is tried on the first message that exists", async () => {
    await session([...TRY[command], ...LISTED[command]], async (client) => {
      expect(await client.supports(command)).toBe(true);
    });
  });

  test("is refused for now: rejects", async () => {
    const script = [...TRY[command], "S: -ERR [SYS/TEMP] later", "C: NOOP", "S: +OK"];
    await session(script, async (client) => {
      expect(await codeOf(client.supports(command))).toBe("POP3_REFUSED");
      await client.noop();
    });
  });

  test.each<[string, Step[], string]>([
    ["FIN", ["* close"], "POP3_CLOSED"],
    ["RST", ["* reset"], "POP3_RESET"],
    ["an invalid reply", ["S: what?"], "POP3_PROTOCOL"],
  ])("rejects if the answer is %s", async (_, answer, code) => {
    await session([...TRY[command], ...answer], async (client) => {
      expect(await codeOf(client.supports(command))).toBe(code);
    });
  });

  test("can be aborted", async () => {
    await using server = await ScriptedServer.listen([...LOGGED_IN, ...TRY[command]]);
    const client = await Pop3Client.connect(toScript(server, { auth }));
    const controller = new AbortController();
    const call = codeOf(client.supports(command, { signal: controller.signal }));
    await server.wrote(/(?:UIDL|TOP 3 0)\r\n/);
    controller.abort();
    expect(await call).toBe("POP3_ABORTED");
    client.close();
    await server.played();
  });

  test("rejects outside the TRANSACTION state", async () => {
    await using server = await ScriptedServer.listen(offering(command, "USER"));
    const client = await Pop3Client.connect(toScript(server));
    expect(await codeOf(client.supports(command))).toBe("POP3_STATE");
    client.close();
    expect(await codeOf(client.supports(command))).toBe("POP3_CLOSED");
    await server.played();
    expect(server.lines).toEqual(["CAPA"]);
  });
});

test("UIDL was answered before: sends nothing", async () => {
  await using server = await ScriptedServer.listen([...LOGGED_IN, "C: UIDL", "S: +OK", "S: 1 a", "S: ."]);
  const client = await Pop3Client.connect(toScript(server, { auth }));
  await client.uidl();
  expect(await client.supports("UIDL")).toBe(true);
  client.close();
  await server.played();
});

test("LIST was answered before: tries TOP at once", async () => {
  await session(["C: LIST", "S: +OK", "S: 7 1", "S: .", "C: TOP 7 0", "S: -ERR no"], async (client) => {
    await client.list();
    expect(await client.supports("TOP")).toBe(false);
  });
});

test("in an empty maildrop answers false for TOP", async () => {
  await session(["C: LIST", "S: +OK", "S: ."], async (client) => {
    expect(await client.supports("TOP")).toBe(false);
  });
});
