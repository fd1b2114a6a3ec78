// Every mechanism with a server that knows it: over TLS and in clear text, with the right and with a wrong
// secret.
import { describe, expect, test } from "vitest";
import { Pop3Client, type Pop3Auth, type Pop3ClientOptions } from "../../../src/index.ts";
import { Pop3Server, type Pop3ServerOptions } from "../../../src/testing/index.ts";
import { said, to } from "../../support/ann.ts";
import { own } from "./own-mechanism.ts";
import { expectNothingUnhandled } from "../../support/unhandled.ts";

expectNothingUnhandled();

const MESSAGES = ["Subject: one\r\n\r\nOne.\r\n"];
const users = { ann: { pass: "secret", accessToken: "token-1", messages: MESSAGES }, bob: {} };
const SASL = [
  ...["PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"],
  ...["XOAUTH2", "OAUTHBEARER", "ANONYMOUS"],
];

const listen = (options: Pop3ServerOptions = {}): Promise<Pop3Server> =>
  Pop3Server.listen({ users, sasl: SASL, anonymous: "ann", ...options });

const password = { user: "ann", pass: "secret" };
const token = { user: "ann", accessToken: "token-1" };

/** The name, and what the client says: with an initial response in one line, without it in several. */
const PASSWORD: [string, string[], string[]][] = [
  ["USER", ["USER ann", "PASS ****"], ["USER ann", "PASS ****"]],
  ["PLAIN", ["AUTH PLAIN ****"], ["AUTH PLAIN", "****"]],
  ["LOGIN", ["AUTH LOGIN", "****", "****"], ["AUTH LOGIN", "****", "****"]],
  ["CRAM-MD5", ["AUTH CRAM-MD5", "****"], ["AUTH CRAM-MD5", "****"]],
  ["DIGEST-MD5", ["AUTH DIGEST-MD5", "****", "****"], ["AUTH DIGEST-MD5", "****", "****"]],
  ...["SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"].map((name): [string, string[], string[]] => [
    name,
    [`AUTH ${name} ****`, "****", "****"],
    [`AUTH ${name}`, "****", "****", "****"],
  ]),
];
const TOKEN: [string, string[], string[]][] = ["XOAUTH2", "OAUTHBEARER"].map((name) => [
  name,
  [`AUTH ${name} ****`],
  [`AUTH ${name}`, "****"],
]);
const WAYS: [string, Pop3Auth, string[], string[]][] = [
  ...PASSWORD.map(([name, ...lines]): [string, Pop3Auth, string[], string[]] => [name, password, ...lines]),
  ...TOKEN.map(([name, ...lines]): [string, Pop3Auth, string[], string[]] => [name, token, ...lines]),
  ["ANONYMOUS", { user: "ann@example.com" }, ["AUTH ANONYMOUS ****"], ["AUTH ANONYMOUS", "****"]],
];

const TRANSPORTS: [string, Pop3ServerOptions, Partial<Pop3ClientOptions>][] = [
  ["over TLS from the first octet", { tls: true }, {}],
  ["after STLS", {}, {}],
  ["in clear text, with allowPlaintextAuth", {}, { stls: "never" }],
];

/** What the login said, between the two CAPA around it. */
function loginOf(server: Pop3Server): string[] {
  const lines = said(server).map((line) => line.replace(/^C: /, ""));
  const begin = lines.findIndex((line) => /^(?:USER|APOP|AUTH) /.test(line));
  const end = lines.indexOf("CAPA", begin);
  return lines.slice(begin, end === -1 ? undefined : end);
}

describe.each(TRANSPORTS)("%s", (_, options, more) => {
  test.each(WAYS)("logs in with %s", async (mechanism, auth, lines) => {
    await using server = await listen(options);
    await using client = await Pop3Client.connect(to(server, { auth: { ...auth, mechanism }, ...more }));
    expect(await client.stat()).toEqual({ count: 1, size: 22 });
    expect(loginOf(server)).toEqual([...lines]);
  });

  test.each(WAYS)(
    "logs in with %s if the server sends the first challenge",
    async (mechanism, auth, _, lines) => {
      await using server = await listen(options);
      await using client = await Pop3Client.connect(
        to(server, { auth: { ...auth, mechanism, initialResponse: false }, ...more }),
      );
      expect(client.state).toBe("transaction");
      expect(loginOf(server)).toEqual([...lines]);
    },
  );

  test.each([...PASSWORD, ...TOKEN])("rejects %s with a wrong secret", async (mechanism) => {
    await using server = await listen(options);
    const wrong = { user: "ann", pass: "wrong", accessToken: "token-2", mechanism };
    await expect(Pop3Client.connect(to(server, { auth: wrong, ...more }))).rejects.toMatchObject({
      code: "POP3_AUTH_REJECTED",
      responseCode: "AUTH",
      temporary: false,
      message: expect.stringMatching(
        /^the server refused (?:the login|AUTH .*|PASS \*\*\*\*|APOP .*):/,
      ) as string,
    });
    await server.idle();
    expect(said(server).filter((line) => /^C: (?:USER|AUTH)/.test(line))).toHaveLength(1);
  });

  test.each(PASSWORD)("rejects %s with an unknown user", async (mechanism) => {
    await using server = await listen(options);
    const unknown = { user: "nobody", pass: "secret", mechanism };
    await expect(Pop3Client.connect(to(server, { auth: unknown, ...more }))).rejects.toMatchObject({
      code: "POP3_AUTH_REJECTED",
    });
  });

  test.each(WAYS)("rejects %s if the maildrop is in use", async (mechanism, auth) => {
    await using server = await listen(options);
    const options_ = to(server, { auth: { ...auth, mechanism }, ...more });
    await using first = await Pop3Client.connect(options_);
    await expect(Pop3Client.connect(options_)).rejects.toMatchObject({
      code: "POP3_TEMPORARY",
      responseCode: "IN-USE",
      temporary: true,
    });
    expect(first.state).toBe("transaction");
  });
});

