// Why a delivery failed, as the ledger keeps it and people read it. Oracles: a short line that can be printed and stored; ordinary
// words stay; no part of a secret that the words of another program repeat, wherever they are cut, and no credential.
import { failureReason } from "../../../src/fetch/failure-reason.ts";
import { expectSame, expectThat, isOneLine, isWellFormed } from "../oracle.ts";

export const FILES: readonly string[] = ["fetch/failure-reason"];
export const LONGEST = 4096;
export const TOKENS: readonly string[] = [
  ...[
    "https://a:b@c/",
    "Bearer eyJ0eXAi0123",
    "password: x",
    "token=abc",
    "api_key",
    '"',
    "'",
    "=",
    ":",
    "@",
    "****",
  ],
  ...[" ", "\n", " ".repeat(64), "x".repeat(64), "\xed\xa0\x80", "\x1b[31m", "SECRET", "SECRET".repeat(8)],
];

const SECRET = "hunter2-pass-0123456789";

export function fuzz(data: Buffer): void {
  // Without the letters of the secret, so that each of its parts that is found comes from it.
  const said = data.toString("utf8").replace(/[hunt]/gi, "x");
  checkWords(data.toString("utf8").replaceAll("Zq7", ""));
  for (const words of [
    said.replaceAll("SECRE", SECRET),
    `${said}${SECRET}${said}`,
    said + SECRET.repeat(100),
  ]) {
    const reason = failureReason(new Error(words), [SECRET]);
    expectThat(reason.length <= 200 && isOneLine(reason) && isWellFormed(reason), "a reason", reason);
    expectThat(!/hunt/i.test(reason), "a part of a secret", reason);
    // An error without words has its name.
    if (words !== "")
      expectSame(failureReason(words, [SECRET]), reason, "the reason of what is not an error");
  }
}

/** What looks like a credential, whatever stands around it. */
const CREDENTIAL = "Zq7Zq7Zq7Zq7";
const FORMS = [
  `https://ann:${CREDENTIAL}@example.com/`,
  `Authorization: Bearer ${CREDENTIAL}`,
  `bearer ${CREDENTIAL}`,
  `access_token=${CREDENTIAL}`,
  `"apiKey": "${CREDENTIAL}"`,
  `password: ${CREDENTIAL}`,
];

function checkWords(said: string): void {
  const plain = said
    .replace(/[^a-z ]/g, "")
    .replace(/\b(?:bearer|basic)\b/g, "")
    .replace(/ +/g, " ")
    .trim();
  const expected = plain.length > 200 ? `${plain.slice(0, 199)}…` : plain;
  if (plain !== "") expectSame(failureReason(new Error(plain), [SECRET]), expected, "ordinary words");
  // Without what begins another credential, which would end within this one.
  const around = said.replace(/[=:"']/g, " ").slice(0, 80);
  for (const form of FORMS) {
    const reason = failureReason(new Error(`${around} ${form} ${around}`), []);
    expectThat(!reason.includes("Zq7"), "a credential", reason);
  }
}

export function parse(data: Buffer): void {
  failureReason(data.toString("utf8"), [SECRET]);
}
