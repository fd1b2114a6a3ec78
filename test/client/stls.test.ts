/** STLS against servers, and people between, that would rather have it in clear: nothing is believed, nothing is said. */
import { describe, expect, test } from "vitest";
import { Pop3Client, type Pop3ClientOptions } from "../../src/index.ts";
import { makeCertificate } from "../../src/testing/index.ts";
import { auth, listen, said, to, toScript } from "./ann.ts";
import { codeOf, failureOf } from "./outcome.ts";
import { ScriptedServer, type ScriptOptions, type Step } from "./scripted-server.ts";

const certificate = makeCertificate();
const tls = { ca: certificate.cert };
const OFFERED: readonly Step[] = [
  "S: +OK hello <1.2@mail.test>",
  "C: CAPA",
  "S: +OK",
  "S: STLS",
  "S: USER",
  "S: .",
];

interface Outcome {
  readonly code: string;
  readonly clear: string;
  readonly secure: string;
}

/** Connects as Ann against a script, STLS required unless told otherwise. */
async function attempt(
  script: readonly Step[],
  more: Partial<Pop3ClientOptions> = {},
  how: ScriptOptions = {},
): Promise<Outcome> {
  await using server = await ScriptedServer.listen(script, { tls: certificate, ...how });
  const client = new Pop3Client(toScript(server, { stls: "required", tls, auth, ...more }));
  const code = await codeOf(client.connect());
  if (code === "resolved") client.close();
  expect(client.state).toBe("closed");
  await server.played();
  return { code, clear: server.clear, secure: server.secure };
}

const ASKED = "CAPA\r\nSTLS\r\n";

describe("no TLS, no session", () => {
  test("STLS is not listed", async () => {
    const script = ["S: +OK", "C: CAPA", "S: +OK", "S: USER", "S: ."];
    expect(await attempt(script)).toEqual({ code: "POP3_TLS_REQUIRED", clear: "CAPA\r\n", secure: "" });
  });

  test("STLS is listed and refused", async () => {
    const script = [...OFFERED, "C: STLS", "S: -ERR STARTTLS not supported."];
    expect(await attempt(script)).toEqual({ code: "POP3_TLS_REQUIRED", clear: ASKED, secure: "" });
  });

  test("there is neither CAPA nor STLS", async () => {
    const script = ["S: +OK", "C: CAPA", "S: -ERR unknown command", "C: STLS", "S: -ERR unknown command"];
    expect(await attempt(script)).toEqual({ code: "POP3_TLS_REQUIRED", clear: ASKED, secure: "" });
  });

  test("without auth as well", async () => {
    const script = [...OFFERED, "C: STLS", "S: -ERR"];
    expect((await attempt(script, { auth: undefined as never })).code).toBe("POP3_TLS_REQUIRED");
  });
});

