// The option `utf8` sends UTF8 (RFC 6856) before the login and after STLS, if the server lists it.
import { describe, expect, test } from "vitest";
import { Pop3Client } from "../../../src/index.ts";
import { auth, listen, offering, said, to, toScript } from "../../support/ann.ts";
import { codeOf } from "../../support/outcome.ts";
import { ScriptedServer } from "../../support/scripted-server.ts";

describe("utf8: true", () => {
  test.each([
    ["over TLS", { tls: true }, {}, ["* TLS", "C: CAPA", "C: UTF8"]],
    ["after STLS", {}, {}, ["C: CAPA", "C: STLS", "* TLS", "C: CAPA", "C: UTF8"]],
    ["in clear text", {}, { stls: "never" as const }, ["C: CAPA", "C: UTF8"]],
  ])("sends UTF8 before the login %s", async (_, options, more, before) => {
    await using server = await listen(options);
    await using client = await Pop3Client.connect(to(server, { auth, utf8: true, ...more }));
    expect(client.state).toBe("transaction");
    await client.stat();
    // In clear text, APOP goes before the password.
    const login = before.includes("* TLS") ? "C: AUTH PLAIN ****" : "C: APOP ann ****";
    expect(said(server)).toEqual([...before, login, "C: CAPA", "C: STAT"]);
  });

  test("sends UTF8 without a login", async () => {
    await using server = await listen({ tls: true });
    await using client = await Pop3Client.connect(to(server, { utf8: true }));
    expect(client.state).toBe("authorization");
    expect(said(server)).toEqual(["* TLS", "C: CAPA", "C: UTF8"]);
  });

  test.each([
    ["is not listed", { utf8: false }],
    ["is unknown because there is no CAPA", { capabilities: false as const }],
    [
      "was listed in clear text only",
      {
        capabilities: ({ secure, standard }: { secure: boolean; standard: readonly string[] }) =>
          standard.filter((line) => !secure || !line.startsWith("UTF8")),
      },
    ],
  ])("continues without UTF8 if it %s", async (_, options) => {
    await using server = await listen(options);
    await using client = await Pop3Client.connect(to(server, { auth, utf8: true }));
    expect(client.state).toBe("transaction");
    expect(said(server)).not.toContain("C: UTF8");
  });

  test("rejects if a server that lists UTF8 refuses it, and sends nothing more", async () => {
    await using server = await ScriptedServer.listen([...offering("USER", "UTF8"), "C: UTF8", "S: -ERR no"]);
    const call = Pop3Client.connect(toScript(server, { auth, utf8: true }));
    expect(await codeOf(call)).toBe("POP3_REFUSED");
    await server.played();
    expect(server.lines).toEqual(["CAPA", "UTF8"]);
  });
});

test.each([false, undefined])("with %j does not send UTF8, though it is listed", async (utf8) => {
  await using server = await listen({ tls: true });
  await using client = await Pop3Client.connect(to(server, { auth, ...(utf8 !== undefined && { utf8 }) }));
  expect(client.capabilities.utf8).toEqual({ user: true });
  expect(said(server)).not.toContain("C: UTF8");
});
