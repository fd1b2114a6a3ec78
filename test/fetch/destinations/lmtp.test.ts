// The destination Lmtp against a mail server that takes mail, refuses it, hangs, or goes away: what is sent, and what each reply
// means.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Lmtp, type LmtpOptions } from "../../../src/fetch/index.ts";
import { tls } from "../../support/certificate.ts";
import { stopClocks, timePasses } from "../../support/clock.ts";
import { begun, deliver, delivery, MESSAGES } from "../../support/delivery.ts";
import { Folder } from "../../support/folder.ts";
import { entryFor } from "../../support/ledger.ts";
import { LmtpServer } from "./lmtp-server.ts";

const ONE = Buffer.from("Subject: one\r\n\r\n.1\r\n..\r\n");
const ANN = "ann@example.com";
/** Text that contains these words; typed, unlike the matchers of Vitest. */
const having = (words: string | RegExp): unknown =>
  typeof words === "string" ? expect.stringContaining(words) : expect.stringMatching(words);

let server: LmtpServer;
beforeEach(async () => {
  server = await LmtpServer.listen();
});
afterEach(() => server.close());

const lmtp = (options: Partial<LmtpOptions> = {}): Lmtp =>
  new Lmtp(`lmtp://127.0.0.1:${server.port}`, { recipient: ANN, ...options });

/** Delivers, and returns the error. */
async function refusal(destination: Lmtp, message: Buffer = ONE): Promise<unknown> {
  return deliver(destination, "one", message).then(
    () => "delivered",
    (error: unknown) => error,
  );
}

describe("with stopped clocks", () => {
  stopClocks();

  test.each(["LHLO", "MAIL", "RCPT", "DATA", "end"])(
    "a server that says at %s only that it is busy is given up in the end",
    async (command) => {
      server.answers = { [command]: "250-still busy" };
      expect(await timePasses(refusal(lmtp()))).toMatchObject({
        code: "POP3_DESTINATION",
        later: true,
        message: having("the server takes too long to answer"),
      });
    },
  );
});

describe("a message", () => {
  test("goes to its recipient, and the connection is used for the next one", async () => {
    const destination = lmtp({ recipient: ({ uid = "" }) => `${uid}@example.com` });
    expect(await deliver(destination, "one", ONE)).toBe("new");
    expect(await deliver(destination, "two", ONE)).toBe("new");
    const mail = (to: string): string[] => [`MAIL FROM:<> SIZE=${ONE.length}`, `RCPT TO:<${to}>`, "DATA"];
    expect(server.commands.slice(1)).toEqual([
      ...mail("one@example.com"),
      "RSET",
      ...mail("two@example.com"),
    ]);
    expect(server.commands[0]).toMatch(/^LHLO /);
    expect(server.messages).toEqual([ONE, ONE]);
    expect(server.opened).toBe(1);
  });

  test("goes over a new connection if the server has closed the one that was kept", async () => {
    const destination = lmtp();
    for (const close of [() => server.cut(), () => (server.answers = { RSET: "421 idle for too long" })]) {
      await deliver(destination, "one", ONE);
      close();
      expect(await deliver(destination, "two", ONE)).toBe("new");
      server.answers = {};
    }
    expect(server.messages).toHaveLength(4);
  });

  test("goes over connections of their own at the same time, which are all kept", async () => {
    const destination = lmtp();
    const names = ["one", "two", "three"];
    await Promise.all(names.map((name) => deliver(destination, name, ONE)));
    await Promise.all(names.map((name) => deliver(destination, name, ONE)));
    expect(server.messages).toHaveLength(6);
    expect(server.opened).toBe(3);
  });

  test.each(Object.entries(MESSAGES).filter(([title]) => title !== "empty"))(
    "changes nothing but line ends: %s",
    async (title, message) => {
      expect(await deliver(lmtp(), title, message)).toBe("new");
      const lines = message.toString("latin1").replace(/\r\n|\r|\n/g, "\r\n");
      const expected = lines.endsWith("\r\n") ? lines : `${lines}\r\n`;
      expect(server.messages[0]?.toString("latin1") === expected).toBe(true);
    },
  );

  test("says that it has 8-bit bytes, and how large it is", async () => {
    server.offers = ["8BITMIME", "SIZE", "PIPELINING"];
    await deliver(lmtp(), "one", MESSAGES["8 bit"] as Buffer);
    expect(server.commands[1]).toBe(`MAIL FROM:<> BODY=8BITMIME SIZE=${MESSAGES["8 bit"]?.length}`);
  });

  test("is sent to a Unix socket", async () => {
    const folder = await Folder.make();
    const local = await LmtpServer.listen({ path: join(folder.path, "lmtp socket") });
    const destination = new Lmtp(`lmtp:${encodeURI(folder.path)}/lmtp%20socket`, { recipient: ANN });
    expect(await deliver(destination, "one", ONE)).toBe("new");
    expect(local.messages).toEqual([ONE]);
    await local.close();
    await folder.remove();
  });

  test("is sent by SMTP", async () => {
    const destination = new Lmtp(`smtp://127.0.0.1:${server.port}`, {
      recipient: ANN,
      sender: "bounce@example.com",
    });
    expect(await deliver(destination, "one", ONE)).toBe("new");
    expect(server.commands[0]).toMatch(/^EHLO /);
    expect(server.commands[1]).toBe(`MAIL FROM:<bounce@example.com> SIZE=${ONE.length}`);
    expect(server.messages).toEqual([ONE]);
  });
});

