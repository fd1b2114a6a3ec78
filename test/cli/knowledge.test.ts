// Each row of the table of refusals has a text for the user, and each provider is found by its servers.
import { describe, expect, test } from "vitest";
import { Pop3ConnectionError, Pop3Error, Pop3ProtocolError, Pop3ReplyError } from "../../src/errors.ts";
import { explain, meaning } from "../../src/cli/explain.ts";
import { KNOWN_TEXTS } from "../../src/advice/known-texts.ts";
import { PROVIDERS, providerAt } from "../../src/advice/providers.ts";
import { KNOWN_REFUSALS, type KnownRefusal, type Stage } from "../../src/protocol/refusals.ts";
import { parseReply } from "../../src/protocol/reply.ts";
import { printable } from "../../src/protocol/printable.ts";
import { SAMPLES } from "../support/refusal-samples.ts";

const stage = ({ at = "login" }: KnownRefusal): Stage => at;
const COMMANDS: Readonly<Record<Stage, string>> = {
  greeting: "the greeting",
  login: "PASS ****",
  listing: "STAT",
  message: "RETR 1",
};

test("each row has a text, and there are no other texts", () => {
  expect(Object.keys(KNOWN_TEXTS).sort()).toEqual(KNOWN_REFUSALS.map(({ id }) => id).sort());
});

test.each(KNOWN_REFUSALS)("$id is found in an error and explained in sentences", (row) => {
  const sample = SAMPLES[row.id]?.is[0] ?? "";
  const text = KNOWN_TEXTS[row.id];
  if (text === undefined) throw new Error("no text");
  const error =
    row.at === "greeting"
      ? new Pop3ProtocolError("POP3_BAD_GREETING", `not a reply to the greeting: "${sample}"`)
      : refusal(Buffer.from(`-ERR ${sample}`), COMMANDS[stage(row)]);
  expect(meaning(error)).toEqual({
    ...text,
    ...{ id: row.id, kind: row.kind, passes: row.waitFor !== undefined },
  });
  const [what, cause, advice, ...more] = explain(error);
  expect(what).toContain(row.at === "greeting" ? sample : sample.replace(/^\[[^\]]+\] /, ""));
  const who = text.provider ?? text.software;
  expect([cause, advice, more]).toEqual([
    who === undefined ? text.cause : `${who}: ${text.cause}`,
    text.advice,
    [],
  ]);
  for (const sentence of [text.cause, text.advice]) expect(sentence).toMatch(/^(?:[A-Z0-9]|"|`).*\.$/);
});

test("+ERR is not a reply, but is explained", () => {
  const words = "+ERR Server error: Failed to fetch messages in Inbox.";
  const error = new Pop3ProtocolError("POP3_PROTOCOL", `not a reply to STAT: "${words}"`, {
    command: "STAT",
  });
  expect(meaning(error)?.id).toBe("hmail-plus-err");
});

test.each([
  ["netease-too-often", "\u767b\u5f55\u592a\u9891\u7e41", "b5c7c2bcccabc6b5b7b1"],
  ["qq-authorization-code", "\u4e02\u6388\u6743\u7801", "8140cadac8a8c2eb"],
])("%s is found in UTF-8 and in GB 18030", (id, text, octets) => {
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
  ])("the provider of %s is %s", (host, name) => {
    expect(providerAt(host)?.name).toBe(name);
  });

  test("each server of a provider is found", () => {
    for (const provider of PROVIDERS)
      for (const host of provider.hosts) expect(providerAt(`pop.${host}`), host).toBe(provider);
  });

  test("a refusal is explained with the requirements of the provider", () => {
    const lines = explain(refusal(Buffer.from("-ERR [AUTH] no"), "PASS ****"), {
      ...{ host: "pop.fastmail.com", user: "ann" },
    });
    expect(lines).toContain("Fastmail requires the full address as the user name.");
    expect(lines).toContain("Fastmail accepts an app password or OAuth2.");
  });

  test("a refusal with a text of the provider gets no more advice", () => {
    const error = refusal(Buffer.from("-ERR Application-specific password required"), "PASS ****");
    expect(explain(error, { host: "pop.gmail.com", user: "ann@gmail.com" })).toHaveLength(3);
  });

  test("a provider without POP3 is named after every failure", () => {
    const error = new Pop3Error("POP3_CONNECT", "cannot connect to pop.mail.me.com:995: ENOTFOUND");
    expect(explain(error, { host: "pop.mail.me.com" }).at(-1)).toBe(
      "iCloud Mail does not offer POP3. Use IMAP instead.",
    );
  });

  test("a temporary refusal gives no advice about passwords", () => {
    const error = refusal(Buffer.from("-ERR [SYS/TEMP] later"), "PASS ****");
    expect(explain(error, { host: "pop.fastmail.com", user: "ann@fastmail.com" }).join()).not.toMatch(
      /app password/,
    );
  });
});

test.each([
  ["POP3_GREETING_TIMEOUT", 995, false, "Port 995 begins with TLS. Use pop3s://pop.example.com."],
  [
    "POP3_TLS_TIMEOUT",
    110,
    true,
    "Port 110 begins without TLS. Use pop3://pop.example.com, which turns TLS on with STLS.",
  ],
] as const)("%s at port %d, secure: %s: the advice names the other URL", (code, port, secure, words) => {
  const error = new Pop3ConnectionError(code, "it took longer");
  expect(explain(error, { host: "pop.example.com", port, secure })).toEqual([
    `it took longer (${code})`,
    words,
  ]);
});