describe("a manual login after a refusal, in the same session", () => {
  test.each([...PASSWORD, ...TOKEN])("succeeds with %s", async (mechanism) => {
    await using server = await listen({ tls: true });
    await using client = await Pop3Client.connect(to(server));
    const wrong = { user: "ann", pass: "wrong", accessToken: "token-2", mechanism };
    await expect(client.authenticate(wrong)).rejects.toMatchObject({ code: "POP3_AUTH_REJECTED" });
    expect(client.state).toBe("authorization");
    await client.authenticate({ ...password, ...token, mechanism });
    expect(client.state).toBe("transaction");
  });
});

test.each(["from the first octet", "in clear text, with allowPlaintextAuth"])(
  "logs in with APOP, TLS %s",
  async (how) => {
    await using server = await listen({ tls: how === "from the first octet" });
    const more = how === "from the first octet" ? {} : { stls: "never" as const };
    const auth = { ...password, mechanism: "APOP" };
    await using client = await Pop3Client.connect(to(server, { auth, ...more }));
    expect(client.state).toBe("transaction");
    expect(loginOf(server)).toEqual(["APOP ann ****"]);
    const wrong = { ...auth, pass: "wrong" };
    await expect(Pop3Client.connect(to(server, { auth: wrong, ...more }))).rejects.toMatchObject({
      code: "POP3_AUTH_REJECTED",
    });
  },
);

describe("names and passwords with other characters than letters", () => {
  const name = 'Ä,n=n"e\\ \u65e5';
  const pass = 'p=a,ß"\\w :\u00ad\u65e5';
  const odd = { [name]: { pass, messages: MESSAGES } };

  test.each(PASSWORD)("work with %s", async (mechanism) => {
    await using server = await listen({ tls: true, users: odd });
    await using client = await Pop3Client.connect(to(server, { auth: { user: name, pass, mechanism } }));
    expect(await client.stat()).toMatchObject({ count: 1 });
  });
});

describe("a login for another identity", () => {
  const allowed = ["PLAIN", "DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"];

  // The server lets no user act for another: that it refuses bob shows that it received his name.
  test.each(allowed)("is sent with %s", async (mechanism) => {
    await using server = await listen({ tls: true });
    const auth = { ...password, mechanism };
    await expect(Pop3Client.connect(to(server, { auth: { ...auth, authzid: "bob" } }))).rejects.toMatchObject(
      {
        code: "POP3_AUTH_REJECTED",
      },
    );
    await using client = await Pop3Client.connect(to(server, { auth: { ...auth, authzid: "ann" } }));
    expect(client.state).toBe("transaction");
  });

  test.each(["USER", "APOP", "LOGIN", "CRAM-MD5", "XOAUTH2", "OAUTHBEARER", "ANONYMOUS"])(
    "is not tried with %s",
    async (mechanism) => {
      await using server = await listen({ tls: true });
      const auth = { ...password, ...token, mechanism, authzid: "bob" };
      await expect(Pop3Client.connect(to(server, { auth }))).rejects.toMatchObject({
        code: "POP3_AUTH_NO_MECHANISM",
      });
      await server.idle();
      expect(said(server)).toEqual(["* TLS", "C: CAPA"]);
    },
  );
});

describe("the default choice", () => {
  test.each<[string, Pop3ServerOptions, Partial<Pop3ClientOptions>, Pop3Auth, string]>([
    ["over TLS", { tls: true }, {}, password, "AUTH SCRAM-SHA-512 ****"],
    ["in clear text", {}, { stls: "never" }, password, "AUTH SCRAM-SHA-512 ****"],
    [
      "in clear text without allowPlaintextAuth",
      { stls: false },
      { stls: "if-offered" },
      password,
      "AUTH SCRAM-SHA-512 ****",
    ],
    ["with a token", { tls: true }, {}, token, "AUTH OAUTHBEARER ****"],
    ["with a token and an old server", { tls: true, sasl: ["XOAUTH2"] }, {}, token, "AUTH XOAUTH2 ****"],
  ])("logs in with the strongest mechanism %s", async (_, options, more, auth, line) => {
    await using server = await listen(options);
    await using client = await Pop3Client.connect(to(server, { auth, ...more }));
    expect(client.state).toBe("transaction");
    expect(loginOf(server)[0]).toBe(line);
  });

  test("sends no token in clear text without allowPlaintextAuth", async () => {
    await using server = await listen({ stls: false });
    for (const mechanism of [undefined, "XOAUTH2", "OAUTHBEARER"]) {
      const auth = { ...token, ...(mechanism !== undefined && { mechanism }) };
      await expect(Pop3Client.connect(to(server, { auth, stls: "if-offered" }))).rejects.toMatchObject({
        code: "POP3_TLS_REQUIRED",
      });
    }
    await server.idle();
    expect(said(server)).toEqual(["C: CAPA", "C: CAPA", "C: CAPA"]);
  });
});

test("logs in with the caller's mechanism, known to both sides", async () => {
  await using server = await listen({
    tls: true,
    sasl: [
      {
        name: "X-OWN",
        initialResponse: false,
        *exchange(accounts) {
          const response = yield Buffer.from("terces");
          return response.toString() === "secret" ? accounts.find("ann") : undefined;
        },
      },
    ],
  });
  await using client = await Pop3Client.connect(
    to(server, { auth: { ...password, mechanism: own({ cleartext: true }) } }),
  );
  expect(await client.stat()).toEqual({ count: 1, size: 22 });
});
