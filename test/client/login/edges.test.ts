// Edge cases of logins: retries, resumed sessions, late answers, and failures of the caller's mechanism.
import { expect, test } from "vitest";
import { Pop3Client, type Pop3Auth, type SaslMechanism } from "../../../src/index.ts";
import { makeCertificate, Pop3Server } from "../../../src/testing/index.ts";
import { auth, offering, LOGGED_IN, to, toScript } from "../../support/ann.ts";
import { codeOf, settledCode, failureOf } from "../../support/outcome.ts";
import { turns } from "../../support/turns.ts";
import { ScriptedServer } from "../../support/scripted-server.ts";
import { attempt } from "./attempt.ts";

test.each(["TLSv1.2", "TLSv1.3"] as const)(
  "binds a resumed session with tls-server-end-point, %s",
  async (maxVersion) => {
    await using server = await Pop3Server.listen({
      users: { ann: { pass: "secret" } },
      sasl: ["SCRAM-SHA-256-PLUS"],
      lock: false,
      tls: { ...makeCertificate(), maxVersion },
      scram: { channelBindings: ["tls-server-end-point"] },
    });
    const given = to(server, { auth });
    for (let i = 0; i < 2; i++) {
      const client = await Pop3Client.connect(given);
      expect(client.tlsInfo?.resumed).toBe(i > 0);
      await client.quit();
    }
  },
);

test('uses SCRAM without a binding if none is usable, with "if-offered"', async () => {
  await using server = await Pop3Server.listen({
    users: { ann: { pass: "secret" } },
    sasl: ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"],
    tls: true,
  });
  expect(await codeOf(Pop3Client.connect(to(server, { auth: { ...auth, bindingTypes: [] } })))).toBe(
    "resolved",
  );
});

test("rejects on abort while a mechanism computes", async () => {
  for (const at of ["start", "respond"]) {
    const never: SaslMechanism = {
      name: "X-OWN",
      cleartext: false,
      start: () => (at === "start" ? new Promise(() => {}) : { respond: () => new Promise(() => {}) }),
    };
    await using server = await ScriptedServer.listen([...offering("SASL X-OWN"), "C: AUTH X-OWN", "S: + "]);
    const controller = new AbortController();
    const client = await Pop3Client.connect(toScript(server));
    const call = client.authenticate({ ...auth, mechanism: never }, { signal: controller.signal });
    call.catch(() => undefined);
    if (at === "respond") await server.wrote(/AUTH X-OWN\r\n/);
    await turns();
    controller.abort();
    expect(await settledCode(call)).toBe("POP3_ABORTED");
    client.close();
  }
});

test("rejects if the server closes while a mechanism computes", async () => {
  const never: SaslMechanism = {
    name: "X-OWN",
    cleartext: false,
    start: () => ({ respond: () => new Promise(() => {}) }),
  };
  await using server = await ScriptedServer.listen([
    ...offering("SASL X-OWN"),
    "C: AUTH X-OWN",
    "S: + ",
    "* wait",
    "* close",
  ]);
  const client = await Pop3Client.connect(toScript(server));
  const call = client.authenticate({ ...auth, mechanism: never });
  call.catch(() => undefined);
  await server.wrote(/AUTH X-OWN\r\n/);
  await turns();
  server.goOn();
  await turns(50);
  expect(client.state).toBe("closed");
  expect(await settledCode(call)).toBe("POP3_CLOSED");
});

test("reports the refusal, not the end of the connection after it", async () => {
  await using server = await ScriptedServer.listen([
    ...offering("SASL XOAUTH2"),
    "C: AUTH XOAUTH2",
    "S: -ERR Protocol error. Connection is closed. 10",
    "* close",
  ]);
  const failure = await failureOf(
    Pop3Client.connect(
      toScript(server, { auth: { user: "ann", accessToken: "token-1", initialResponse: false } }),
    ),
  );
  expect(failure).toMatchObject({
    code: "POP3_AUTH_REJECTED",
    text: "Protocol error. Connection is closed. 10",
  });
});

test("reports the refusal if the server closes before the next binding type", async () => {
  await using server = await Pop3Server.listen({
    users: { ann: { pass: "secret" } },
    sasl: ["SCRAM-SHA-256-PLUS"],
    tls: true,
    attempts: 1,
    scram: { channelBindings: ["tls-server-end-point"] },
  });
  expect(await codeOf(Pop3Client.connect(to(server, { auth })))).toBe("POP3_AUTH_REJECTED");
});

