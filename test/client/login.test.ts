/** Logging in: each way as the wire shows it, which of them is chosen, and where the secret comes from. */
import { describe, expect, test } from "vitest";
import { Pop3Client, type Pop3Auth, type SaslMechanism } from "../../src/index.ts";
import { auth, listen, offering, said, to, toScript } from "./ann.ts";
import { codeOf, settledCode, turns } from "./outcome.ts";
import { ScriptedServer, type Step } from "./scripted-server.ts";

const base64 = (text: string): string => Buffer.from(text, "utf8").toString("base64");
const PLAIN = base64("\0ann\0secret");
/** Behind the login. */
const CAPA: readonly Step[] = ["C: CAPA", "S: -ERR"];

/** Logs in against the script, without TLS, and says what the state is then. */
async function login(script: readonly Step[], given: Partial<Pop3Auth> = {}): Promise<string> {
  await using server = await ScriptedServer.listen(script);
  const client = await Pop3Client.connect(toScript(server, { auth: { ...auth, ...given } }));
  const { state } = client;
  client.close();
  await server.played();
  return state;
}

describe("on the wire", () => {
  test("USER and PASS", async () => {
    const script = [...offering("USER"), "C: USER ann", "S: +OK", "C: PASS secret", "S: +OK", ...CAPA];
    expect(await login(script)).toBe("transaction");
  });

  test("USER and PASS, with spaces and 8-bit letters", async () => {
    const script = [...offering("USER"), "C: USER änn b", "S: +OK", "C: PASS  sé cret ", "S: +OK", ...CAPA];
    expect(await login(script, { user: "änn b", pass: " sé cret " })).toBe("transaction");
  });

  test("PASS is not sent before USER is answered, though there is PIPELINING", async () => {
    await using server = await ScriptedServer.listen(
      [
        ...offering("USER", "PIPELINING"),
        ...["C: USER ann", "S: +OK", "C: PASS secret", "S: +OK", "C: CAPA", "S: -ERR"],
      ],
      { lockstep: true },
    );
    const client = await Pop3Client.connect(toScript(server, { auth }));
    await turns();
    client.close();
    await server.played();
  });

  test("AUTH PLAIN", async () => {
    const script = [...offering("SASL PLAIN"), `C: AUTH PLAIN ${PLAIN}`, "S: +OK", ...CAPA];
    expect(await login(script)).toBe("transaction");
  });

  test("AUTH PLAIN for somebody else", async () => {
    const script = [
      ...offering("SASL PLAIN"),
      ...[`C: AUTH PLAIN ${base64("bob\0ann\0secret")}`, "S: +OK", ...CAPA],
    ];
    expect(await login(script, { authzid: "bob" })).toBe("transaction");
  });

  test.each(["+ ", "+", "+ say it", "+ ===", `+ ${base64("Password:")}`])(
    'AUTH PLAIN without initial response, asked for by "%s"',
    async (challenge) => {
      const script = [
        ...offering("SASL PLAIN"),
        ...["C: AUTH PLAIN", `S: ${challenge}`, `C: ${PLAIN}`, "S: +OK", ...CAPA],
      ];
      expect(await login(script, { initialResponse: false })).toBe("transaction");
    },
  );

  test.each([
    [`${base64("Username:")}`, `${base64("Password:")}`],
    ["", ""],
    ["User Name", "what else?"],
  ])('AUTH LOGIN, asked by "%s" and "%s"', async (first, second) => {
    const script = [
      ...offering("SASL LOGIN"),
      ...["C: AUTH LOGIN", `S: + ${first}`, `C: ${base64("ann")}`],
      ...[`S: + ${second}`, `C: ${base64("secret")}`, "S: +OK", ...CAPA],
    ];
    expect(await login(script)).toBe("transaction");
  });

  test("APOP, with the digest of RFC 1939", async () => {
    const script = [
      ...["S: +OK POP3 server ready <1896.697170952@dbc.mtview.ca.us>", "C: CAPA", "S: -ERR"],
      ...["C: APOP mrose c4c9334bac560ecc979e58001b3e22fb", "S: +OK", ...CAPA],
    ];
    expect(await login(script, { user: "mrose", pass: "tanstaaf", mechanism: "APOP" })).toBe("transaction");
  });

  test("an initial response that the line just holds", async () => {
    // "AUTH PLAIN " and CRLF are 13 octets; 240 of base64 are 180 octets: two NUL, "ann", and 175.
    const pass = "p".repeat(175);
    const script = [
      ...offering("SASL PLAIN"),
      ...[`C: AUTH PLAIN ${base64(`\0ann\0${pass}`)}`, "S: +OK", ...CAPA],
    ];
    expect(await login(script, { pass })).toBe("transaction");
  });

  test("an initial response that the line does not hold goes out in a second step", async () => {
    const pass = "p".repeat(178);
    const script = [
      ...offering("SASL PLAIN"),
      ...["C: AUTH PLAIN", "S: + ", `C: ${base64(`\0ann\0${pass}`)}`, "S: +OK", ...CAPA],
    ];
    expect(await login(script, { pass })).toBe("transaction");
  });
});

