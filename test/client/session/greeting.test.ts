// The greeting is one line. Nothing is sent before it arrives, or after an invalid one.
import { describe, expect, test } from "vitest";
import { Pop3Client, type Pop3ReplyError } from "../../../src/index.ts";
import { auth, toScript } from "../../support/ann.ts";
import { stopClocks, timePasses } from "../../support/clock.ts";
import { failureOf } from "../../support/outcome.ts";
import { ScriptedServer } from "../../support/scripted-server.ts";

stopClocks();

describe("the greeting", () => {
  test.each<[string, string | Buffer, string]>([
    ["a refusal", "-ERR go away\r\n", "POP3_GREETING_REJECTED"],
    ["another protocol", "HTTP/1.1 200 OK\r\n", "POP3_BAD_GREETING"],
    ["a word that begins with OK", "+OKAY\r\n", "POP3_BAD_GREETING"],
    ["lower case", "+ok ready\r\n", "POP3_BAD_GREETING"],
    ["a challenge", "+ go on\r\n", "POP3_BAD_GREETING"],
    ["an empty line", "\r\n", "POP3_BAD_GREETING"],
    ["LF alone", "+OK ready\n", "POP3_PROTOCOL"],
    ["a NUL", "+OK a\0b\r\n", "POP3_PROTOCOL"],
    ["followed by more octets", `+OK ${"a".repeat(8192)}\r\n`, "POP3_LINE_TOO_LONG"],
    ["a line without an end", Buffer.alloc(100_000, "+"), "POP3_LINE_TOO_LONG"],
    [
      "followed by answers to commands that were not sent",
      "+OK hi\r\n+OK caps\r\nSTLS\r\n.\r\n+OK go\r\n",
      "POP3_UNSOLICITED",
    ],
    ["followed by the beginning of an answer", "+OK hi\r\n+", "POP3_UNSOLICITED"],
  ])("ends the session if it is %s", async (_, octets, code) => {
    await using server = await ScriptedServer.listen([Buffer.from(octets)]);
    const call = Pop3Client.connect(toScript(server, { stls: "required", auth }));
    await expect(call).rejects.toMatchObject({ code });
    await server.played();
    expect(server.clear).toBe("");
  });

  test.each([
    ["[SYS/TEMP] later", "SYS/TEMP", true],
    ["[in-use] Locked", "IN-USE", true],
    ["[LOGIN-DELAY] wait", "LOGIN-DELAY", true],
    ["[SYS/PERM] never", "SYS/PERM", false],
    ["[AUTH] not you", "AUTH", false],
    ["go away", undefined, true],
    ["Connection limit exceeded", undefined, true],
    ["access denied", undefined, false],
  ])("that is -ERR %s is a typed refusal", async (text, responseCode, temporary) => {
    await using server = await ScriptedServer.listen([`S: -ERR ${text}`]);
    const failure = await failureOf(Pop3Client.connect(toScript(server)));
    expect(failure).toMatchObject({ code: "POP3_GREETING_REJECTED", temporary });
    expect((failure as Partial<Pop3ReplyError>).responseCode).toBe(responseCode);
    await server.played();
    expect(server.clear).toBe("");
  });

  test("that does not come ends in a timeout", async () => {
    await using server = await ScriptedServer.listen([]);
    const options = toScript(server, { timeouts: { greeting: 20 } });
    const call = timePasses(Pop3Client.connect(options));
    await expect(call).rejects.toMatchObject({ code: "POP3_GREETING_TIMEOUT" });
    await server.played();
  });

  test("that is cut off rejects", async () => {
    await using server = await ScriptedServer.listen([Buffer.from("+OK hel"), "* close"]);
    const call = Pop3Client.connect(toScript(server));
    await expect(call).rejects.toMatchObject({ code: "POP3_CLOSED" });
    await server.played();
  });

  test("is kept as it came, and is printed with escapes", async () => {
    await using server = await ScriptedServer.listen(["S: +OK \x1b[31mred", "C: CAPA", "S: -ERR \x1b[2J"]);
    const client = await Pop3Client.connect(toScript(server));
    expect(client.greeting).toBe("\x1b[31mred");
    client.close();
    await server.played();
  });
});