describe("the sender", () => {
  const BODY = "Subject: one\r\n\r\nReturn-Path: <no@example.com>\r\n";
  const from = (): string => /MAIL FROM:<(.*)>/.exec(server.commands.at(-3) ?? "")?.[1] ?? "?";

  test.each([
    ["the first one", `Return-Path: <bob@example.com>\r\n${BODY}`, "bob@example.com", BODY],
    ["without brackets, in any case", `RETURN-PATH : bob@example.com\r\n${BODY}`, "bob@example.com", BODY],
    [
      "with many blanks",
      `Return-Path${" ".repeat(20)}: <bob@example.com>\r\n${BODY}`,
      "bob@example.com",
      BODY,
    ],
    ["empty, for a bounce", `Return-Path: <>\r\n${BODY}`, "", BODY],
    ["a folded one", `Return-Path:\r\n <bob@example.com>\r\n${BODY}`, "bob@example.com", BODY],
    [
      "not the first field, with a second one",
      `Received: a\r\n b\r\nReturn-Path: <bob@example.com>\r\nReturn-Path: <eve@example.com>\r\n${BODY}`,
      "bob@example.com",
      `Received: a\r\n b\r\nReturn-Path: <eve@example.com>\r\n${BODY}`,
    ],
    ["nothing after it", "Return-Path: <bob@example.com>\r\nX: y\r\n", "bob@example.com", "X: y\r\n"],
  ])("is that of Return-Path, which is cut: %s", async (_, message, sender, rest) => {
    await deliver(lmtp(), "one", Buffer.from(message));
    expect(from()).toBe(sender);
    expect(server.messages[0]?.toString()).toBe(rest);
  });

  test.each([
    ["there is none", BODY],
    ["it is in the body", BODY],
    ["it is no address", `Return-Path: <MAILER-DAEMON>\r\n${BODY}`],
    ["it is empty", `Return-Path:\r\n${BODY}`],
    ["it is not ASCII", `Return-Path: <jörg@example.com>\r\n${BODY}`],
    ["it has parameters", `Return-Path: <a@b.c> SIZE=1\r\n${BODY}`],
    ["it ends the brackets", `Return-Path: <a@b.c>SIZE=1<x>\r\n${BODY}`],
    ["it is very long", `Return-Path: <${"x".repeat(300)}@b.c>\r\n${BODY}`],
  ])("is empty, and nothing is cut, if %s", async (_, message) => {
    await deliver(lmtp(), "one", Buffer.from(message));
    expect(from()).toBe("");
    expect(server.messages[0]?.toString()).toBe(message);
  });

  test("of the options leaves the message as it is", async () => {
    const message = `Return-Path: <bob@example.com>\r\n${BODY}`;
    await deliver(lmtp({ sender: "" }), "one", Buffer.from(message));
    expect(from()).toBe("");
    expect(server.messages[0]?.toString()).toBe(message);
  });

  test.each(["MAIL", "RCPT"])("is left out if the server refuses it at %s", async (verb) => {
    let refusals = 0;
    server.answers = { [verb]: () => (refusals++ === 0 ? "550 5.7.1 sender rejected" : undefined) };
    const message = `Return-Path: <bob@example.com>\r\n${BODY}`;
    expect(await deliver(lmtp(), "one", Buffer.from(message))).toBe("new");
    expect(from()).toBe("");
    expect(server.messages[0]?.toString()).toBe(message);
  });
});

