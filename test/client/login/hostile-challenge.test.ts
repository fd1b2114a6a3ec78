// Challenges of a hostile server, for each mechanism: an invalid one is answered by `*`, and proves nothing.
import { describe, expect, test } from "vitest";
import type { Pop3Auth, Pop3ClientOptions } from "../../../src/index.ts";
import { offering } from "../../support/ann.ts";
import { ANN, attempt, TOKEN_OF_ANN, type Attempt } from "./attempt.ts";
import { own } from "./own-mechanism.ts";
import { ScriptedServer, type Step } from "../../support/scripted-server.ts";
import { base64 } from "../../support/secret.ts";
import { expectNothingUnhandled } from "../../support/unhandled.ts";

expectNothingUnhandled();

const SASL = "PLAIN LOGIN CRAM-MD5 DIGEST-MD5 SCRAM-SHA-256 XOAUTH2 OAUTHBEARER EXTERNAL ANONYMOUS X-OWN";

/** Logs in by hand against the script. */
async function against(
  script: readonly Step[],
  auth: Pop3Auth,
  more: Partial<Pop3ClientOptions> = {},
): Promise<Attempt> {
  await using server = await ScriptedServer.listen([...offering("USER", `SASL ${SASL}`), ...script]);
  const attempted = await attempt(server, auth, more);
  await server.played();
  return attempted;
}

/** The name, who logs in, and the first line of the client. */
const WAYS: [string, Pop3Auth, Step][] = [
  ["CRAM-MD5", ANN, "C: AUTH CRAM-MD5"],
  ["DIGEST-MD5", ANN, "C: AUTH DIGEST-MD5"],
  ["SCRAM-SHA-256", ANN, /^AUTH SCRAM-SHA-256 \S+$/],
  ["XOAUTH2", TOKEN_OF_ANN, /^AUTH XOAUTH2 \S+$/],
  ["OAUTHBEARER", TOKEN_OF_ANN, /^AUTH OAUTHBEARER \S+$/],
  ["EXTERNAL", {}, "C: AUTH EXTERNAL ="],
  ["ANONYMOUS", { user: "ann" }, "C: AUTH ANONYMOUS YW5u"],
];
const PROMPTED: [string, Pop3Auth, Step][] = [
  ["PLAIN", ANN, /^AUTH PLAIN \S+$/],
  ["LOGIN", ANN, "C: AUTH LOGIN"],
];

