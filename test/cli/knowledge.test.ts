// Every text that is known: a sample of it is told by its own row, and by no row above.
import { describe, expect, test } from "vitest";
import { Pop3Error, Pop3ProtocolError, Pop3ReplyError } from "../../src/errors.ts";
import { explain, meaning } from "../../src/cli/explain.ts";
import { KNOWN_TEXTS, meaningOf } from "../../src/cli/knowledge/meaning.ts";
import type { KnownText, Stage } from "../../src/cli/knowledge/known-text.ts";
import { PROVIDERS, providerAt } from "../../src/cli/knowledge/providers.ts";
import { parseReply } from "../../src/protocol/reply.ts";
import { printable } from "../../src/protocol/printable.ts";

const SAMPLES: Readonly<Record<string, string>> = {
  "gmail-pop-off": "[SYS/PERM] Your account is not enabled for POP access. Please visit your settings",
  "gmail-app-password": "Application-specific password required: https://support.google.com/accounts",
  "google-web-login": "[ALERT] Please log in via your web browser",
  "gmail-credentials": "[AUTH] Username and password not accepted.",
  "google-temporary": "[SYS/TEMP] Temporary system problem. Please try again later. x12mb",
  "google-lockdown": "Lockdown in Sector 4",
  "ms-passwords-off": "Basic authentication is disabled.",
  "ms-token-line": "Protocol error. Connection is closed. 10",
  "ms-wrong-protocol": "Protocol error. 19",
  "ms-token-refused": "Authentication failure: unknown user name or bad password.",
  "ms-password-refused": "Logon failure: unknown user name or bad password.",
  "ms-not-connected": "User is authenticated but not connected.",
  "ms-unavailable": "Server Unavailable. 21",
  "ms-state": "Command is not valid in this state.",
  "hotmail-frequency":
    "Exceeded the login limit for a 15 minute period. Reduce the frequency of requests to the POP3 server.",
  "yandex-pop-off": "[AUTH] login failure or POP3 disabled, try later. sc=abc",
  "mailru-app-password": "NEOBHODIM parol prilozheniya / Application password is REQUIRED",
  "qq-authorization-code": "Please use the authorized code to log in",
  "netease-too-often": "login too many times",
  "netease-quota": "Download exceed. msg=12",
  "netease-message": "Can't get the letter 12[301], try again later",
  "message-unreadable": "Message can not load",
  "netease-unsafe": "Unsafe Login. Please contact kefu@188.com for help",
  "dovecot-connections":
    "[IN-USE] Maximum number of connections from user+IP exceeded (mail_max_userip_connections=10)",
  "in-use": "[IN-USE] Mailbox is locked by another POP3 session.",
  "login-delay": "[LOGIN-DELAY] minimum time between mail checks violation",
  "cleartext-refused": "[AUTH] Plaintext authentication disallowed on non-secure (SSL/TLS) connections.",
  "dovecot-temporary": "[SYS/TEMP] Temporary authentication failure. [host:2026-01-01]",
  perdition: "Re-Authentication Failure",
  "hmail-full-name": "Invalid user name or password. Please use full email address as user name.",
  "hmail-banned": "Too many invalid logon attempts.",
  "hmail-no-auth": "Invalid command in current state.",
  "line-too-long": "Line too long.",
  "hmail-plus-err": "Server error: Failed to fetch messages in Inbox.",
  idle: "Disconnected for inactivity.",
  "bad-commands": "Too many invalid bad commands.",
  "dovecot-mailbox": "[SYS/TEMP] Couldn't sync mailbox",
  smtp: "220 mx.example.com ESMTP ready",
  imap: "* OK IMAP4rev1 ready",
  http: "HTTP/1.1 400 Bad Request",
  "code-auth": "[AUTH] no",
  "code-sys-temp": "[SYS/TEMP] the disk is full",
  "code-sys-perm": "[SYS/PERM] this is not for you",
  refused: "Authentication failed.",
};

const stage = ({ at }: KnownText): Stage => (at === "anywhere" ? "login" : at);
const COMMANDS: Readonly<Record<Stage, string>> = {
  greeting: "the greeting",
  login: "PASS ****",
  listing: "STAT",
  message: "RETR 1",
};

test("there is a sample for each row", () => {
  expect(KNOWN_TEXTS.map(({ id }) => id)).toEqual(Object.keys(SAMPLES));
});