const DOWN = { down: true, later: true };
const LATER = { down: false, later: true };
const REFUSED = { down: false, later: false };

describe.each(["lmtp", "smtp"])("by %s, the reply", (protocol) => {
  describe.each([[["8BITMIME", "SIZE"]], [["8BITMIME", "SIZE", "PIPELINING"]]])("with %j", (offers) => {
    test.each([
      ["greeting", "421 4.3.2 too busy", DOWN, "refused the connection"],
      ["greeting", "554 5.7.1 not you", DOWN, "refused the connection"],
      ["MAIL", "421 4.3.2 shutting down", DOWN, "refused the sender"],
      ["MAIL", "451 4.3.0 try again", LATER, "refused the sender"],
      ["MAIL", "452 4.3.1 out of disk space", DOWN, "refused the sender"],
      ["MAIL", "530 5.7.0 authentication required", DOWN, "refused the sender"],
      ["MAIL", "550 5.7.1 not from here", DOWN, "refused the sender"],
      ["MAIL", "552 5.3.4 message too big for the system", REFUSED, "refused the sender"],
      ["MAIL", "552 message size exceeds the limit", REFUSED, "refused the sender"],
      ["RCPT", "450 4.2.1 greylisted", LATER, "refused the recipient ann@example.com"],
      ["RCPT", "452 4.2.2 mailbox full", DOWN, "refused the recipient ann@example.com"],
      ["RCPT", "452 mailbox full", DOWN, "refused the recipient ann@example.com"],
      ["RCPT", "550 5.1.1 no such user", DOWN, "refused the recipient ann@example.com"],
      ["RCPT", "552 5.2.2 mailbox full", DOWN, "refused the recipient ann@example.com"],
      ["DATA", "451 4.3.0 no", LATER, "refused the message"],
      ["DATA", "907 no reply of SMTP", LATER, "refused the message"],
      ["end", "907 no reply of SMTP", LATER, "refused the message"],
      ["DATA", "503 5.5.1 MAIL first", DOWN, "refused the message"],
      ["DATA", "554 5.7.1 no", REFUSED, "refused the message"],
      ["end", "421 4.3.2 shutting down", DOWN, "refused the message"],
      ["end", "451 4.3.0 try again", LATER, "refused the message"],
      ["end", "452 4.2.2 mailbox full", DOWN, "refused the message"],
      ["end", "452 4.3.1 no space", DOWN, "refused the message"],
      ["end", "503 5.5.1 no", DOWN, "refused the message"],
      ["end", "530 5.7.0 authentication required", DOWN, "refused the message"],
      ["end", "535 5.7.8 no", DOWN, "refused the message"],
      ["end", "550 5.1.1 no such user", DOWN, "refused the message"],
      ["end", "550 5.2.1 mailbox disabled", DOWN, "refused the message"],
      ["end", "550 5.7.1 spam", REFUSED, "refused the message"],
      ["end", "552 5.2.2 <ann> quota exceeded", DOWN, "refused the message"],
      ["end", "552-5.2.3 longer than\r\n552 5.2.3 we take", REFUSED, "refused the message"],
      ["end", "552 storage exceeded", DOWN, "refused the message"],
      ["end", "552 message too large", REFUSED, "refused the message"],
      ["end", "554 5.2.2 mailbox full", DOWN, "refused the message"],
      ["end", "554 5.6.0 bad content", REFUSED, "refused the message"],
      ["end", "500 what?", REFUSED, "refused the message"],
    ])("%s: %s", async (command, reply, outcome, words) => {
      server.offers = offers;
      server.answers = { [command]: reply };
      const destination = new Lmtp(`${protocol}://127.0.0.1:${server.port}`, { recipient: ANN });
      const said = reply.replaceAll("\r\n", " ");
      expect(await refusal(destination)).toMatchObject({
        code: "POP3_DESTINATION",
        message: `127.0.0.1:${server.port} ${words}: ${said}`,
        ...outcome,
      });
      expect(server.messages).toEqual([]);
      // The next message is delivered over another connection.
      server.answers = {};
      expect(await deliver(destination, "two", ONE)).toBe("new");
      expect(server.messages).toEqual([ONE]);
    });
  });
});

