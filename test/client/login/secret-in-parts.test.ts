// A secret that a server or a proxy repeats in a part of what it says: in a response code, a challenge, a list of
// capabilities, a greeting before the login. And user names, if they are hidden.
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { describe, expect, test } from "vitest";
import { Pop3Client, type Pop3Auth, type Pop3ClientOptions } from "popwright";
import { LOGIN_ANSWERS, MemoryServer, type Answers } from "../../support/memory-server.ts";
import { ProxyServer } from "../../support/proxy-server.ts";
import { base64, visible } from "../../support/secret.ts";
import { keepSessionLog } from "../../support/session-log.ts";

const SECRET = "HUNTER2-SECRET/5";
const auth: Pop3Auth = { user: "annabel@mail.test", pass: SECRET };
const { log } = keepSessionLog();

/** Returns everything visible of the failed login, and the error. */
async function login(answers: Answers, more: Partial<Pop3ClientOptions> = {}, greeting?: string) {
  const server = new MemoryServer({ ...LOGIN_ANSWERS, ...answers }, greeting);
  const client = new Pop3Client({ ...server.options, auth, ...more });
  const error: unknown = await client.connect().catch((thrown: unknown) => thrown);
  client.close();
  return { error, seen: [visible(error), visible(client), ...log].join("\n") };
}

const scram = { ...auth, mechanism: "SCRAM-SHA-256" };

const PARTS: [what: string, code: string, answers: Answers, Partial<Pop3ClientOptions>, greeting?: string][] =
  [
    ["a response code", "POP3_AUTH_REJECTED", { PASS: `-ERR [${SECRET}] no\r\n` }, {}],
    [
      "a part of a response code",
      "POP3_AUTH_REJECTED",
      { PASS: `-ERR [X-${SECRET.toLowerCase()}] no\r\n` },
      {},
    ],
    ["+ERR with a response code", "POP3_PROTOCOL", { PASS: `+ERR [${SECRET}] no\r\n` }, {}],
    [
      "an error of SCRAM",
      "POP3_AUTH_PROTOCOL",
      { AUTH: `+ ${base64(`e=${SECRET}`)}\r\n`, "*": "-ERR\r\n" },
      { auth: scram },
    ],
    [
      "the name of a mechanism",
      "POP3_AUTH_NO_MECHANISM",
      { CAPA: `+OK\r\nSASL ${SECRET}\r\n.\r\n` },
      { auth: { ...auth, mechanism: "PLAIN" } },
    ],
    ["a refusing greeting", "POP3_GREETING_REJECTED", {}, {}, `-ERR [${SECRET}] go away, ${SECRET}\r\n`],
    ["a greeting that is not a reply", "POP3_BAD_GREETING", {}, {}, `hello ${SECRET}\r\n`],
    ["an accepted greeting", "POP3_AUTH_REJECTED", { PASS: "-ERR no\r\n" }, {}, `+OK hello ${SECRET}\r\n`],
  ];

test.each(PARTS)("%s shows no secret", async (_, code, answers, more, greeting) => {
  const { error, seen } = await login(answers, more, greeting);
  expect(error).toMatchObject({ code });
  // Data of the session, which programs use as it was sent.
  const shown = seen.replaceAll(`+OK hello ${SECRET}`, "").replaceAll(`hello ${SECRET}`, "");
  expect((greeting?.startsWith("+OK") === true ? shown : seen).toUpperCase()).not.toContain(SECRET);
  expect(seen).toContain("****");
});

test("a response code is short, and still says what it means", async () => {
  const long = await login({ PASS: `-ERR [${"X".repeat(5000)}] no\r\n` });
  expect((long.error as { responseCode: string }).responseCode).toBe(`${"X".repeat(512)}…`);
  const busy = await login({ PASS: "-ERR [IN-USE] wait\r\n" }, { auth: { ...auth, pass: "IN-USE" } });
  expect(busy.error).toMatchObject({ code: "POP3_TEMPORARY", responseCode: "IN-USE", temporary: true });
});

test("a short password leaves the words of the server readable", async () => {
  const more = { auth: { ...auth, pass: "wrong" } };
  const { error } = await login({ PASS: "-ERR [AUTH] wrong password\r\n" }, more);
  expect(error).toMatchObject({ responseCode: "AUTH", text: "wrong password" });
  const echo = await login({ PASS: '-ERR unknown command "PASS wrong"\r\n' }, more);
  expect(echo.error).toMatchObject({ text: 'unknown command "PASS ****"' });
});

