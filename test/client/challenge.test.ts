// Challenges that make no sense end in `*`, and then in an error: nobody is logged in by accident.
import { describe, expect, test } from "vitest";
import { Pop3Client, type Pop3ClientOptions, type SaslMechanism } from "../../src/index.ts";
import { auth, offering, toScript } from "./ann.ts";
import { codeOf } from "./outcome.ts";
import { ScriptedServer, type Step } from "./scripted-server.ts";

/** Takes challenges to the letter, and answers each with one octet. */
const strict: SaslMechanism = {
  name: "X-STRICT",
  cleartext: false,
  start: () => ({ respond: () => Buffer.from("!") }),
};
const ANSWER = "C: IQ==";

/** Logs in by `mechanism` against the script; gives the code of the error. */
async function attempt(
  script: readonly Step[],
  mechanism: SaslMechanism | string = strict,
  more: Partial<Pop3ClientOptions> = {},
): Promise<string> {
  const offered = offering("SASL X-STRICT PLAIN LOGIN", "USER");
  await using server = await ScriptedServer.listen([...offered, ...script]);
  const client = new Pop3Client(toScript(server, { auth: { ...auth, mechanism }, ...more }));
  const code = await codeOf(client.connect());
  client.close();
  await server.played();
  return code;
}

describe("what is no base64", () => {
  test.each([
    "what?",
    "===",
    "YQ",
    "YQ=",
    "Y",
    "YQ==YQ==",
    "YW Jj",
    "YW\tJj",
    "YWJj ",
    " YWJj",
    "-_-_",
    "YWJj\x7f",
  ])("+ %j", async (challenge) => {
    const script = ["C: AUTH X-STRICT", `S: + ${challenge}`, "C: *", "S: -ERR cancelled"];
    expect(await attempt(script)).toBe("POP3_AUTH_PROTOCOL");
  });

  test("by hand: the session goes on", async () => {
    await using server = await ScriptedServer.listen([
      ...offering("SASL X-STRICT", "USER"),
      ...["C: AUTH X-STRICT", "S: + what?", "C: *", "S: -ERR cancelled"],
      ...["C: USER ann", "S: +OK", "C: PASS secret", "S: +OK", "C: CAPA", "S: -ERR"],
    ]);
    const client = await Pop3Client.connect(toScript(server));
    await expect(client.authenticate({ ...auth, mechanism: strict })).rejects.toMatchObject({
      code: "POP3_AUTH_PROTOCOL",
    });
    expect(client.state).toBe("authorization");
    await client.authenticate({ ...auth, mechanism: "USER" });
    expect(client.state).toBe("transaction");
    client.close();
    await server.played();
  });
});

describe("behind the asterisk", () => {
  const cancelled = ["C: AUTH X-STRICT", "S: + what?", "C: *"];

  test.each<[string, Step[], string]>([
    ["+OK logs nobody in", ["S: +OK welcome"], "POP3_PROTOCOL"],
    ["one more challenge ends it", ["S: + YQ=="], "POP3_PROTOCOL"],
    ["silence ends it", [], "POP3_COMMAND_TIMEOUT"],
    ["FIN ends it", ["* close"], "POP3_CLOSED"],
    ["RST ends it", ["* reset"], "POP3_RESET"],
  ])("%s", async (_, answer, code) => {
    const timeouts = { command: answer.length === 0 ? 100 : 10_000 };
    expect(await attempt([...cancelled, ...answer], strict, { timeouts })).toBe(code);
  });
});

describe("too much of it", () => {
  const ask = (count: number): string[] => Array.from({ length: count }, () => ["S: + ", ANSWER]).flat();

  test("sixteen challenges are answered, the seventeenth is not", async () => {
    const script = ["C: AUTH X-STRICT", ...ask(16)];
    expect(await attempt([...script, "S: +OK", "C: CAPA", "S: -ERR"])).toBe("resolved");
    expect(await attempt([...script, "S: + ", "C: *", "S: -ERR"])).toBe("POP3_AUTH_PROTOCOL");
  });

  test("limits.challenges", async () => {
    const limits = { challenges: 2 };
    const script = ["C: AUTH X-STRICT", ...ask(2), "S: + ", "C: *", "S: -ERR"];
    expect(await attempt(script, strict, { limits })).toBe("POP3_AUTH_PROTOCOL");
  });

  test("limits.challenge, in octets behind base64", async () => {
    const limits = { challenge: 63 };
    const fits = `S: + ${Buffer.alloc(63, "a").toString("base64")}`;
    const large = `S: + ${Buffer.alloc(66, "a").toString("base64")}`;
    const script = ["C: AUTH X-STRICT", fits, ANSWER];
    expect(await attempt([...script, "S: +OK", "C: CAPA", "S: -ERR"], strict, { limits })).toBe("resolved");
    expect(await attempt([...script, large, "C: *", "S: -ERR"], strict, { limits })).toBe(
      "POP3_CHALLENGE_TOO_LARGE",
    );
  });

  test("the default limit can be reached: 16 KiB are a challenge like any other", async () => {
    const challenge = `S: + ${Buffer.alloc(16 * 1024, "a").toString("base64")}`;
    const script = ["C: AUTH X-STRICT", challenge, ANSWER, "S: +OK", "C: CAPA", "S: -ERR"];
    expect(await attempt(script)).toBe("resolved");
  });

  test("a megabyte is none", async () => {
    const challenge = Buffer.from(`+ ${"YWFh".repeat(350_000)}\r\n`);
    expect(["POP3_CHALLENGE_TOO_LARGE", "POP3_LINE_TOO_LONG"]).toContain(
      await attempt(["C: AUTH X-STRICT", challenge]),
    );
  });

  test("LOGIN answers two prompts, and no third", async () => {
    const prompts = ["C: AUTH LOGIN", "S: + ", "C: YW5u", "S: + ", "C: c2VjcmV0"];
    expect(await attempt([...prompts, "S: + once more", "C: *", "S: -ERR"], "LOGIN")).toBe(
      "POP3_AUTH_PROTOCOL",
    );
  });

  test("PLAIN is said again to a server that overlooked the initial response", async () => {
    const [inline, again] = ["C: AUTH PLAIN AGFubgBzZWNyZXQ=", "C: AGFubgBzZWNyZXQ="];
    const script = [inline, "S: + ", again, "S: +OK", "C: CAPA", "S: -ERR"];
    expect(await attempt(script, "PLAIN")).toBe("resolved");
  });
});

describe("a mechanism that throws", () => {
  const error = new Error("no such challenge");
  const throwing = (at: "start" | "respond"): SaslMechanism => ({
    ...strict,
    start: () => {
      if (at === "start") throw error;
      return {
        respond: () => {
          throw error;
        },
      };
    },
  });

  test("at a challenge: `*`, and its own error", async () => {
    const script = ["C: AUTH X-STRICT", "S: + YQ==", "C: *", "S: -ERR"];
    expect(await attempt(script, throwing("respond"))).toBe(String(error));
  });

  test("at the start: nothing is sent", async () => {
    expect(await attempt([], throwing("start"))).toBe(String(error));
  });
});

describe("-ERR where a challenge is expected", () => {
  test("ends the exchange, and is not taken for base64", async () => {
    expect(await attempt(["C: AUTH X-STRICT", "S: + YQ==", ANSWER, "S: -ERR YWJj"])).toBe(
      "POP3_AUTH_REJECTED",
    );
  });

  test("+OK at once is the server's to say", async () => {
    expect(await attempt(["C: AUTH X-STRICT", "S: +OK", "C: CAPA", "S: -ERR"])).toBe("resolved");
  });
});