describe("the server's side agrees", () => {
  test.each<[string, Partial<Pop3Auth>, string[]]>([
    ["PLAIN", { mechanism: "PLAIN" }, ["C: AUTH PLAIN ****"]],
    ["PLAIN in two steps", { mechanism: "plain", initialResponse: false }, ["C: AUTH PLAIN", "C: ****"]],
    ["LOGIN", { mechanism: "LOGIN" }, ["C: AUTH LOGIN", "C: ****", "C: ****"]],
    ["USER", { mechanism: "USER" }, ["C: USER ann", "C: PASS ****"]],
    ["APOP", { mechanism: "APOP" }, ["C: APOP ann ****"]],
  ])("%s", async (_, given, lines) => {
    await using server = await listen({ tls: true });
    await using client = await Pop3Client.connect(to(server, { auth: { ...auth, ...given } }));
    expect(await client.stat()).toEqual({ count: 1, size: 22 });
    expect(said(server)).toEqual(["* TLS", "C: CAPA", ...lines, "C: CAPA", "C: STAT"]);
  });
});

describe("the choice", () => {
  test.each<[string, Parameters<typeof listen>[0], string]>([
    ["PLAIN before all others", {}, "C: AUTH PLAIN ****"],
    ["LOGIN where there is no PLAIN", { sasl: ["LOGIN"] }, "C: AUTH LOGIN"],
    ["USER where there is no SASL", { sasl: [] }, "C: USER ann"],
    [
      "APOP over TLS, where nothing else is",
      { sasl: [], user: false, capabilities: () => ["SASL X-A"] },
      "C: APOP ann ****",
    ],
  ])("%s", async (_, options, line) => {
    await using server = await listen({ tls: true, ...options });
    await using client = await Pop3Client.connect(to(server, { auth }));
    expect(client.state).toBe("transaction");
    expect(said(server)).toContain(line);
  });

  test("what is insisted on comes in the caller's order", async () => {
    await using server = await listen({ tls: true });
    const mechanisms = ["LOGIN", "PLAIN"];
    await using client = await Pop3Client.connect(to(server, { auth: { ...auth, mechanisms } }));
    expect(client.state).toBe("transaction");
    expect(said(server)).toContain("C: AUTH LOGIN");
  });

  test.each<[string, string[], Partial<Pop3Auth>]>([
    ["PLAIN that is not offered", ["SASL LOGIN", "USER"], { mechanism: "PLAIN" }],
    ["LOGIN that is not offered", ["SASL PLAIN", "USER"], { mechanism: "LOGIN" }],
    ["what is not offered, by a list", ["USER", "SASL GSSAPI"], { mechanisms: ["PLAIN", "LOGIN"] }],
    ["nothing, and nothing is offered that we know", ["SASL GSSAPI NTLM"], {}],
  ])("who insists on %s gets nothing else", async (_, offered, given) => {
    await using server = await ScriptedServer.listen(offering(...offered));
    const call = Pop3Client.connect(toScript(server, { auth: { ...auth, ...given } }));
    await expect(call).rejects.toMatchObject({ code: "POP3_AUTH_NO_MECHANISM" });
    await server.played();
    expect(server.lines).toEqual(["CAPA"]);
  });

  test("a mechanism that nobody knows", async () => {
    await using server = await ScriptedServer.listen(offering("USER"));
    const call = Pop3Client.connect(toScript(server, { auth: { ...auth, mechanism: "X-UNHEARD" } }));
    await expect(call).rejects.toMatchObject({ code: "POP3_CONFIG" });
    await server.played();
    expect(server.lines).toEqual(["CAPA"]);
  });

  test("ten thousand mechanisms are no choice of the server's", async () => {
    const names = Array.from({ length: 700 }, (_, index) => `X-${String(index)}`).join(" ");
    const script = [
      ...offering(...Array.from({ length: 8 }, () => `SASL ${names}`), "SASL PLAIN"),
      ...[`C: AUTH PLAIN ${PLAIN}`, "S: +OK", ...CAPA],
    ];
    expect(await login(script)).toBe("transaction");
  });
});