describe.each(WAYS)("%s", (mechanism, who, first) => {
  const auth = { ...who, mechanism };

  test.each([
    "what?",
    "===",
    "=",
    "YQ",
    "YQ=",
    "YWJ",
    "YQ==YQ==",
    "YW Jj",
    "YWJj ",
    "-_-_",
    '{"a":1}',
    "\u00e9",
  ])('cancels at a challenge that is not base64: "%s"', async (challenge) => {
    const attempted = await against([first, `S: + ${challenge}`, "C: *", "S: -ERR cancelled"], auth);
    expect(attempted).toMatchObject({ code: "POP3_AUTH_PROTOCOL", state: "authorization" });
    expect(attempted.lines.slice(1)).toEqual(["*"]);
  });

  test("rejects a challenge larger than 16 KiB", async () => {
    const challenge = `S: + ${Buffer.alloc(16 * 1024 + 1, "a").toString("base64")}`;
    const attempted = await against([first, challenge, "C: *", "S: -ERR"], auth);
    expect(attempted).toMatchObject({ code: "POP3_CHALLENGE_TOO_LARGE", kept: true });
    expect(attempted.lines.slice(1)).toEqual(["*"]);
  });

  test("rejects a challenge larger than limits.challenge", async () => {
    const script = [first, `S: + ${"YWFh".repeat(100)}`, "C: *", "S: -ERR"];
    const attempted = await against(script, auth, { limits: { challenge: 100 } });
    expect(attempted).toMatchObject({ code: "POP3_CHALLENGE_TOO_LARGE", kept: true });
    expect(attempted.lines.slice(1)).toEqual(["*"]);
  });

  test("rejects a challenge of a megabyte", async () => {
    const attempted = await against([first, Buffer.from(`+ ${"YWFh".repeat(350_000)}\r\n`)], auth);
    expect(attempted).toMatchObject({ code: "POP3_LINE_TOO_LONG", kept: false });
    expect(attempted.lines.slice(1)).toEqual([]);
  });

  test.each<[string, Step[], string, boolean]>([
    ["a refusal: the session continues", ["S: -ERR no"], "POP3_AUTH_PROTOCOL", true],
    ["+OK: the client is not logged in", ["S: +OK welcome"], "POP3_PROTOCOL", false],
    ["+OK, twice", ["S: +OK", "S: +OK"], "POP3_PROTOCOL", false],
    ["another challenge", ["S: + YQ=="], "POP3_PROTOCOL", false],
    ["an invalid reply", ["S: so what"], "POP3_PROTOCOL", false],
    ["silence", [], "POP3_COMMAND_TIMEOUT", false],
    ["FIN", ["* close"], "POP3_CLOSED", false],
    ["RST", ["* reset"], "POP3_RESET", false],
  ])("after `*` the server sends %s", async (_, answer, code, kept) => {
    const timeouts = { command: answer.length === 0 ? 100 : 10_000 };
    const attempted = await against([first, "S: + what?", "C: *", ...answer], auth, { timeouts });
    if (code === "POP3_PROTOCOL" && answer.length === 2) {
      // Either fault may be found first: the exchange continues, or the line answers no command.
      expect(["POP3_PROTOCOL", "POP3_UNSOLICITED"]).toContain(attempted.code);
    } else expect(attempted.code).toBe(code);
    expect(attempted.kept).toBe(kept);
    expect(attempted.lines.slice(1)).toEqual(["*"]);
  });

  test.each<[string, Step[], string]>([
    ["-ERR with text that could be base64", ["S: -ERR YWJj"], "POP3_AUTH_REJECTED"],
    ["-ERR without text", ["S: -ERR"], "POP3_AUTH_REJECTED"],
    ["-ERR with a temporary reason", ["S: -ERR [SYS/TEMP] later"], "POP3_TEMPORARY"],
  ])("%s instead of a challenge ends the exchange, and the session continues", async (_, answer, code) => {
    const attempted = await against([first, ...answer], auth);
    expect(attempted).toMatchObject({ code, state: "authorization" });
    expect(attempted.lines).toHaveLength(1);
  });

  test.each<[string, Step[], string]>([
    ["a challenge followed by +OK", ["S: + YQ==", "S: +OK"], "POP3_UNSOLICITED"],
    ["two challenges at once", ["S: + YQ==", "S: + YQ=="], "POP3_UNSOLICITED"],
    ["a plus that is not a challenge", ["S: +YQ=="], "POP3_PROTOCOL"],
    ["a challenge with a NUL in it", [Buffer.from("+ YQ\0=\r\n")], "POP3_PROTOCOL"],
    ["a challenge that ends in LF", [Buffer.from("+ YQ==\n+OK\r\n")], "POP3_PROTOCOL"],
    ["a line that is not a reply", ["S: YQ=="], "POP3_PROTOCOL"],
  ])("ends the session on %s", async (_, answer, code) => {
    const attempted = await against([first, ...answer], auth);
    expect(attempted).toMatchObject({ code, kept: false });
    expect(attempted.lines).toHaveLength(1);
  });
});

describe.each([...WAYS, ...PROMPTED])("%s", (mechanism, who, first) => {
  // However the mechanism reads these challenges, it ends the exchange early.
  test.each(["", "YQ==", base64("Username:"), base64("<1.2@mail.test>"), base64('{"status":"400"}')])(
    'stops challenges without end: "%s"',
    async (challenge) => {
      const endless = Array.from({ length: 20 }, () => [/^/, `S: + ${challenge}`]).flat();
      const script = [...offering("USER", `SASL ${SASL}`), first, `S: + ${challenge}`, ...endless];
      await using server = await ScriptedServer.listen(script);
      const attempted = await attempt(server, { ...who, mechanism });
      expect(attempted).toMatchObject({ code: "POP3_PROTOCOL", kept: false });
      expect(attempted.lines.length).toBeLessThan(5);
      expect(attempted.lines.at(-1)).toBe("*");
    },
  );
});

test("the caller's mechanism answers at most sixteen challenges", async () => {
  const asked = Array.from({ length: 16 }, () => ["S: + YQ==", "C: YQ=="]).flat();
  const script = ["C: AUTH X-OWN", ...asked, "S: + YQ==", "C: *", "S: -ERR"];
  const attempted = await against(script, { ...ANN, mechanism: own({}) });
  expect(attempted).toMatchObject({ code: "POP3_AUTH_PROTOCOL", state: "authorization" });
});

describe("CRAM-MD5", () => {
  // Whoever chooses what is digested with the password can learn more from it than that it is right.
  test.each(["", " ", "<a b@c>", "a\0b", "a\r\nb", "\u00e9", "\x7f", "<1@2>\n"])(
    "cancels at the challenge %j, which is not a msg-id",
    async (challenge) => {
      const script = ["C: AUTH CRAM-MD5", `S: + ${base64(challenge)}`, "C: *", "S: -ERR"];
      const attempted = await against(script, { ...ANN, mechanism: "CRAM-MD5" });
      expect(attempted).toMatchObject({ code: "POP3_AUTH_PROTOCOL", kept: true });
      expect(attempted.lines.slice(1)).toEqual(["*"]);
    },
  );
});