test("a server that wants a message after it has refused its sender gets none", async () => {
  server.offers = ["PIPELINING"];
  server.answers = { MAIL: "550 5.7.1 no", RCPT: "250 ok", DATA: "354 go ahead" };
  expect(await refusal(lmtp())).toMatchObject({ message: having("550 5.7.1 no"), ...DOWN });
  await server.until(() => server.closed === 1);
  expect(server.messages).toEqual([]);
});

test.each([
  ["greeting", DOWN],
  ["MAIL", DOWN],
  ["RCPT", DOWN],
  ["DATA", DOWN],
  ["end", LATER],
])("a lost connection ends the run, unless the server has the message: %s", async (command, outcome) => {
  server.answers = { [command]: "cut" };
  const destination = lmtp();
  expect(await refusal(destination)).toMatchObject({ code: "POP3_DESTINATION", ...outcome });
  server.answers = {};
  expect(await deliver(destination, "one", ONE)).toBe("new");
});

test.each([
  ["greeting", DOWN],
  ["LHLO", DOWN],
  ["MAIL", DOWN],
  ["RCPT", DOWN],
  ["DATA", DOWN],
  ["end", LATER],
])("a silent server is given up after `timeout`: %s", async (command, outcome) => {
  server.answers = { [command]: "hang" };
  const destination = lmtp({ timeout: 50 });
  expect(await refusal(destination)).toMatchObject({ code: "POP3_DESTINATION", ...outcome });
  await server.until(() => server.closed === 1);
  expect(server.messages).toEqual([]);
});

test("a server that is not there ends the run", async () => {
  const gone = lmtp();
  await server.close();
  server = await LmtpServer.listen();
  expect(await refusal(gone)).toMatchObject({
    message: having(/cannot be reached: .*ECONNREFUSED/),
    ...DOWN,
  });
});

test("a message that is larger than the server takes is refused before it is sent", async () => {
  server.offers = ["SIZE 10"];
  expect(await refusal(lmtp())).toMatchObject({
    message: having("larger than"),
    ...REFUSED,
  });
  expect(server.verbs).not.toContain("MAIL");
});

test("an empty message and one above the limit are refused without a connection", async () => {
  expect(await refusal(lmtp(), Buffer.alloc(0))).toMatchObject({
    message: having("empty"),
    ...REFUSED,
  });
  expect(await refusal(lmtp({ limit: 10 }))).toMatchObject({
    message: having("limit of Lmtp"),
    ...REFUSED,
  });
  expect(server.opened).toBe(0);
});

