// A login that the server refuses: the content of the error, and that nothing else is tried with the same
// secret.
import { describe, expect, test } from "vitest";
import { Pop3Client, type Pop3Auth } from "../../../src/index.ts";
import { auth, listen, offering, offeringApop, to, toScript } from "../../support/ann.ts";
import { codeOf, failureOf } from "../../support/outcome.ts";
import { ScriptedServer, type Step } from "../../support/scripted-server.ts";

interface Way {
  readonly offered: readonly string[];
  readonly given: Partial<Pop3Auth>;
  /** The lines of the client, with the answers to all but the last. */
  readonly lines: readonly Step[];
}

/** The ways to log in. Every weaker and stronger way is offered as well. */
const WAYS: Readonly<Record<string, Way>> = {
  "USER and PASS": {
    offered: ["USER"],
    given: {},
    lines: ["C: USER ann", "S: +OK", "C: PASS secret"],
  },
  PLAIN: { offered: ["SASL PLAIN LOGIN", "USER"], given: {}, lines: [/^AUTH PLAIN /] },
  "PLAIN in two steps": {
    offered: ["SASL PLAIN LOGIN", "USER"],
    given: { initialResponse: false },
    lines: ["C: AUTH PLAIN", "S: + ", /^\S+$/],
  },
  LOGIN: {
    offered: ["SASL LOGIN", "USER"],
    given: {},
    lines: ["C: AUTH LOGIN", "S: + ", /^\S+$/, "S: + ", /^\S+$/],
  },
  APOP: { offered: ["SASL PLAIN LOGIN", "USER"], given: { mechanism: "APOP" }, lines: [/^APOP ann \w{32}$/] },
  "CRAM-MD5": {
    offered: ["SASL CRAM-MD5 PLAIN LOGIN", "USER"],
    given: { mechanism: "CRAM-MD5" },
    lines: ["C: AUTH CRAM-MD5", "S: + PDEuMkBtYWlsLnRlc3Q+", /^\S+$/],
  },
  "the first message of SCRAM": {
    offered: ["SASL SCRAM-SHA-256 PLAIN LOGIN", "USER"],
    given: {},
    lines: [/^AUTH SCRAM-SHA-256 \S+$/],
  },
  "a token": {
    offered: ["SASL XOAUTH2 OAUTHBEARER PLAIN LOGIN", "USER"],
    given: { accessToken: "token-1" },
    lines: [/^AUTH OAUTHBEARER \S+$/],
  },
  "a token after JSON": {
    offered: ["SASL XOAUTH2 PLAIN LOGIN", "USER"],
    given: { accessToken: "token-1" },
    lines: [/^AUTH XOAUTH2 \S+$/, "S: + e30=", "C: "],
  },
};

const REFUSALS: [string, string | undefined, string, boolean][] = [
  ["no", undefined, "no", false],
  ["", undefined, "", false],
  ["[AUTH] wrong password", "AUTH", "wrong password", false],
  ["[auth] wrong password", "AUTH", "wrong password", false],
  ["[SYS/PERM] broken for good", "SYS/PERM", "broken for good", false],
  ["[SYS/TEMP] come back later", "SYS/TEMP", "come back later", true],
  ["[SYS/TEMP/DISK] come back later", "SYS/TEMP/DISK", "come back later", true],
  ["[IN-USE] do you have another session?", "IN-USE", "do you have another session?", true],
  ["[LOGIN-DELAY] not so fast", "LOGIN-DELAY", "not so fast", true],
  ["[X-OTHER] whatever", "X-OTHER", "whatever", false],
  ["\x1b[31m\x07 see \u202ehttp://evil.test", undefined, "\\x1b[31m\\x07 see \\u202ehttp://evil.test", false],
];

describe.each(Object.entries(WAYS))("%s", (_, { offered, given, lines }) => {
  test.each(REFUSALS)(
    "rejects with a typed refusal on -ERR %j",
    async (reply, responseCode, text, temporary) => {
      await using server = await ScriptedServer.listen([
        ...(given.mechanism === "APOP" ? offeringApop : offering)(...offered),
        ...lines,
        `S: -ERR ${reply}`,
      ]);
      const failure = await failureOf(Pop3Client.connect(toScript(server, { auth: { ...auth, ...given } })));
      expect(failure).toMatchObject({
        name: "Pop3ReplyError",
        code: temporary ? "POP3_TEMPORARY" : "POP3_AUTH_REJECTED",
        text,
        temporary,
      });
      expect((failure as { responseCode?: string }).responseCode).toBe(responseCode);
      // The connection is closed, and not an octet was written after the refusal.
      await server.played();
      expect(server.connections).toBe(1);
      expect(server.lines).toHaveLength(1 + lines.filter((line) => !String(line).startsWith("S: ")).length);
    },
  );

  test.each<[string, Step[], string]>([
    ["FIN", ["* close"], "POP3_AUTH_CLOSED"],
    ["FIN within the reply", [Buffer.from("-ERR wro"), "* close"], "POP3_AUTH_CLOSED"],
    ["RST", ["* reset"], "POP3_RESET"],
    ["an invalid reply", ["S: WHAT"], "POP3_PROTOCOL"],
    ["+OK in lower case", ["S: +ok"], "POP3_PROTOCOL"],
    ["silence", [], "POP3_COMMAND_TIMEOUT"],
  ])("rejects with another error on %s", async (_, steps, code) => {
    await using server = await ScriptedServer.listen([
      ...(given.mechanism === "APOP" ? offeringApop : offering)(...offered),
      ...lines,
      ...steps,
    ]);
    const timeouts = { command: steps.length === 0 ? 100 : 10_000 };
    const options = toScript(server, { auth: { ...auth, ...given }, timeouts });
    expect(await codeOf(Pop3Client.connect(options))).toBe(code);
    await server.played();
  });
});

