// The mask of secrets in the text of a peer. The first line of the input is the secret, the rest the text around it. Oracle:
// no form of the secret is left.
import { Secrets } from "../../../src/protocol/secrets.ts";
import { expectSame, expectThat, text } from "../oracle.ts";

export const FILES: readonly string[] = ["protocol/secrets"];
export const TOKENS: readonly string[] = [
  "\n",
  "hunter2-pass\n",
  "PASS ",
  "%",
  "%41",
  "password: ",
  "=",
  "/",
  "+",
  "-",
  " ",
  "****",
  "\u00fc",
];

const PASSWORD = "hunter2-Pass.9";

export function fuzz(data: Buffer): void {
  const [given = "", ...lines] = data.toString("utf8").split("\n");
  const around = lines.join("\n");
  // A short password, and an ordinary word, are masked only where a password is expected. "****" stands for any secret.
  const secret = given.length >= 8 && given.length <= 64 && !/[*\ufffd]/.test(given) ? given : PASSWORD;
  const secrets = new Secrets(secret);
  if (secrets.mask(secret) !== "****") return;
  expectSame(new Secrets().mask(around), around, "a text without secrets");
  const half = around.length >> 1;
  const [before, after] = [around.slice(0, half), around.slice(half)];
  const octets = Buffer.from(secret, "utf8");
  for (const form of [secret, octets.toString("base64"), octets.toString("latin1"), ...dumps(octets)])
    expectHidden(secrets, before + form + after, form);
  // The end of another escape would change what the first characters mean.
  const encoded = encodeURIComponent(secret);
  expectHidden(secrets, before.replace(/(?:%[\da-f]?)+$/i, "") + encoded + after, encoded);
  const proof = Buffer.concat([Buffer.from(`${before.slice(-5)}\0`), octets]).toString("base64");
  expectHidden(secrets, before + proof + after, proof);
  expectSame(text(secrets.maskOctets(octets)), "****", "the octets of a secret");
}

/** The octets as programs print them. */
function dumps(octets: Buffer): string[] {
  const digits = Array.from(octets, (octet) => octet.toString(16).padStart(2, "0"));
  const lower = ["", " ", ":", "-"].map((between) => digits.join(between));
  return [...lower, ...lower.map((dump) => dump.toUpperCase())];
}

function expectHidden(secrets: Secrets, said: string, form: string): void {
  const shown = secrets.mask(said);
  expectThat(!shown.includes(form), "a secret that is shown", { said, shown, form });
}

export function parse(data: Buffer): void {
  new Secrets(PASSWORD).mask(text(data));
}
