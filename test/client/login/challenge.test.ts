// Invalid challenges are answered by `*` and end in an error. No login succeeds by accident.
import { describe, expect, test } from "vitest";
import { Pop3Client, type Pop3ClientOptions, type SaslMechanism } from "../../../src/index.ts";
import { auth, offering, toScript } from "../../support/ann.ts";
import { codeOf } from "../../support/outcome.ts";
import { ScriptedServer, type Step } from "../../support/scripted-server.ts";

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

describe("a challenge that is not base64", () => {
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
  ])("is cancelled: + %j", async (challenge) => {
    const script = ["C: AUTH X-STRICT", `S: + ${challenge}`, "C: *", "S: -ERR cancelled"];
    expect(await attempt(script)).toBe("POP3_AUTH_PROTOCOL");
  });

  test("leaves the session usable, by hand", async () => {
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

describe("the answer to the asterisk", () => {
  const cancelled = ["C: AUTH X-STRICT", "S: + what?", "C: *"];

  test.each<[string, Step[], string]>([
    ["+OK", ["S: +OK welcome"], "POP3_PROTOCOL"],
    ["another challenge", ["S: + YQ=="], "POP3_PROTOCOL"],
    ["silence", [], "POP3_COMMAND_TIMEOUT"],
    ["FIN", ["* close"], "POP3_CLOSED"],
    ["RST", ["* reset"], "POP3_RESET"],
  ])("ends the login: %s", async (_, answer, code) => {
    const timeouts = { command: answer.length === 0 ? 100 : 10_000 };
    expect(await attempt([...cancelled, ...answer], strict, { timeouts })).toBe(code);
  });
});

describe("limits of challenges", () => {
  const ask = (count: number): string[] => Array.from({ length: count }, () => ["S: + ", ANSWER]).flat();

  test("sixteen challenges are answered, the seventeenth is cancelled", async () => {
    const script = ["C: AUTH X-STRICT", ...ask(16)];
    expect(await attempt([...script, "S: +OK", "C: CAPA", "S: -ERR"])).toBe("resolved");
    expect(await attempt([...script, "S: + ", "C: *", "S: -ERR"])).toBe("POP3_AUTH_PROTOCOL");
  });

  test("limits.challenges is applied", async () => {
    const limits = { challenges: 2 };
    const script = ["C: AUTH X-STRICT", ...ask(2), "S: + ", "C: *", "S: -ERR"];
    expect(await attempt(script, strict, { limits })).toBe("POP3_AUTH_PROTOCOL");
  });

  test("limits.challenge is applied, in decoded octets", async () => {
    const limits = { challenge: 63 };
    const fits = `S: + ${Buffer.alloc(63, "a").toString("base64")}`;
    const large = `S: + ${Buffer.alloc(66, "a").toString("base64")}`;
    const script = ["C: AUTH X-STRICT", fits, ANSWER];
    expect(await attempt([...script, "S: +OK", "C: CAPA", "S: -ERR"], strict, { limits })).toBe("resolved");
    expect(await attempt([...script, large, "C: *", "S: -ERR"], strict, { limits })).toBe(
      "POP3_CHALLENGE_TOO_LARGE",
    );
  });

  test("a challenge of 16 KiB is accepted by default", async () => {
    const challenge = `S: + ${Buffer.alloc(16 * 1024, "a").toString("base64")}`;
    const script = ["C: AUTH X-STRICT", challenge, ANSWER, "S: +OK", "C: CAPA", "S: -ERR"];
    expect(await attempt(script)).toBe("resolved");
  });

  test("a challenge of a megabyte is cancelled", async () => {
    const challenge = Buffer.from(`+ ${"YWFh".repeat(350_000)}\r\n`);
    expect(["POP3_CHALLENGE_TOO_LARGE", "POP3_LINE_TOO_LONG"]).toContain(
      await attempt(["C: AUTH X-STRICT", challenge]),
    );
  });

  test("LOGIN answers two prompts, and cancels a third", async () => {
    const prompts = ["C: AUTH LOGIN", "S: + ", "C: YW5u", "S: + ", "C: c2VjcmV0"];
    expect(await attempt([...prompts, "S: + once more", "C: *", "S: -ERR"], "LOGIN")).toBe(
      "POP3_AUTH_PROTOCOL",
    );
  });

  test("PLAIN is sent again to a server that overlooked the initial response", async () => {
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

  test("at a challenge sends `*`, and rejects with its error", async () => {
    const script = ["C: AUTH X-STRICT", "S: + YQ==", "C: *", "S: -ERR"];
    expect(await attempt(script, throwing("respond"))).toBe(String(error));
  });

  test("at the start sends nothing", async () => {
    expect(await attempt([], throwing("start"))).toBe(String(error));
  });
});

describe("a reply where a challenge is expected", () => {
  test("of -ERR ends the exchange, and is not read as base64", async () => {
    expect(await attempt(["C: AUTH X-STRICT", "S: + YQ==", ANSWER, "S: -ERR YWJj"])).toBe(
      "POP3_AUTH_REJECTED",
    );
  });

  test("of +OK at once is a success", async () => {
    expect(await attempt(["C: AUTH X-STRICT", "S: +OK", "C: CAPA", "S: -ERR"])).toBe("resolved");
  });
});