test('supports("UIDL") sends UIDL only once', async () => {
  await using server = await ScriptedServer.listen([...LOGGED_IN, "C: UIDL", "S: -ERR no"]);
  const client = await Pop3Client.connect(toScript(server, { auth }));
  expect(await client.supports("UIDL")).toBe(false);
  const again = client.supports("UIDL");
  again.catch(() => undefined);
  expect(await settledCode(again)).toBe("resolved");
  client.close();
});

test('supports("TOP") sends TOP only once', async () => {
  await using server = await ScriptedServer.listen([
    ...LOGGED_IN,
    "C: LIST",
    "S: +OK",
    "S: 1 10",
    "S: .",
    "C: TOP 1 0",
    "S: +OK",
    "S: a: b",
    "S: .",
  ]);
  const client = await Pop3Client.connect(toScript(server, { auth }));
  expect(await client.supports("TOP")).toBe(true);
  const again = client.supports("TOP");
  again.catch(() => undefined);
  expect(await settledCode(again)).toBe("resolved");
  client.close();
});

test("ignores an empty authzid", async () => {
  await using server = await ScriptedServer.listen([
    ...offering("USER"),
    "C: USER ann",
    "S: +OK",
    "C: PASS secret",
    "S: +OK",
    "C: CAPA",
    "S: -ERR",
  ]);
  expect(await codeOf(Pop3Client.connect(toScript(server, { auth: { ...auth, authzid: "" } })))).toBe(
    "resolved",
  );
});

test("rejects authenticate() without arguments with POP3_CONFIG", async () => {
  await using server = await ScriptedServer.listen([...offering("USER")]);
  const client = await Pop3Client.connect(toScript(server));
  expect(await codeOf(client.authenticate(undefined as never))).toBe("POP3_CONFIG");
});

test("removes a repeated digest from the server's words", async () => {
  for (const mechanism of ["CRAM-MD5", "SCRAM-SHA-256", "DIGEST-MD5"]) {
    const server = await Pop3Server.listen({
      users: { ann: { pass: "x" } },
      sasl: [
        {
          name: mechanism,
          initialResponse: false,
          *exchange() {
            let last = yield mechanism === "SCRAM-SHA-256"
              ? Buffer.alloc(0)
              : Buffer.from(
                  mechanism === "CRAM-MD5"
                    ? "<1.2@mail.test>"
                    : 'realm="a",nonce="b",qop="auth",algorithm=md5-sess,charset=utf-8',
                );
            if (mechanism === "SCRAM-SHA-256") {
              const nonce = /r=(.*)/.exec(last.toString())?.[1];
              last = yield Buffer.from(`r=${nonce}x,s=AAAA,i=4096`);
            }
            return `wrong: ${/[0-9a-f]{32}|(?<=p=)[^,]{30,}/.exec(last.toString())?.[0] ?? ""}`;
          },
        },
      ],
    });
    let leaked: unknown;
    await attempt(server, { user: "ann", pass: "hunter2-pass", mechanism, initialResponse: false }).catch(
      (error: unknown) => {
        leaked = error;
      },
    );
    expect.soft(leaked, mechanism).toBe(undefined);
    await server.close();
  }
});

test("removes a password that the server repeats in the charset of the login", async () => {
  await using server = await ScriptedServer.listen([
    ...offering("USER"),
    "C: USER ann",
    "S: +OK",
    /^PASS/,
    Buffer.from("-ERR no \xd0\xc1\xd2\xcf\xcc\xd8 here\r\n", "latin1"),
  ]);
  const error = await failureOf(
    Pop3Client.connect(toScript(server, { auth: { user: "ann", pass: "пароль", charset: "koi8-r" } })),
  );
  expect(error.message).not.toContain("ÐÁÒÏÌØ");
});

test("logs no server signature", async () => {
  const { default: createDebug } = await import("debug");
  const log: string[] = [];
  createDebug.log = (...args: unknown[]) => void log.push(args.map(String).join(" "));
  createDebug.enable("popwright:*");
  await using server = await Pop3Server.listen({
    users: { ann: { pass: "secret" } },
    sasl: ["SCRAM-SHA-256"],
  });
  const client = await Pop3Client.connect(to(server, { stls: "never", auth }));
  client.close();
  createDebug.disable();
  expect(log.join("\n")).not.toMatch(/\+ [A-Za-z0-9+/]{8}/);
});

