// The messages of a SCRAM server (RFC 5802 section 7), separated by LF, to a whole exchange. Oracles: the grammar of the RFC;
// a login succeeds only with the server's proof; an honest server always gets in; no secret is in an error.
import { scram } from "../../../src/auth/scram.ts";
import { CONTEXT, CREDENTIALS } from "../../support/sasl.ts";
import { ScramServer } from "../../support/scram-server.ts";
import { expectSame, expectThat, octets, settledOutcome, text } from "../oracle.ts";

export const FILES: readonly string[] = ["auth/scram", "auth/scram-message"];
export const TOKENS: readonly string[] = [
  "r=client-nonceserver",
  "s=QSXCR+Q6sek8bf92",
  "i=8",
  "v=",
  "e=invalid-proof",
  "m=",
  ",",
  "=",
  "\n",
  "i=0",
];

const NONCE = "client-nonce";
const context = { ...CONTEXT, scram: { minIterations: 2, maxIterations: 32 } };
const CODES = [
  ...["POP3_AUTH_PROTOCOL", "POP3_SCRAM_ITERATIONS_LOW", "POP3_SCRAM_ITERATIONS_HIGH"],
  "POP3_SCRAM_SERVER_SIGNATURE",
];

const mechanism = scram("sha1", false, () => NONCE);

/** Whether the message has the form of RFC 5802 section 7, and numbers within the limits. */
function isServerFirst(message: string): boolean {
  const [, nonce = "", salt = "", iterations] =
    /^r=([^,]+),s=([^,]+),i=([1-9][0-9]*)(?:,[A-Za-z]=[^,\0]+)*$/.exec(message) ?? [];
  const isNonce = /^[!-~]+$/.test(nonce) && nonce.startsWith(NONCE) && nonce !== NONCE;
  const isBase64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(salt);
  const isWithin = Number(iterations) >= 2 && Number(iterations) <= 32;
  return isNonce && isBase64 && isWithin && !/,[em]=/.test(message);
}

export async function fuzz(data: Buffer): Promise<void> {
  const [first = "", ...others] = text(data).split("\n");
  const exchange = await mechanism.start(CREDENTIALS, context);
  const answer = await settledOutcome(CODES, async () => exchange.respond(octets(first)));
  if ("value" in answer) {
    expectThat(isServerFirst(text(octets(first))), "a first message that is accepted", first);
    expectThat(!answer.value.includes(CREDENTIALS.pass), "a password that is sent", text(answer.value));
  } else expectThat(!isServerFirst(first) || !isCanonical(first), "a first message that is refused", first);
  for (const other of others.slice(0, 3)) {
    const outcome = await settledOutcome(CODES, async () => exchange.respond(octets(other)));
    expectThat("code" in outcome, "a wrong proof that is accepted", other);
  }
  const end = await settledOutcome(CODES, async () => exchange.succeeded?.());
  expectThat("code" in end, "a login without the server's proof", text(data));
  await checkFirst(data);
  await checkHonest(data);
}

/** A first message whose parts the input chooses, each right or wrong. */
async function checkFirst(data: Buffer): Promise<void> {
  const [parts = 0, iterations = 0, ...salt] = data;
  const nonce = NONCE.slice(0, (parts & 3) === 3 ? -1 : undefined) + ((parts & 3) === 0 ? "server" : "");
  const base64 = Buffer.from(salt)
    .toString("base64")
    .slice(0, (parts & 12) === 12 ? -1 : undefined);
  const more = ["", ",x=y", ",m=y", ",x"][(parts >> 4) & 3] as string;
  const message = `r=${nonce},s=${base64 || "c2FsdA=="},i=${String(iterations % 80)}${more}`;
  const exchange = await mechanism.start(CREDENTIALS, context);
  const answer = await settledOutcome(CODES, async () => exchange.respond(octets(message)));
  const isRight = isServerFirst(message) && isCanonical(message);
  expectSame("value" in answer, isRight, `the first message ${message}`);
}

/** Base64 whose unused bits are not 0 is refused, as RFC 4648 section 3.5 allows. */
function isCanonical(message: string): boolean {
  const salt = /,s=([^,]*)/.exec(message)?.[1] ?? "";
  return Buffer.from(salt, "base64").toString("base64") === salt;
}

/** An honest server, whose nonce and salt come from the input. */
async function checkHonest(data: Buffer): Promise<void> {
  const server = new ScramServer({
    ...{ digest: "sha1", pass: CREDENTIALS.pass, iterations: 2 },
    nonce: data.toString("base64url") || "n",
    salt: data.length === 0 ? octets("salt") : data,
  });
  const exchange = await mechanism.start(CREDENTIALS, context);
  const proof = await exchange.respond(server.first(exchange.initial ?? Buffer.alloc(0)));
  expectSame((await exchange.respond(server.final(proof))).length, 0, "the answer to an honest server");
  exchange.succeeded?.();
}