describe("what comes in clear behind STLS", () => {
  const INJECTED: [string, string | Buffer][] = [
    ["replies", "+OK\r\nUSER\r\nSASL PLAIN\r\n.\r\n"],
    ["half a reply", "+OK injec"],
    ["an empty line", "\r\n"],
    ["a NUL", "\0"],
    ["a space", " "],
    ["an octet", "\xff"],
    ["a line without end", Buffer.alloc(60_000, "a")],
  ];

  test.each(INJECTED)("in one packet with +OK: %s", async (_, octets) => {
    const script = [
      ...OFFERED,
      "C: STLS",
      Buffer.concat([Buffer.from("+OK begin\r\n"), Buffer.from(octets)]),
    ];
    // No ClientHello either: nothing at all is written behind STLS.
    expect(await attempt(script)).toEqual({ code: "POP3_TLS_INJECTION", clear: ASKED, secure: "" });
  });

  test.each(INJECTED)("in one packet with -ERR: %s", async (_, octets) => {
    const script = [...OFFERED, "C: STLS", Buffer.concat([Buffer.from("-ERR no\r\n"), Buffer.from(octets)])];
    for (const stls of ["required", "if-offered"] as const) {
      expect(await attempt(script, { stls, allowPlaintextAuth: true })).toEqual({
        code: "POP3_TLS_INJECTION",
        clear: ASKED,
        secure: "",
      });
    }
  });

  test("answers to questions that were never asked", async () => {
    const script = [...OFFERED, "C: STLS", "S: -ERR unavailable", "S: +OK user", "S: +OK pass", "S: +OK 0 0"];
    expect(await attempt(script, { stls: "if-offered", allowPlaintextAuth: true })).toEqual({
      code: "POP3_TLS_INJECTION",
      clear: ASKED,
      secure: "",
    });
  });

  test("by hand", async () => {
    await using server = await ScriptedServer.listen([...OFFERED, "C: STLS", "S: +OK", "S: +OK more"]);
    const client = await Pop3Client.connect(toScript(server, { tls }));
    await expect(client.stls()).rejects.toMatchObject({ code: "POP3_TLS_INJECTION" });
    expect(client.state).toBe("closed");
    expect(client.secure).toBe(false);
    await expect(client.user("ann")).rejects.toMatchObject({ code: "POP3_TLS_INJECTION" });
    await server.played();
    expect(server.clear).toBe(ASKED);
  });

  test.each([
    ["a reply", "+OK fake\r\n"],
    ["HTTP", "HTTP/1.1 400 Bad Request\r\n\r\n"],
    ["a single octet and FIN", "+"],
  ])("in place of a handshake: %s", async (_, octets) => {
    const script = [...OFFERED, "C: STLS", "S: +OK begin", "* octets", Buffer.from(octets), "* close"];
    const { code, clear, secure } = await attempt(script);
    expect(["POP3_TLS_HANDSHAKE", "POP3_TLS_INJECTION"]).toContain(code);
    expect(clear.slice(0, ASKED.length)).toBe(ASKED);
    // A ClientHello, and nothing that a server could read as a command.
    expect(clear.slice(ASKED.length)).toMatch(/^\x16\x03\x01/);
    expect(clear).not.toContain("secret");
    expect(clear).not.toContain("USER");
    expect(secure).toBe("");
  });
});

describe("the reply to STLS", () => {
  test.each([
    ["begins with OK only by chance", "+Okay do your thing"],
    ["is a challenge", "+ "],
    ["is lower case", "+ok"],
    ["is no reply", "BEGIN"],
    ["is empty", ""],
  ])("%s", async (_, line) => {
    const script = [...OFFERED, "C: STLS", `S: ${line}`];
    expect(await attempt(script)).toEqual({ code: "POP3_PROTOCOL", clear: ASKED, secure: "" });
  });

  test.each([1, 2, 3])("comes in packets of %d octets", async (chunk) => {
    const script: Step[] = [...OFFERED, "C: STLS", "S: +OK x", "* tls", "C: CAPA", "S: -ERR"];
    const login = ["C: USER ann", "S: +OK", "C: PASS secret", "S: +OK", "C: CAPA", "S: -ERR"];
    const { code, clear } = await attempt([...script, ...login], {}, { chunk });
    expect(code).toBe("resolved");
    expect(clear).toBe(ASKED);
  });

  test.each<[string, Step[], string[]]>([
    ["is cut off", [Buffer.from("+OK"), "* close"], ["POP3_CLOSED"]],
    ["is the last that comes", ["S: +OK begin", "* close"], ["POP3_CLOSED", "POP3_TLS_HANDSHAKE"]],
    ["is a reset", ["* reset"], ["POP3_RESET"]],
    ["is followed by a reset", ["S: +OK begin", "* octets", "* reset"], ["POP3_TLS_HANDSHAKE", "POP3_RESET"]],
  ])("%s", async (_, steps, codes) => {
    const { code, clear } = await attempt([...OFFERED, "C: STLS", ...steps]);
    expect(codes).toContain(code);
    expect(clear).not.toContain("secret");
  });

  test("is followed by silence", async () => {
    const script = [...OFFERED, "C: STLS", "S: +OK begin"];
    const { code, clear } = await attempt(script, { timeouts: { tls: 50 } });
    expect(code).toBe("POP3_TLS_TIMEOUT");
    expect(clear).not.toContain("secret");
  });

  test("does not come", async () => {
    const { code, clear } = await attempt([...OFFERED, "C: STLS"], { timeouts: { command: 100 } });
    expect(code).toBe("POP3_COMMAND_TIMEOUT");
    expect(clear).toBe(ASKED);
  });
});

