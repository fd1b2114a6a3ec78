// The fields of a webhook: id, time, signature and body, one after the other in lines. Oracles: a verifier by the letter of
// Standard Webhooks; what we sign is authentic; a signature holds for one id, one time and one body.
import { createHmac } from "node:crypto";
import { keysOf, signatures } from "../../../src/fetch/destinations/webhook-signature.ts";
import { verifyWebhook, type VerifiedWebhook } from "../../../src/fetch/verify-webhook.ts";
import { expectSame, expectThat, octets, outcomeOf, text, type Outcome } from "../oracle.ts";

export const FILES: readonly string[] = ["fetch/verify-webhook", "fetch/destinations/webhook-signature"];

const SECRET = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
const KEY = Buffer.alloc(32, 7);
const SIGNED = "SIGNED";

export const TOKENS: readonly string[] = [
  ...[
    "a\n9\nSIGNED\nbody",
    "\n",
    ".",
    "SIGNED",
    "v1,",
    "v1a,",
    " ",
    "=",
    "1760000000",
    "00",
    "1.2",
    "-1",
    SECRET,
  ],
  ...["whsec_", "whsec_AAAA"],
];

/** So far away that each time of 12 digits is within it. */
const EVER = { tolerance: 10_000_000_000_000 };

function verified(fields: readonly string[], body: Buffer): Outcome<VerifiedWebhook> {
  const [id, timestamp, signature] = fields;
  const headers = { "Webhook-Id": id, "webhook-timestamp": timestamp, "WEBHOOK-SIGNATURE": signature };
  return outcomeOf(["POP3_WEBHOOK"], () => verifyWebhook(headers, body, [SECRET], EVER));
}

function digest(...parts: readonly (Buffer | string)[]): string {
  const hmac = createHmac("sha256", KEY);
  for (const part of parts) hmac.update(part);
  return hmac.digest("base64");
}

export function fuzz(data: Buffer): void {
  const [id = "", time = "", given = "", ...lines] = text(data).split("\n");
  const body = octets(lines.join("\n"));
  // Senders sign the number, so zeros before it do not count.
  const right = digest(`${id}.${/^[0-9]{1,12}$/.test(time) ? String(Number(time)) : time}.`, body);
  const signature = given.replaceAll(SIGNED, `v1,${right}`);
  const outcome = verified([id, time, signature], body);
  const isSigned = signature
    .split(" ")
    .some((each) => each.startsWith("v1,") && sameBase64(each.slice(3), right));
  const isPlain = /^[0-9]{1,12}$/.test(time) && !id.includes(".");
  if ("value" in outcome) {
    expectThat(isPlain && isSigned, "a webhook that is not authentic", { id, time, signature });
    expectSame(outcome.value, { id, timestamp: new Date(Number(time) * 1000) }, "what a webhook says");
  } else expectThat(!isPlain || !isSigned, "a webhook that is refused", { id, time, signature });

  if (isPlain) {
    const ours = signatures([KEY], { id, timestamp: Number(time), body });
    const canonical = String(Number(time));
    expectThat("value" in verified([id, canonical, ours], body), "our own webhook that is refused", ours);
    checkSplits(`${id}.${canonical}.${text(body)}`, [id, canonical], ours);
  }
  checkSecret(text(data));
}

/** The same text, with its full stops taken for others, must not be authentic: the body is what a stranger wrote. */
function checkSplits(signed: string, [id, time]: readonly [string, string], signature: string): void {
  const stops = [...signed.matchAll(/\./g)].map(({ index }) => index).slice(0, 6);
  for (const [at, first] of stops.entries()) {
    for (const second of stops.slice(at + 1)) {
      const fields = [signed.slice(0, first), signed.slice(first + 1, second)] as const;
      if (fields[0] === id && fields[1] === time) continue;
      const outcome = verified([...fields, signature], octets(signed.slice(second + 1)));
      expectThat("code" in outcome, "one signature for two webhooks", fields);
    }
  }
}

/** Whether a text is base64 of these octets, with or without its padding. */
function sameBase64(given: string, right: string): boolean {
  return Buffer.from(given, "base64").toString("base64") === right;
}

function checkSecret(said: string): void {
  const size = said.length % 80;
  const given = outcomeOf(["POP3_CONFIG"], () => keysOf(`whsec_${Buffer.alloc(size, 7).toString("base64")}`));
  expectSame("value" in given, size >= 24 && size <= 64, "whether a key of this size is taken");
  const keys = outcomeOf(["POP3_CONFIG"], () => {
    try {
      return keysOf(`${said}hunter2`);
    } catch (error) {
      expectThat(!String(error).includes("hunter2"), "a secret in an error", error);
      throw error;
    }
  });
  if ("value" in keys)
    for (const key of keys.value)
      expectThat(key.length >= 24 && key.length <= 64, "the size of a key", key.length);
}

export function parse(data: Buffer): void {
  verified(["a", "1", text(data)], Buffer.alloc(1));
}