describe("nothing goes out in clear", () => {
  test.each<[string, string[], Partial<Pop3Auth>]>([
    ["PASS", ["USER"], {}],
    ["PLAIN", ["SASL PLAIN"], {}],
    ["LOGIN", ["SASL LOGIN"], {}],
    ["PASS, though insisted on", ["USER"], { mechanism: "USER" }],
    ["PLAIN, though insisted on", ["SASL PLAIN"], { mechanism: "PLAIN" }],
    ["PLAIN, though APOP could be had", ["SASL PLAIN"], {}],
    ["anything of a mechanism that is cleartext", ["SASL X-OWN"], { mechanism: own({ cleartext: true }) }],
  ])("%s", async (_, offered, given) => {
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

  test("PASS by hand", async () => {
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

  test("a mechanism that is not cleartext may", async () => {
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

/** A mechanism of one's own, that answers each challenge with its letters turned around. */
function own({ cleartext = false, initial }: { cleartext?: boolean; initial?: Buffer }): SaslMechanism {
  return {
    name: "X-OWN",
    cleartext,
    start: () => ({
      ...(initial !== undefined && { initial }),
      respond: (challenge) => Buffer.from(challenge).reverse(),
    }),
  };
}

describe("a mechanism of one's own", () => {
  test("is told who logs in", async () => {
    const told: unknown[] = [];
    const mechanism: SaslMechanism = {
      ...own({}),
      start: (credentials) => {
        told.push(credentials);
        return own({}).start(credentials);
      },
    };
    const script = [...offering("SASL X-OWN"), "C: AUTH X-OWN", "S: +OK", ...CAPA];
    expect(await login(script, { mechanism, authzid: "bob" })).toBe("transaction");
    expect(told).toEqual([{ user: "ann", pass: "secret", authzid: "bob" }]);
  });

  test("answers challenges without base64", async () => {
    const script = [
      ...[...offering("SASL X-OWN"), "C: AUTH X-OWN", `S: + ${base64("abc")}`, `C: ${base64("cba")}`],
      ...["S: + ", "C: ", "S: +OK", ...CAPA],
    ];
    expect(await login(script, { mechanism: own({}) })).toBe("transaction");
  });

  test.each([
    ["that is not empty", Buffer.from("hi"), base64("hi")],
    ["that is empty", Buffer.alloc(0), "="],
  ])("with an initial response %s", async (_, initial, sent) => {
    const script = [
      ...offering("SASL X-OWN"),
      ...[`C: AUTH X-OWN ${sent}`, `S: + ${base64("abc")}`, `C: ${base64("cba")}`, "S: +OK", ...CAPA],
    ];
    expect(await login(script, { mechanism: own({ initial }) })).toBe("transaction");
  });

  test("is used where the server has no CAPA", async () => {
    const script = ["S: +OK", "C: CAPA", "S: -ERR", "C: AUTH X-OWN", "S: +OK", ...CAPA];
    expect(await login(script, { mechanism: own({}) })).toBe("transaction");
  });
});

describe("the secret", () => {
  test.each(["USER", "PLAIN", "LOGIN", "APOP"])(
    "is asked for once per login, and given later: %s",
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

  test("is asked for again by the next login", async () => {
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

  test("is not to be had: the caller's own error, and nothing is sent", async () => {
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
  ])("is %s: nothing is sent", async (_, offered, secret) => {
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
  ])("never comes: %s ends the login all the same", async (how, code) => {
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

describe("by hand", () => {
  test("USER and PASS, and once more behind a refusal", async () => {
    await using server = await listen({ tls: true });
    await using client = await Pop3Client.connect(to(server));
    await client.user("ann");
    await expect(client.pass("wrong")).rejects.toMatchObject({ code: "POP3_AUTH_REJECTED" });
    expect(client.state).toBe("authorization");
    await client.user("ann");
    await client.pass("secret");
    expect(client.state).toBe("transaction");
    expect(await client.stat()).toEqual({ count: 1, size: 22 });
  });

  test("APOP, in clear as well", async () => {
    await using server = await listen();
    await using client = await Pop3Client.connect(to(server, { stls: "never", allowPlaintextAuth: false }));
    await client.apop("ann", "secret");
    expect(client.state).toBe("transaction");
  });

  test("STLS, then the login", async () => {
    await using server = await listen();
    await using client = await Pop3Client.connect(to(server, { stls: "never", allowPlaintextAuth: false }));
    await client.stls();
    expect(client.secure).toBe(true);
    await client.authenticate(auth);
    expect(client.state).toBe("transaction");
    await client.noop();
    expect(said(server)).toEqual([
      ...["C: CAPA", "C: STLS", "* TLS", "C: CAPA", "C: AUTH PLAIN ****", "C: CAPA", "C: NOOP"],
    ]);
  });

  test("one login at a time, and nothing beside it", async () => {
    await using server = await listen({ tls: true });
    await using client = await Pop3Client.connect(to(server));
    const first = client.authenticate(auth);
    await expect(client.authenticate(auth)).rejects.toMatchObject({ code: "POP3_STATE" });
    await expect(client.stls()).rejects.toMatchObject({ code: "POP3_STATE" });
    await expect(client.capa()).rejects.toMatchObject({ code: "POP3_STATE" });
    await first;
    expect(client.state).toBe("transaction");
  });
});
