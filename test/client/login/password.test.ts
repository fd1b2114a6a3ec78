// The source of the password: a function is called once per login, and its result is checked before it is
// sent.
import { describe, expect, test } from "vitest";
import { Pop3Client } from "../../../src/index.ts";
import { listen, offering, to, toScript } from "../../support/ann.ts";
import { codeOf, settledCode } from "../../support/outcome.ts";
import { turns } from "../../support/turns.ts";
import { ScriptedServer } from "../../support/scripted-server.ts";

describe("the function for the password", () => {
  test.each(["USER", "PLAIN", "LOGIN", "APOP"])(
    "is called once per login, and can answer later: %s",
    async (mechanism) => {
      let asked = 0;
      await using server = await listen({ tls: true });
      await using client = await Pop3Client.connect(
        to(server, {
          auth: {
            user: "ann",
            mechanism,
            pass: () => {
              asked++;
              return turns().then(() => "secret");
            },
          },
        }),
      );
      expect(client.state).toBe("transaction");
      expect(asked).toBe(1);
    },
  );

  test("is called again by the next login", async () => {
    const given = ["wrong", "secret"];
    await using server = await listen({ tls: true });
    await using client = await Pop3Client.connect(to(server));
    const ann = { user: "ann", pass: () => given.shift() ?? "" };
    await expect(client.authenticate(ann)).rejects.toMatchObject({ code: "POP3_AUTH_REJECTED" });
    expect(client.state).toBe("authorization");
    await client.authenticate(ann);
    expect(client.state).toBe("transaction");
    expect(given).toEqual([]);
  });

  test("rejects: the login rejects with its error and sends nothing", async () => {
    const error = new Error("the keyring is locked");
    await using server = await ScriptedServer.listen(offering("USER"));
    const pass = (): Promise<string> => Promise.reject(error);
    await expect(Pop3Client.connect(toScript(server, { auth: { user: "ann", pass } }))).rejects.toBe(error);
    await server.played();
    expect(server.lines).toEqual(["CAPA"]);
  });

  test.each<[string, string, unknown]>([
    ["empty, for PLAIN", "SASL PLAIN", ""],
    ["empty, for LOGIN", "SASL LOGIN", ""],
    ["empty, for PASS", "USER", ""],
    ["undefined, for PLAIN", "SASL PLAIN", undefined],
    ["undefined, for PASS", "USER", undefined],
    ["two lines, for PASS", "USER", "secret\r\nDELE 1"],
    ["too long for the line, for PASS", "USER", "p".repeat(250)],
    ["with a NUL, for PLAIN", "SASL PLAIN", "se\0cret"],
  ])("gives a value that is %s: rejects and sends nothing", async (_, offered, secret) => {
    await using server = await ScriptedServer.listen([...offering(offered), "* octets", "* close"]);
    const pass = (): string => secret as string;
    const code = await codeOf(Pop3Client.connect(toScript(server, { auth: { user: "ann", pass } })));
    expect(["POP3_INVALID_ARGUMENT", "POP3_COMMAND_TOO_LONG"]).toContain(code);
    await server.played();
    expect(server.lines).toEqual(["CAPA"]);
  });

  test.each([
    ["the signal", "POP3_ABORTED"],
    ["close", "POP3_CLOSED"],
  ])("never settles: %s ends the login", async (how, code) => {
    await using server = await ScriptedServer.listen(offering("USER"));
    const controller = new AbortController();
    let asked: () => void = () => undefined;
    const waiting = new Promise<void>((resolve) => (asked = resolve));
    const pass = (): Promise<string> => {
      asked();
      return new Promise(() => {});
    };
    const client = new Pop3Client(toScript(server, { auth: { user: "ann", pass } }));
    const call = client.connect({ signal: controller.signal });
    call.catch(() => undefined);
    await waiting;
    if (how === "close") client.close();
    else controller.abort();
    expect(await settledCode(call)).toBe(code);
    client.close();
    await server.played();
    expect(server.lines).toEqual(["CAPA"]);
  });
});