test("the listings of the wire channel show no secret; the caller gets what was sent", async () => {
  const server = new MemoryServer({
    ...LOGIN_ANSWERS,
    CAPA: `+OK\r\nUIDL\r\nIMPLEMENTATION ${SECRET}\r\n.\r\n`,
    LIST: `+OK\r\n1 5 ${SECRET}\r\n.\r\n`,
    UIDL: `+OK\r\n1 ${SECRET}\r\n.\r\n`,
    RETR: `+OK\r\n${SECRET}\r\n.\r\n`,
  });
  const events: unknown[] = [];
  const hear = (event: unknown): void => void events.push(event);
  subscribe("popwright:wire", hear);
  const client = await Pop3Client.connect({ ...server.options, auth });
  await client.list();
  expect([...(await client.uidl())]).toEqual([[1, SECRET]]);
  expect((await client.retr(1)).toString()).toBe(`${SECRET}\r\n`);
  unsubscribe("popwright:wire", hear);
  client.close();
  const listings = events.flatMap((event) =>
    "listing" in (event as object) ? [String((event as { listing: Buffer }).listing)] : [],
  );
  expect(listings).toEqual([
    ...["UIDL\r\nIMPLEMENTATION ****\r\n", "UIDL\r\nIMPLEMENTATION ****\r\n"],
    ...["1 5 ****\r\n", "1 ****\r\n"],
  ]);
  expect(events).toContainEqual({ message: SECRET.length + 2 });
  expect(log.join("\n")).not.toContain(SECRET);
});

test.each([
  ["its own password", "PROXY-SECRET"],
  ["the password of the server", SECRET],
])("a proxy that repeats %s", async (_, repeated) => {
  await using proxy = await ProxyServer.listen((socket) => {
    socket.end(`HTTP/1.1 407 ${repeated} \x1b[2J\r\n\r\n`);
    return Promise.resolve(undefined);
  });
  const url = `http://me:PROXY-SECRET@127.0.0.1:${String(proxy.port)}`;
  const client = new Pop3Client({ host: "mail.test", proxy: url, auth });
  const error: unknown = await client.connect().catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: "POP3_CONNECT" });
  expect(visible(error)).not.toMatch(/PROXY-SECRET|HUNTER2|\x1b/);
  expect((error as Error).message).toContain("407 ****");
});

describe("logUser: false hides the user", () => {
  const hidden = { logUser: false };
  const ANN = /annabel/i;

  test.each<[string, string, Answers, Partial<Pop3ClientOptions>]>([
    [
      "in a refusal of USER",
      "POP3_AUTH_REJECTED",
      { USER: "-ERR no annabel@mail.test here, Annabel\r\n" },
      {},
    ],
    ["in a refusal of PASS", "POP3_AUTH_REJECTED", { PASS: "-ERR [AUTH-ANNABEL] annabel\r\n" }, {}],
    [
      "in a challenge",
      "POP3_AUTH_PROTOCOL",
      { AUTH: `+ ${base64("e=annabel")}\r\n`, "*": "-ERR\r\n" },
      { auth: scram },
    ],
  ])("%s", async (_, code, answers, more) => {
    const { error, seen } = await login(answers, { ...more, ...hidden });
    expect(error).toMatchObject({ code });
    expect(seen).not.toMatch(ANN);
    expect(seen).not.toContain(base64("annabel").slice(0, 8));
    const shown = await login(answers, more);
    expect(shown.seen).toMatch(ANN);
  });

  test("in logins by hand", async () => {
    const server = new MemoryServer(
      { ...LOGIN_ANSWERS, USER: "-ERR what is USER annabel?\r\n", APOP: "-ERR annabel\r\n" },
      "+OK <1.2@mail.test>\r\n",
    );
    const client = await Pop3Client.connect({ ...server.options, ...hidden, allowPlaintextAuth: true });
    const errors = [
      await client.user("annabel").catch((thrown: unknown) => thrown),
      await client.apop("annabel", SECRET).catch((thrown: unknown) => thrown),
      await client.authenticate({ ...auth, mechanism: "USER" }).catch((thrown: unknown) => thrown),
    ];
    client.close();
    expect(errors).toMatchObject([
      { command: "USER ****", text: "what is USER ****?" },
      { command: "APOP **** ****", text: "****" },
      { command: "USER ****" },
    ]);
    expect([...errors.map(visible), ...log].join("\n")).not.toMatch(ANN);
  });
});
