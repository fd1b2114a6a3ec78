// STLS with servers and attackers that want to avoid it: the client believes nothing in clear text, and sends
// no secret.
import { describe, expect, test } from "vitest";
import { Pop3Client } from "../../../src/index.ts";
import { auth, listen, to, toScript } from "../../support/ann.ts";
import { stopClocks } from "../../support/clock.ts";
import { ScriptedServer, type Step } from "../../support/scripted-server.ts";
import { tls } from "../../support/certificate.ts";
import { ASKED, attempt, OFFERED } from "../../support/stls-attempt.ts";

stopClocks();

describe("without TLS, connect() rejects", () => {
  test("if STLS is not listed", async () => {
    const script = ["S: +OK", "C: CAPA", "S: +OK", "S: USER", "S: ."];
    expect(await attempt(script)).toEqual({ code: "POP3_TLS_REQUIRED", clear: "CAPA\r\n", secure: "" });
  });

  test("if STLS is listed and refused", async () => {
    const script = [...OFFERED, "C: STLS", "S: -ERR STARTTLS not supported."];
    expect(await attempt(script)).toEqual({ code: "POP3_TLS_REQUIRED", clear: ASKED, secure: "" });
  });

  test("if there is neither CAPA nor STLS", async () => {
    const script = ["S: +OK", "C: CAPA", "S: -ERR unknown command", "C: STLS", "S: -ERR unknown command"];
    expect(await attempt(script)).toEqual({ code: "POP3_TLS_REQUIRED", clear: ASKED, secure: "" });
  });

  test("without auth, too", async () => {
    const script = [...OFFERED, "C: STLS", "S: -ERR"];
    expect((await attempt(script, { auth: undefined as never })).code).toBe("POP3_TLS_REQUIRED");
  });
});

describe("octets in clear text after STLS end the session", () => {
  const INJECTED: [string, string | Buffer][] = [
    ["replies", "+OK\r\nUSER\r\nSASL PLAIN\r\n.\r\n"],
    ["half a reply", "+OK injec"],
    ["an empty line", "\r\n"],
    ["a NUL", "\0"],
    ["a space", " "],
    ["an octet", "\xff"],
    ["a line without an end", Buffer.alloc(60_000, "a")],
  ];

  test.each(INJECTED)("in one packet with +OK: %s", async (_, octets) => {
    const script = [
      ...OFFERED,
      "C: STLS",
      Buffer.concat([Buffer.from("+OK begin\r\n"), Buffer.from(octets)]),
    ];
    // No ClientHello either: nothing at all is written after STLS.
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

  test("as answers to commands that were never sent", async () => {
    const script = [...OFFERED, "C: STLS", "S: -ERR unavailable", "S: +OK user", "S: +OK pass", "S: +OK 0 0"];
    expect(await attempt(script, { stls: "if-offered", allowPlaintextAuth: true })).toEqual({
      code: "POP3_TLS_INJECTION",
      clear: ASKED,
      secure: "",
    });
  });

  test("by hand, too", async () => {
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
  ])("instead of a handshake: %s", async (_, octets) => {
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
    ["is not a reply", "BEGIN"],
    ["is empty", ""],
  ])("is invalid if it %s", async (_, line) => {
    const script = [...OFFERED, "C: STLS", `S: ${line}`];
    expect(await attempt(script)).toEqual({ code: "POP3_PROTOCOL", clear: ASKED, secure: "" });
  });

  test.each([1, 2, 3])("can come in packets of %d octets", async (chunk) => {
    const script: Step[] = [...OFFERED, "C: STLS", "S: +OK x", "* tls", "C: CAPA", "S: -ERR"];
    const login = ["C: USER ann", "S: +OK", "C: PASS secret", "S: +OK", "C: CAPA", "S: -ERR"];
    const { code, clear } = await attempt([...script, ...login], {}, { chunk });
    expect(code).toBe("resolved");
    expect(clear).toBe(ASKED);
  });

  test.each<[string, Step[], string[]]>([
    ["is cut off", [Buffer.from("+OK"), "* close"], ["POP3_CLOSED"]],
    ["is the last line before FIN", ["S: +OK begin", "* close"], ["POP3_CLOSED", "POP3_TLS_HANDSHAKE"]],
    ["is a reset", ["* reset"], ["POP3_RESET"]],
    ["is followed by a reset", ["S: +OK begin", "* octets", "* reset"], ["POP3_TLS_HANDSHAKE", "POP3_RESET"]],
  ])("ends the attempt if it %s", async (_, steps, codes) => {
    const { code, clear } = await attempt([...OFFERED, "C: STLS", ...steps]);
    expect(codes).toContain(code);
    expect(clear).not.toContain("secret");
  });

  test("ends the attempt if silence follows", async () => {
    const script = [...OFFERED, "C: STLS", "S: +OK begin"];
    const { code, clear } = await attempt(script, { timeouts: { tls: 50 } });
    expect(code).toBe("POP3_TLS_TIMEOUT");
    expect(clear).not.toContain("secret");
  });

  test("ends the attempt if it does not come", async () => {
    const { code, clear } = await attempt([...OFFERED, "C: STLS"], { timeouts: { command: 100 } });
    expect(code).toBe("POP3_COMMAND_TIMEOUT");
    expect(clear).toBe(ASKED);
  });
});

test("every octet comes through TLS if the socket was read into one buffer before STLS, by hand", async () => {
  const message = Buffer.alloc(300_000, "abc\r\n");
  await using server = await listen({ messages: [message] });
  await using client = await Pop3Client.connect(to(server, { stls: "never" }));
  await client.stls();
  await client.authenticate(auth);
  expect(client.secure).toBe(true);
  expect((await client.retr(1)).equals(message)).toBe(true);
  const chunks: Buffer[] = [];
  for await (const chunk of client.retrStream(1) as AsyncIterable<Buffer>) chunks.push(chunk);
  expect(Buffer.concat(chunks).equals(message)).toBe(true);
});
