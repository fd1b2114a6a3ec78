// Why a delivery failed, in words that may be kept and shown anywhere: one printable line, not too long, no secrets.
import { printable } from "../protocol/printable.ts";

/** The most characters of a reason. */
const LONGEST = 200;
/** The most characters of an error that are looked at. */
const LOOKED_AT = 2000;

/** What looks like a credential, with what stays of it. */
const CREDENTIALS: readonly (readonly [RegExp, string])[] = [
  // https://user:password@host, whole or cut off.
  [/([a-z][a-z0-9+.-]*:\/\/)[^\s/?#@"'<>]*@/gi, "$1****@"],
  // Authorization: Bearer eyJ0eXAi...; "basic authentication" is none.
  [/\b(bearer|basic)\s+(?=\S*[\d=]|\S{20})[\w.~+/=-]{8,}/gi, "$1 ****"],
  // ?access_token=..., "apiKey": "...", password: ...
  [
    /(?<![a-z0-9])((?:[\w-]*[_-])?(?:password|passwd|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|signature|sig|authorization|cookie)["']?\s*[=:]\s*["']?)(?!\*{4})[^\s"'&,;]+/gi,
    "$1****",
  ],
];

/** The words of what was thrown, without `secrets` and without what looks like a credential. */
export function failureReason(error: unknown, secrets: readonly string[]): string {
  let words = wordsOf(error).slice(0, LOOKED_AT);
  for (const secret of secrets) if (secret !== "") words = words.replaceAll(secret, "****");
  for (const [pattern, shown] of CREDENTIALS) words = words.replace(pattern, shown);
  // Half a character is none: it could not be written as UTF-8.
  return cut(
    printable(
      words
        .replace(/\s+/g, " ")
        .replace(/\p{Surrogate}/gu, "\ufffd")
        .trim(),
    ),
  );
}

function wordsOf(error: unknown): string {
  try {
    return String(error instanceof Error ? error.message : error);
  } catch {
    return "an error that has no words";
  }
}

/** Between characters, not in the middle of one. */
function cut(line: string): string {
  if (line.length <= LONGEST) return line;
  const at = LONGEST - 1;
  const high = /[\ud800-\udbff]/.test(line[at - 1] as string);
  return `${line.slice(0, high ? at - 1 : at)}…`;
}
