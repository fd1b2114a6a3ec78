// What a server says to APOP, CRAM-MD5, OAUTHBEARER and XOAUTH2 (RFC 1939 section 7, RFC 2195, RFC 7628 section 3.2.2).
// Oracles: the grammar of a msg-id, JSON as the platform reads it, digests of the platform, the messages taken apart again, and
// that only typed errors are thrown.
import { createHash, createHmac } from "node:crypto";
import { apopDigest, apopTimestamp } from "../../../src/auth/apop.ts";
import { cramMd5 } from "../../../src/auth/cram-md5.ts";
import { oauthBearer, parseRefusal, xoauth2 } from "../../../src/auth/oauth.ts";
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
  await checkDigest(data);
  await checkBearer(data);
}

/** RFC 2195 section 2. The challenge of the input, and one that every server may send. */
async function checkDigest(data: Buffer): Promise<void> {
  for (const challenge of [data, Buffer.from(`<${data.toString("hex")}@example.com>`)]) {
    const exchange = await cramMd5.start(CREDENTIALS, CONTEXT);
    const answer = await settledOutcome(["POP3_AUTH_PROTOCOL"], async () => exchange.respond(challenge));
    const digest = createHmac("md5", CREDENTIALS.pass).update(challenge).digest("hex");
    const isChallenge = /^[!-~]+$/.test(text(challenge));
    expectSame(
      "value" in answer ? text(answer.value) : undefined,
      isChallenge ? `${CREDENTIALS.user} ${digest}` : undefined,
      "the answer of CRAM-MD5",
    );
    const second = await settledOutcome(["POP3_AUTH_PROTOCOL"], async () => exchange.respond(challenge));
    expectThat("code" in second, "a second challenge of CRAM-MD5");
  }
}

/** RFC 7628 section 3.1, and the form of Google. The user name comes from the input. */
async function checkBearer(data: Buffer): Promise<void> {
  const user = data.toString("utf8").replace(/[\0-\x1f\x7f]/g, "");
  const { accessToken } = CREDENTIALS;
  for (const mechanism of [oauthBearer, xoauth2]) {
    const exchange = await mechanism.start({ ...CREDENTIALS, user }, CONTEXT);
    const sent = (exchange.initial ?? Buffer.alloc(0)).toString("utf8");
    const [header = "", ...fields] = sent.split("\x01");
    const [, name = ""] = /^n,(?:a=([^,]*))?,$/.exec(header) ?? [];
    expectSame(
      mechanism === xoauth2 ? header : name.replaceAll("=2C", ",").replaceAll("=3D", "="),
      mechanism === xoauth2 ? `user=${user}` : user,
      "the user in a message with a token",
    );
    const { host, port } = CONTEXT;
    const place = mechanism === xoauth2 ? [] : [`host=${host}`, `port=${String(port)}`];
    expectSame(fields, [...place, `auth=Bearer ${accessToken}`, "", ""], "a message with a token");
    const answers: string[] = [];
    for (let times = 0; times < 3; times++) {
      const answer = await settledOutcome(["POP3_AUTH_PROTOCOL"], async () => exchange.respond(data));
      answers.push("value" in answer ? answer.value.toString("utf8") : "refused");
    }
    const end = mechanism === xoauth2 ? "" : "\x01";
    // An empty challenge asks for the message once more.
    const expected = data.length === 0 ? [sent, end, "refused"] : [end, "refused", "refused"];
    expectSame(answers, expected, "what is said to a refusal");
    expectSame(exchange.refusal, refusalIn(data), "why a token was refused");
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
  const md5 = createHash("md5").update(`${greeting}secret`).digest("hex");
  const expected = timestamp === greeting ? { value: md5 } : { code: "POP3_APOP_BAD_CHALLENGE" };
  expectSame(digest, expected, "a digest of a timestamp");
}

/** The members of a refusal that are text. */
function refusalIn(challenge: Buffer): Readonly<Record<string, string>> {
  let said: unknown;
  try {
    said = JSON.parse(challenge.toString("utf8"));
  } catch {
    return {};
  }
  const names = { status: "status", scope: "scope", schemes: "schemes" };
  return Object.fromEntries(
    Object.entries({ ...names, openidConfiguration: "openid-configuration" }).flatMap(([name, key]) => {
      const value = (said as Record<string, unknown> | null)?.[key];
      return typeof value === "string" ? [[name, CONTEXT.printable(value)]] : [];
    }),
  );
}

/** The input, and the input as the members of an object. */
function checkRefusal(data: Buffer): void {
  for (const challenge of [data, Buffer.concat([Buffer.from("{"), data, Buffer.from("}")])]) {
    const refusal = parseRefusal(challenge, CONTEXT.printable);
    expectSame(refusal, refusalIn(challenge), "a refusal");
    for (const value of Object.values(refusalIn(challenge)))
      expectThat(isOneLine(value), "a reason that cannot be printed", value);
  }
}

export function parse(data: Buffer): void {
  apopTimestamp(text(data));
  parseRefusal(data, (said) => said);
}