test.each(["", "ann", "Ann <ann@example.com>", 1, undefined])(
  "a function that returns no address is not the message's fault: %j",
  async (returned) => {
    const destination = lmtp({ recipient: () => returned as string });
    if (returned === "ann") expect(await deliver(destination, "one", ONE)).toBe("new");
    else
      expect(await refusal(destination)).toMatchObject({
        message: having("function recipient"),
        ...DOWN,
      });
  },
);

test("an abort ends the connection, and the server has no message", async () => {
  for (const command of ["greeting", "MAIL", "end"]) {
    server.answers = { [command]: "hang" };
    const before = { closed: server.closed, opened: server.opened };
    const controller = new AbortController();
    const writer = await lmtp().begin(delivery("one"), controller.signal);
    await writer.write(Buffer.from(ONE));
    const committed = writer.commit(entryFor("a"));
    await server.until(
      () =>
        server.opened > before.opened &&
        (command === "greeting" || server.verbs.at(-1) === (command === "end" ? "DATA" : command)),
    );
    controller.abort();
    await expect(committed).rejects.toMatchObject({ code: "POP3_ABORTED" });
    await server.until(() => server.closed > before.closed);
  }
  expect(server.messages).toEqual([]);
  await expect(lmtp().begin(delivery("one"), AbortSignal.abort())).rejects.toMatchObject({
    code: "POP3_ABORTED",
  });
});

test("an abort in the middle of a message closes the connection before its end", async () => {
  server.readsMessages = false;
  const controller = new AbortController();
  const writer = await lmtp().begin(delivery("one"), controller.signal);
  await writer.write(Buffer.alloc(8_000_000, "x"));
  const committed = writer.commit(entryFor("a"));
  await server.until(() => server.verbs.at(-1) === "DATA");
  controller.abort();
  await expect(committed).rejects.toMatchObject({ code: "POP3_ABORTED" });
  await server.until(() => server.closed === 1);
  expect(server.messages).toEqual([]);
});

test("an aborted delivery connects to nothing", async () => {
  const writer = await begun(lmtp(), "one");
  await writer.write(Buffer.from(ONE));
  await writer.abort();
  expect(server.opened).toBe(0);
});

describe("TLS", () => {
  const named = (options: Partial<LmtpOptions> = {}): Lmtp =>
    lmtp({ starttls: "required", tls: { ca: tls.ca, servername: "localhost" }, ...options });

  test("starts before anything else is said", async () => {
    server.offers = ["STARTTLS"];
    expect(await deliver(named(), "one", ONE)).toBe("new");
    expect(server.verbs).toEqual(["LHLO", "STARTTLS", "LHLO", "MAIL", "RCPT", "DATA"]);
  });

  test("is never given up for a connection in clear text", async () => {
    expect(await refusal(named())).toMatchObject(DOWN);
    server.answers = { STARTTLS: "502 5.5.1 no such command" };
    expect(await refusal(named())).toMatchObject({
      message: having(/refused STARTTLS: 502 .*starttls: "never"/),
      ...DOWN,
    });
    expect(server.verbs).not.toContain("MAIL");
  });

  test("needs a certificate that is trusted", async () => {
    server.offers = ["STARTTLS"];
    for (const options of [{}, { ca: tls.ca, servername: "other.test" }])
      expect(await refusal(named({ tls: options }))).toMatchObject({
        message: having("certificate"),
        ...DOWN,
      });
    expect(server.verbs).not.toContain("MAIL");
  });

  test("is used if it is offered, where the options say so", async () => {
    expect(await deliver(named({ starttls: "if-offered" }), "one", ONE)).toBe("new");
    server.offers = ["STARTTLS"];
    expect(await deliver(named({ starttls: "if-offered" }), "one", ONE)).toBe("new");
    expect(server.verbs.filter((verb) => verb === "STARTTLS")).toHaveLength(1);
  });

  test("starts with the first byte with smtps", async () => {
    const secure = await LmtpServer.listen({ secure: true });
    const destination = new Lmtp(`smtps://localhost:${secure.port}`, { recipient: ANN, tls: { ca: tls.ca } });
    expect(await deliver(destination, "one", ONE)).toBe("new");
    expect(secure.verbs).toEqual(["EHLO", "MAIL", "RCPT", "DATA"]);
    const untrusting = new Lmtp(`smtps://localhost:${secure.port}`, { recipient: ANN });
    expect(await refusal(untrusting)).toMatchObject({
      message: having("certificate"),
      ...DOWN,
    });
    await secure.close();
  });

  test("an abort closes the connection in the middle of a message", async () => {
    server.offers = ["STARTTLS"];
    server.readsMessages = false;
    const controller = new AbortController();
    const writer = await named().begin(delivery("one"), controller.signal);
    await writer.write(Buffer.alloc(8_000_000, "x"));
    const committed = writer.commit(entryFor("a"));
    await server.until(() => server.verbs.at(-1) === "DATA");
    controller.abort();
    await expect(committed).rejects.toMatchObject({ code: "POP3_ABORTED" });
    await server.until(() => server.closed === 1);
    expect(server.messages).toEqual([]);
  });
});