describe.each(KNOWN_TEXTS)("$id", (row) => {
  const sample = SAMPLES[row.id] ?? "";

  test("its sample is told by it", () => {
    expect(meaningOf(sample, stage(row))?.id).toBe(row.id);
    expect(meaningOf(sample, undefined)?.id).toBe(row.id);
  });

  test("it is found in an error, and explained in sentences", () => {
    const error =
      row.at === "greeting"
        ? new Pop3ProtocolError("POP3_BAD_GREETING", `not a reply to the greeting: "${sample}"`)
        : refusal(Buffer.from(`-ERR ${sample}`), COMMANDS[stage(row)]);
    expect(meaning(error)).toBe(row);
    const [what, cause, advice, ...more] = explain(error);
    expect(what).toContain(row.at === "greeting" ? sample : sample.replace(/^\[[^\]]+\] /, ""));
    const who = row.who === undefined ? "" : `${row.who}: `;
    expect([cause, advice, more]).toEqual([`${who}${row.cause}`, row.advice, []]);
    for (const text of [row.cause, row.advice]) expect(text).toMatch(/^(?:[A-Z0-9]|"|`).*\.$/);
  });
});

test("+ERR is no reply, and is told all the same", () => {
  const words = "+ERR Server error: Failed to fetch messages in Inbox.";
  const error = new Pop3ProtocolError("POP3_PROTOCOL", `not a reply to STAT: "${words}"`, {
    command: "STAT",
  });
  expect(meaning(error)?.id).toBe("hmail-plus-err");
});

test.each([
  ["netease-too-often", "\u767b\u5f55\u592a\u9891\u7e41", "b5c7c2bcccabc6b5b7b1"],
  ["qq-authorization-code", "\u4e02\u6388\u6743\u7801", "8140cadac8a8c2eb"],
])("%s in UTF-8, and in GB 18030", (id, text, octets) => {
  expect(new TextDecoder("gb18030").decode(Buffer.from(octets, "hex"))).toBe(text);
  for (const words of [Buffer.from(text), Buffer.from(octets, "hex")])
    expect(meaning(refusal(Buffer.concat([Buffer.from("-ERR "), words]), "PASS ****"))?.id).toBe(id);
});

function refusal(line: Buffer, command: string): Pop3ReplyError {
  const reply = parseReply(line);
  if (reply === undefined) throw new Error("no reply");
  const text = printable(reply.text);
  return new Pop3ReplyError(
    "POP3_REFUSED",
    `the server refused ${command}: ${text}`,
    { responseCode: reply.responseCode, text, temporary: false },
    { command },
  );
}

describe("providers", () => {
  test.each([
    ["pop.gmail.com", "Gmail"],
    ["POP.GMAIL.COM.", "Gmail"],
    ["outlook.office365.com", "Microsoft 365 and Outlook.com"],
    ["pop3.web.de", "WEB.DE"],
    ["pop.exmail.qq.com", "Tencent Exmail"],
    ["pop.qq.com", "QQ Mail"],
    ["pop.mail.me.com", "iCloud Mail"],
    ["pop.mail.com", "mail.com"],
    ["notgmail.com", undefined],
    ["gmail.com.example.org", undefined],
    ["127.0.0.1", undefined],
  ])("%s is %s", (host, name) => {
    expect(providerAt(host)?.name).toBe(name);
  });

  test("each of their servers is found as theirs", () => {
    for (const provider of PROVIDERS)
      for (const host of provider.hosts) expect(providerAt(`pop.${host}`), host).toBe(provider);
  });

  test("a refusal tells what the provider wants", () => {
    const lines = explain(refusal(Buffer.from("-ERR [AUTH] no"), "PASS ****"), {
      ...{ host: "pop.fastmail.com", user: "ann" },
    });
    expect(lines).toContain("Fastmail wants the full address as user name.");
    expect(lines).toContain("Fastmail takes an app password or OAuth2.");
  });

  test("what the provider says itself needs no more words", () => {
    const error = refusal(Buffer.from("-ERR Application-specific password required"), "PASS ****");
    expect(explain(error, { host: "pop.gmail.com", user: "ann@gmail.com" })).toHaveLength(3);
  });

  test("who has no POP3 is told by name, whatever the failure", () => {
    const error = new Pop3Error("POP3_CONNECT", "cannot connect to pop.mail.me.com:995: ENOTFOUND");
    expect(explain(error, { host: "pop.mail.me.com" }).at(-1)).toBe("iCloud Mail has no POP3. It has IMAP.");
  });

  test("what passes by itself says nothing of passwords", () => {
    const error = refusal(Buffer.from("-ERR [SYS/TEMP] later"), "PASS ****");
    expect(explain(error, { host: "pop.fastmail.com", user: "ann@fastmail.com" }).join()).not.toMatch(
      /app password/,
    );
  });
});
