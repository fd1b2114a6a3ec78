// What a server says to APOP, CRAM-MD5, OAUTHBEARER and XOAUTH2 (RFC 1939 section 7, RFC 2195, RFC 7628 section 3.2.2).
// Oracles: the grammar of a msg-id, JSON as the platform reads it, and that only typed errors are thrown.
import { apopDigest, apopTimestamp } from "../../../src/auth/apop.ts";
import { cramMd5 } from "../../../src/auth/cram-md5.ts";
import { oauthBearer, parseRefusal, xoauth2 } from "../../../src/auth/oauth.ts";
import { printable } from "../../../src/protocol/printable.ts";
import { CONTEXT, CREDENTIALS } from "../../support/sasl.ts";
import { expectSame, expectThat, isOneLine, outcomeOf, settledOutcome, text } from "../oracle.ts";

export const FILES: readonly string[] = ["auth/apop", "auth/cram-md5", "auth/oauth", "auth/message"];
export const TOKENS: readonly string[] = [
  ...["<1896.697170952@dbc.mtview.ca.us>", "<", ">", "@", " ", "POP3 ready "],
  ...[
    '{"status":"401","scope":"s","schemes":"bearer"}',
    '"openid-configuration"',
    '"status":',
    "{}",
    "[]",
    "null",
    "\\u0000",
  ],
];

export async function fuzz(data: Buffer): Promise<void> {
  checkTimestamp(text(data));
  checkTimestamp(data.toString("utf8"));
  checkRefusal(data);
  for (const mechanism of [oauthBearer, xoauth2, cramMd5]) {
    const exchange = await mechanism.start(CREDENTIALS, CONTEXT);
    for (let times = 0; times < 3; times++)
      await settledOutcome(["POP3_AUTH_PROTOCOL"], async () => exchange.respond(data));
  }
}

function checkTimestamp(greeting: string): void {
  // One msg-id, and no other bracket. At most 250 characters.
  const [, candidate = ""] = /^[^<>]*>?[^<>]*$|^[^<]*(<[^]*>)[^>]*$/.exec(greeting) ?? [];
  const inner = candidate.slice(1, -1);
  const isId =
    /^[!-~]+$/.test(inner) && !/[<>]/.test(inner) && /^[^@]+@[^@]+$/.test(inner) && candidate.length <= 250;
  const timestamp = apopTimestamp(greeting);
  expectSame(timestamp, isId ? candidate : undefined, "a timestamp");
  const digest = outcomeOf(["POP3_APOP_BAD_CHALLENGE"], () => apopDigest(greeting, "secret"));
  expectSame("value" in digest, timestamp === greeting, "a digest of a timestamp");
}

function checkRefusal(data: Buffer): void {
  const refusal = parseRefusal(data, printable);
  let said: unknown;
  try {
    said = JSON.parse(data.toString("utf8"));
  } catch {
    said = undefined;
  }
  for (const [name, value] of Object.entries(refusal)) {
    const key = name === "openidConfiguration" ? "openid-configuration" : name;
    expectSame(value, printable(String((said as Record<string, unknown>)[key])), "a member of a refusal");
    expectThat(isOneLine(String(value)), "a reason that cannot be printed", value);
  }
}

export function parse(data: Buffer): void {
  apopTimestamp(text(data));
  parseRefusal(data, (said) => said);
}