describe("signing in", () => {
  const PASSWORD = "hunter2-password";
  const signedIn = (options: Partial<LmtpOptions> = {}): Lmtp =>
    new Lmtp(`smtp://ann%40example.com@127.0.0.1:${server.port}`, {
      recipient: ANN,
      auth: { password: PASSWORD },
      ...options,
    });
  const sent = (): string[] =>
    server.commands.filter((command) => !/^(?:EHLO|MAIL|RCPT|DATA|QUIT)/.test(command));

  test.each([
    ["PLAIN", [`AUTH PLAIN ${Buffer.from(`\0${ANN}\0${PASSWORD}`).toString("base64")}`]],
    ["LOGIN", ["AUTH LOGIN", Buffer.from(ANN).toString("base64"), Buffer.from(PASSWORD).toString("base64")]],
  ])("with a password: %s", async (mechanism, lines) => {
    server.offers = [`AUTH ${mechanism}`];
    let calls = 0;
    if (mechanism === "LOGIN")
      server.answers = {
        proof: () => (calls++ === 0 ? `334 ${Buffer.from("Password:").toString("base64")}` : undefined),
      };
    expect(await deliver(signedIn({ auth: { password: async () => PASSWORD } }), "one", ONE)).toBe("new");
    expect(sent()).toEqual(lines);
  });

  test("with a token, and with another one if the first is refused", async () => {
    const proof = (token: string): string =>
      `AUTH XOAUTH2 ${Buffer.from(`user=${ANN}\x01auth=Bearer ${token}\x01\x01`).toString("base64")}`;
    server.answers = {
      AUTH: (line) => (line === proof("hunter2-1") ? "334 eyJzdGF0dXMiOiI0MDEifQ==" : undefined),
      proof: "535 5.7.8 expired",
    };
    let calls = 0;
    const destination = signedIn({ auth: { accessToken: () => `hunter2-${++calls}` } });
    expect(await deliver(destination, "one", ONE)).toBe("new");
    expect(sent()).toEqual([proof("hunter2-1"), "", proof("hunter2-2")]);
    // A text cannot be renewed.
    const stale = signedIn({ auth: { accessToken: "hunter2-1" } });
    expect(await refusal(stale)).toMatchObject({
      message: having("refused the sign-in: 535 5.7.8 expired"),
      ...DOWN,
    });
  });

  test.each(["535 5.7.8 bad credentials", "454 4.7.0 try again", "530 5.7.0 TLS first"])(
    "a refusal is not the message's fault: %s",
    async (reply) => {
      server.answers = { AUTH: reply };
      expect(await refusal(signedIn())).toMatchObject({
        message: having(`refused the sign-in: ${reply}`),
        ...DOWN,
      });
      expect(server.messages).toEqual([]);
    },
  );

  test("no error shows the password, whatever the server repeats", async () => {
    server.answers = { AUTH: (line) => `535 5.7.8 wrong: ${line} ${PASSWORD}` };
    const error = (await refusal(signedIn())) as Error;
    const { inspect } = await import("node:util");
    const shown = inspect(error, { depth: 9, showHidden: true }) + JSON.stringify(error);
    expect(shown).toContain("535");
    expect(shown).not.toContain("hunter2");
    expect(shown).not.toContain(Buffer.from(`\0${ANN}\0${PASSWORD}`).toString("base64"));
    expect(inspect(signedIn(), { depth: 9, showHidden: true })).not.toContain("hunter2");
  });

  test.each([
    ["throws", () => Promise.reject(new Error("hunter2"))],
    ["returns nothing", () => undefined as unknown as string],
  ])("a function that %s is not the message's fault", async (_, password) => {
    const error = await refusal(signedIn({ auth: { password } }));
    expect(error).toMatchObject({ message: having(/^the function auth\.password/), ...DOWN });
  });

  test("is repeated on a new connection only", async () => {
    const destination = signedIn();
    await deliver(destination, "one", ONE);
    await deliver(destination, "two", ONE);
    expect(server.verbs.filter((verb) => verb === "AUTH")).toHaveLength(1);
  });
});