describe("within TLS", () => {
  const BEGUN: readonly Step[] = ["C: STLS", "S: +OK", "* tls", "C: CAPA"];

  test("nothing that was learnt in clear counts: the capabilities", async () => {
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

  test("nothing that was learnt in clear counts: the timestamp", async () => {
    const script = [...OFFERED, ...BEGUN, "S: +OK", "S: USER", "S: ."];
    const { code, clear, secure } = await attempt(script, { auth: { ...auth, mechanism: "APOP" } });
    expect(code).toBe("POP3_AUTH_NO_MECHANISM");
    expect(clear + secure).not.toContain("APOP");
  });

  test("STLS is listed again, and is not begun again", async () => {
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

  test("from the first octet: no STLS either", async () => {
    await using server = await listen({ tls: true, capabilities: ["STLS"] });
    await using client = await Pop3Client.connect(to(server));
    await expect(client.stls()).rejects.toMatchObject({ code: "POP3_STATE" });
    await client.quit();
    await server.idle();
    expect(said(server)).toEqual(["* TLS", "C: CAPA", "C: QUIT"]);
  });

  test("the capabilities never end: in silence", async () => {
    const script = [...OFFERED, ...BEGUN, "S: +OK", "S: USER"];
    const { code, secure } = await attempt(script, { timeouts: { command: 300 } });
    expect(code).toBe("POP3_COMMAND_TIMEOUT");
    expect(secure).toBe("CAPA\r\n");
  });

  test.each([
    ["in lines", "X-MORE\r\n".repeat(20_000)],
    ["in one line", "X".repeat(200_000)],
    ["in more lines than limits.capabilityLines", `${"X-A\r\n".repeat(300)}.\r\n`],
  ])("the capabilities never end: %s", async (_, octets) => {
    const script = [...OFFERED, ...BEGUN, "S: +OK", Buffer.from(octets)];
    const { code, secure } = await attempt(script);
    expect(code).toBe("POP3_RESPONSE_TOO_LARGE");
    expect(secure).toBe("CAPA\r\n");
  });
});

describe("if offered", () => {
  test("not offered: in clear, and the password only where that was allowed", async () => {
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

  test("offered and refused: the same", async () => {
    const script = [...OFFERED, "C: STLS", "S: -ERR not today"];
    expect(await attempt(script, { stls: "if-offered" })).toEqual({
      code: "POP3_TLS_REQUIRED",
      clear: ASKED,
      secure: "",
    });
  });

  test("offered, and the handshake fails: no way back to clear", async () => {
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

describe("the wrong port", () => {
  test("TLS from the first octet, and the server greets in clear", async () => {
    await using server = await ScriptedServer.listen(["S: +OK hello"]);
    const failure = await failureOf(Pop3Client.connect({ host: "127.0.0.1", port: server.port, auth }));
    expect(failure.code).toBe("POP3_TLS_HANDSHAKE");
    expect(failure.message).toContain("STLS");
    await server.played();
    expect(server.clear).not.toContain("secret");
  });

  test("in clear, and the server waits for TLS", async () => {
    await using server = await listen({ tls: true });
    const options = to(server, { secure: false, auth, timeouts: { greeting: 50 } });
    expect(await codeOf(Pop3Client.connect(options))).toBe("POP3_GREETING_TIMEOUT");
    await server.idle();
    expect(said(server)).toEqual(["* TLS"]);
  });

  test("TLS from the first octet, and nothing but silence", async () => {
    await using server = await ScriptedServer.listen([]);
    const options = { host: "127.0.0.1", port: server.port, auth, timeouts: { tls: 50 } };
    expect(await codeOf(Pop3Client.connect(options))).toBe("POP3_TLS_TIMEOUT");
    await server.played();
  });

  test.each(["* close", "* reset"])("TLS from the first octet, and %s", async (end) => {
    await using server = await ScriptedServer.listen(["* octets", end]);
    const options = { host: "127.0.0.1", port: server.port, auth };
    expect(["POP3_TLS_HANDSHAKE", "POP3_RESET", "POP3_CLOSED"]).toContain(
      await codeOf(Pop3Client.connect(options)),
    );
    await server.played();
  });

  test("the handshake is given up by its signal, or by close", async () => {
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
