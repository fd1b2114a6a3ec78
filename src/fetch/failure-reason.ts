// Describes why a delivery failed, in text that is safe to store and show: one short printable line without
// secrets.
import { messageOf } from "../protocol/foreign-error.ts";
import { printable } from "../protocol/printable.ts";
import { Secrets } from "../protocol/secrets.ts";

/** The maximum length of a reason, in UTF-16 code units. */
const LONGEST = 200;
/** How much of an error message is read, at most, in UTF-16 code units. */
const LOOKED_AT = 2000;
/** The most characters that a character of a secret takes in a form that is masked: `%E2%82%AC`. */
const WIDEST = 9;

/** Patterns of credentials, each with its replacement. */
const CREDENTIALS: readonly (readonly [RegExp, string])[] = [
  // https://user:password@host, complete or cut off.
  [/([a-z][a-z0-9+.-]*:\/\/)[^\s/?#@"'<>]*@/gi, "$1****@"],
  // Authorization: Bearer eyJ0eXAi..., but not "basic authentication".
  [/\b(bearer|basic)\s+(?=\S*[\d=]|\S{20})[\w.~+/=-]{8,}/gi, "$1 ****"],
  // ?access_token=..., "apiKey": "...", password: ...
  [
    /(?<![a-z0-9])((?:[\w-]*[_-])?(?:password|passwd|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|signature|sig|authorization|cookie)["']?\s*[=:]\s*["']?)(?!\*{4})[^\s"'&,;]+/gi,
    "$1****",
  ],
];

/** Returns the message of an error, without `secrets` and without text that looks like a credential. */
export function failureReason(error: unknown, secrets: readonly string[]): string {
  const said = messageOf(error);
  let words = new Secrets(...secrets).mask(said.slice(0, LOOKED_AT));
  // The end may have the beginning of a secret, which is not recognised.
  const longest = Math.max(0, ...secrets.map(({ length }) => length));
  if (said.length > LOOKED_AT) words = words.slice(0, Math.max(0, words.length - WIDEST * longest));
  for (const [pattern, shown] of CREDENTIALS) words = words.replace(pattern, shown);
  // Replace lone surrogates, which UTF-8 cannot express.
  return cut(
    printable(
      words
        .replace(/\s+/g, " ")
        .replace(/\p{Surrogate}/gu, "\ufffd")
        .trim(),
    ),
  );
}

/** Shortens a line to {@link LONGEST}, but never inside a surrogate pair. */
function cut(line: string): string {
  if (line.length <= LONGEST) return line;
  const at = LONGEST - 1;
  const high = /[\ud800-\udbff]/.test(line[at - 1] as string);
  return `${line.slice(0, high ? at - 1 : at)}…`;
}