describe("check", () => {
  const PASSWORD = "hunter2-password";

  test("tells what the server offers, and sends no mail", async () => {
    server.offers = ["SIZE 1000", "AUTH PLAIN", "PIPELINING"];
    const destination = new Lmtp(`lmtp://ann@127.0.0.1:${server.port}`, {
      recipient: ANN,
      sender: "me@example.com",
      auth: { password: PASSWORD },
    });
    expect(await destination.check()).toEqual({
      lines: [
        {
          name: "connection",
          ok: true,
          text: `127.0.0.1:${server.port} answers as an LMTP server, without TLS`,
        },
        { name: "sign-in", ok: true, text: "the server has accepted the sign-in" },
        { name: "recipient", ok: true, text: "the server takes mail for ann@example.com" },
        {
          name: "size",
          ok: true,
          text: "the server takes messages of up to 1000 bytes; a larger one is refused",
        },
      ],
    });
    await server.until(() => server.closed === 1);
    expect(server.verbs).toEqual(["LHLO", "AUTH", "MAIL", "RCPT", "RSET", "QUIT"]);
    expect(server.commands[2]).toBe("MAIL FROM:<me@example.com>");
  });

  test.each([
    ["connection", "greeting", "554 not you"],
    ["connection", "LHLO", "502 what?"],
    ["sign-in", "AUTH", `535 wrong ${PASSWORD}`],
    ["recipient", "MAIL", "550 5.7.1 no"],
    ["recipient", "RCPT", "550 5.1.1 no such user"],
  ])("tells what fails: %s, %s", async (name, command, reply) => {
    server.answers = { [command]: reply };
    const destination = new Lmtp(`lmtp://ann@127.0.0.1:${server.port}`, {
      recipient: ANN,
      auth: { password: PASSWORD },
    });
    const { lines } = await destination.check();
    expect(lines.slice(0, -1).every(({ ok }) => ok)).toBe(true);
    expect(lines.at(-1)).toMatchObject({ name, ok: false });
    expect(lines.at(-1)?.text).toContain(reply.slice(0, 9));
    expect(JSON.stringify(lines)).not.toContain("hunter2");
  });

  test("does not try a recipient that each message chooses", async () => {
    const { lines } = await lmtp({ recipient: () => ANN }).check();
    expect(lines.map(({ name, ok }) => [name, ok])).toEqual([
      ["connection", true],
      ["recipient", true],
    ]);
    expect(server.verbs).not.toContain("MAIL");
  });

  test("rejects if it is aborted, and closes the connection", async () => {
    server.answers = { RCPT: "hang" };
    const controller = new AbortController();
    const checked = lmtp().check(controller.signal);
    await server.until(() => server.verbs.at(-1) === "RCPT");
    controller.abort();
    await expect(checked).rejects.toMatchObject({ code: "POP3_ABORTED" });
    await server.until(() => server.closed === 1);
  });
});