test("sends no password after a refusal of USER", async () => {
  await using server = await ScriptedServer.listen([
    ...offering("USER"),
    "C: USER ann",
    "S: -ERR never heard",
  ]);
  const failure = await failureOf(Pop3Client.connect(toScript(server, { auth })));
  expect(failure).toMatchObject({ code: "POP3_AUTH_REJECTED", command: "USER ann", text: "never heard" });
  await server.played();
  expect(server.clear).not.toContain("secret");
});

test("does not blame the password for FIN instead of the answer to USER", async () => {
  await using server = await ScriptedServer.listen([...offering("USER"), "C: USER ann", "* close"]);
  expect(await codeOf(Pop3Client.connect(toScript(server, { auth })))).toBe("POP3_CLOSED");
  await server.played();
  expect(server.clear).not.toContain("secret");
});

test.each<[string, Step[]]>([
  ["PASS", ["C: USER ann", "S: +OK", "C: PASS secret"]],
  ["APOP", [/^APOP ann \w{32}$/]],
])("rejects with POP3_AUTH_CLOSED on FIN instead of the answer to %s, by hand", async (verb, lines) => {
  await using server = await ScriptedServer.listen([...offeringApop("USER"), ...lines, "* close"]);
  const client = await Pop3Client.connect(toScript(server));
  if (verb === "PASS") await client.user("ann");
  const call = verb === "PASS" ? client.pass("secret") : client.apop("ann", "secret");
  expect(await failureOf(call)).toMatchObject({ name: "Pop3ConnectionError", code: "POP3_AUTH_CLOSED" });
  expect(client.state).toBe("closed");
  await server.played();
});

describe("over TLS, the connection ends instead of an answer", () => {
  test.each<[string, string, number]>([
    ["USER", "PASS", 1],
    ["APOP", "APOP", 1],
    ["PLAIN", "AUTH", 1],
    ["LOGIN", "AUTH-RESPONSE", 2],
    ["SCRAM-SHA-256", "AUTH-RESPONSE", 1],
    ["SCRAM-SHA-256-PLUS", "AUTH", 1],
  ])("of %s: to %s number %i", async (mechanism, on, nth) => {
    const sasl = ["PLAIN", "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"];
    for (const [end, code] of [
      ["close", "POP3_AUTH_CLOSED"],
      ["cut", "POP3_AUTH_CLOSED"],
      ["reset", "POP3_RESET"],
    ] as const) {
      await using server = await listen({ tls: true, sasl, faults: [{ on, nth, reply: "", [end]: 0 }] });
      const call = Pop3Client.connect(to(server, { auth: { ...auth, mechanism } }));
      expect(await codeOf(call), end).toBe(code);
      expect(server.connections).toBe(1);
    }
  });
});

test("rejects with the code IN-USE if the maildrop is in use", async () => {
  await using server = await listen({ tls: true });
  await using first = await Pop3Client.connect(to(server, { auth }));
  await expect(Pop3Client.connect(to(server, { auth }))).rejects.toMatchObject({
    code: "POP3_TEMPORARY",
    responseCode: "IN-USE",
    temporary: true,
  });
  await first.quit();
  await using second = await Pop3Client.connect(to(server, { auth }));
  expect(second.state).toBe("transaction");
});

test("rejects with the code LOGIN-DELAY if the last login was too recent", async () => {
  let now = 0;
  await using server = await listen({ tls: true, loginDelay: 60, now: () => now });
  const first = await Pop3Client.connect(to(server, { auth }));
  expect(first.capabilities.loginDelay).toMatchObject({ seconds: 60 });
  await first.quit();
  const refused = { code: "POP3_TEMPORARY", responseCode: "LOGIN-DELAY" };
  await expect(Pop3Client.connect(to(server, { auth }))).rejects.toMatchObject(refused);
  now = 60_000;
  await using second = await Pop3Client.connect(to(server, { auth }));
  expect(second.state).toBe("transaction");
});

test("a refusal by hand leaves the state unchanged", async () => {
  await using server = await listen({ tls: true });
  await using client = await Pop3Client.connect(to(server));
  const wrong = { user: "ann", pass: "wrong" };
  for (const mechanism of ["PLAIN", "LOGIN", "USER", "APOP"]) {
    await expect(client.authenticate({ ...wrong, mechanism })).rejects.toMatchObject({
      code: "POP3_AUTH_REJECTED",
      responseCode: "AUTH",
    });
    expect(client.state).toBe("authorization");
  }
  await client.authenticate(auth);
  expect(client.state).toBe("transaction");
});