test("rejects supports() of another command", async () => {
  await using server = await ScriptedServer.listen([...LOGGED_IN]);
  const client = await Pop3Client.connect(toScript(server, { auth }));
  expect(await settledCode(client.supports("RETR" as never))).toBe("POP3_INVALID_ARGUMENT");
});

test("reports the refusal of a token if the server closes after it", async () => {
  await using server = await ScriptedServer.listen([
    ...[...offering("SASL XOAUTH2"), /^AUTH XOAUTH2 \S+$/, "S: -ERR [AUTH] no", "* close"],
  ]);
  let calls = 0;
  const accessToken = async (): Promise<string> => {
    if (++calls > 1) await turns(100);
    return `token-${calls}`;
  };
  const call = Pop3Client.connect(toScript(server, { auth: { user: "ann", accessToken } }));
  expect(await failureOf(call)).toMatchObject({ code: "POP3_AUTH_REJECTED", text: "no" });
});

test.each(["minIterations", "maxIterations"])("auth.scram.%s: undefined means the default", async (name) => {
  const iterations = name === "minIterations" ? 1 : 100_001;
  await using server = await Pop3Server.listen({
    users: { ann: { pass: "secret" } },
    sasl: ["SCRAM-SHA-256"],
    scram: { iterations },
  });
  const given = { ...auth, scram: { [name]: undefined } } as unknown as Pop3Auth;
  expect(await codeOf(Pop3Client.connect(to(server, { stls: "never", auth: given })))).toMatch(/^POP3_SCRAM/);
});

test("rejects half of a surrogate pair", async () => {
  await using server = await ScriptedServer.listen([
    ...offering("USER"),
    "C: USER ann",
    "S: +OK",
    /^PASS/,
    "S: -ERR",
  ]);
  const given = { user: "ann", pass: "secret\ud800" };
  expect(await codeOf(Pop3Client.connect(toScript(server, { auth: given })))).toBe("POP3_INVALID_ARGUMENT");
});

test.each(["a string\r\nDELE 1", new Uint8Array([1, 2])])(
  "handles the caller's mechanism that answers with %o",
  async (answer) => {
    const mechanism: SaslMechanism = {
      name: "X-OWN",
      cleartext: false,
      start: () => ({ respond: () => answer as Buffer }),
    };
    await using server = await ScriptedServer.listen([
      ...offering("SASL X-OWN"),
      "C: AUTH X-OWN",
      "S: + ",
      /^/,
      "S: -ERR",
    ]);
    const client = await Pop3Client.connect(toScript(server));
    expect(await codeOf(client.authenticate({ ...auth, mechanism }))).toBe(
      typeof answer === "string" ? "POP3_INVALID_ARGUMENT" : "POP3_AUTH_REJECTED",
    );
    expect(server.lines.slice(2)).toEqual([typeof answer === "string" ? "*" : "AQI="]);
    client.close();
  },
);

test("uses the next mechanism in clear text if -PLUS is the first in the list", async () => {
  await using server = await ScriptedServer.listen([
    ...offering("SASL SCRAM-SHA-256 SCRAM-SHA-256-PLUS"),
    /^AUTH SCRAM-SHA-256 /,
    "S: -ERR",
  ]);
  const given = { ...auth, mechanisms: ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"] };
  expect(await codeOf(Pop3Client.connect(toScript(server, { auth: given })))).toBe("POP3_AUTH_REJECTED");
});

test("two logins on one connection are both bound by tls-server-end-point", async () => {
  await using server = await Pop3Server.listen({
    users: { ann: { pass: "secret" } },
    sasl: ["SCRAM-SHA-256-PLUS"],
    tls: true,
    scram: { channelBindings: ["tls-server-end-point"] },
  });
  const client = await Pop3Client.connect(to(server));
  const given: Pop3Auth = { ...auth, bindingTypes: ["tls-server-end-point"] };
  expect(await codeOf(client.authenticate({ ...given, pass: "wrong" }))).toBe("POP3_AUTH_REJECTED");
  expect(await codeOf(client.authenticate(given))).toBe("resolved");
  client.close();
});