describe("the options", () => {
  test.each<[string, Partial<LmtpOptions> | undefined, string]>([
    ["ldap://x", {}, "must begin with lmtp:, smtp:// or smtps://"],
    ["not a URL hunter2", {}, "must look like"],
    ["lmtp://ann:hunter2@127.0.0.1", {}, "must not contain a password"],
    ["lmtp:", {}, "must look like"],
    ["lmtp:relative", {}, "must look like"],
    ["smtps:/run/lmtp", {}, "must look like"],
    ["lmtp://host/run/lmtp", {}, "has a host and a path"],
    ["lmtp://host?x=1", {}, "must not have ?"],
    ["lmtp://host:24", { starttls: "maybe" as never }, "lmtp.starttls"],
    ["smtps://host", { starttls: "required" }, "smtps:// begins with TLS"],
    ["smtp://ann@host", { starttls: "never", auth: { password: "hunter2" } }, "lmtp.auth needs TLS"],
    ["smtp://ann@host", { starttls: "if-offered", auth: { password: "hunter2" } }, "lmtp.auth needs TLS"],
    ["smtps://host", { auth: { password: "hunter2" } }, "needs a user name"],
    ["smtps://ann@host", { auth: {} as never }, "either password or accessToken"],
    ["smtps://ann@host", { auth: { password: "" } }, "an empty string"],
    ["smtps://ann@host", { auth: { pass: "hunter2" } as never }, "unknown option"],
    ["lmtp://127.0.0.1", { recipient: "Ann <ann@example.com>" }, "lmtp.recipient"],
    ["lmtp://127.0.0.1", { recipient: "a@b>\r\nRCPT TO:<c@d" }, "lmtp.recipient"],
    ["lmtp://127.0.0.1", { sender: "a b" }, "lmtp.sender"],
    ["lmtp://127.0.0.1", { timeout: 0 }, "lmtp.timeout"],
    ["lmtp://127.0.0.1", { limit: -1 }, "lmtp.limit"],
    ["lmtp://127.0.0.1", { recipientt: ANN } as never, "did you mean lmtp.recipient"],
  ])("%s %j", (url, options, words) => {
    let error: unknown;
    try {
      new Lmtp(url, { recipient: ANN, ...options });
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({ code: "POP3_CONFIG", message: having(words) });
    expect((error as Error).message).not.toContain("hunter2");
  });

  test("may have a URL object, an IPv6 address and a percent-encoded user", () => {
    for (const url of [new URL("lmtp://[::1]:24"), "smtps://ann%40x.y@mail.example.com", "lmtp:///run/lmtp"])
      expect(() => new Lmtp(url, { recipient: ANN })).not.toThrow();
  });
});

test("a connection that is kept does not keep the process alive", async () => {
  server.offers = ["STARTTLS"];
  const program = `
    import { Lmtp } from ${JSON.stringify(pathToFileURL(join(import.meta.dirname, "../../../src/fetch/index.ts")).href)};
    for (const starttls of ["never", "required"]) {
      const destination = new Lmtp("lmtp://127.0.0.1:${server.port}", {
        recipient: "ann@example.com", starttls, tls: { rejectUnauthorized: false },
      });
      const writer = await destination.begin({ key: "k", mailbox: "m" });
      await writer.write(Buffer.from("Subject: one\\r\\n\\r\\n"));
      console.log(await writer.commit({}));
    }
  `;
  const tsx = pathToFileURL(join(import.meta.dirname, "../../../node_modules/tsx/dist/esm/index.mjs")).href;
  const child = spawn(process.execPath, ["--import", tsx, "--input-type=module", "-e", program], {
    cwd: join(import.meta.dirname, "../../.."),
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [printed] = await Promise.all([text(child.stdout), once(child, "close")]);
  expect(printed).toBe("new\nnew\n");
  // It did not wait until the connections were closed for being idle.
  expect(server.verbs).not.toContain("QUIT");
});
