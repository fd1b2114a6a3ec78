// Writes one JSON value per line, for programs. An error has the fields that a program can act on, and no
// secret.
import { Pop3Error, type Pop3ReplyError } from "../index.ts";
import type { FetchError } from "../fetch/index.ts";
import { UNSAFE } from "../protocol/printable.ts";
import type { Secrets } from "../protocol/secrets.ts";
import type { Io } from "./io.ts";

/** The keys of our own words, which programs compare. A password may be equal to one. */
const OUR_WORDS: ReadonlySet<string> = new Set(
  "type step name code scope outcome status kind keyName uids pipelining protocol cipher".split(" "),
);

function jsonLine(value: unknown, secrets: Secrets): string {
  const text = JSON.stringify(value, (name, each: unknown) =>
    typeof each === "string" && !OUR_WORDS.has(name) ? secrets.mask(each) : plain(each, secrets),
  );
  return `${text.replace(UNSAFE, escape)}\n`;
}

/** JSON escapes a character beyond the first plane as its two UTF-16 units. */
function escape(character: string): string {
  return character
    .split("")
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
    .join("");
}

/** Writes a value to standard output, with `****` in place of each secret. */
export function writeJson({ stdout, secrets }: Io, value: unknown): Promise<void> {
  // As octets: each value has been masked, and the keys are ours.
  return stdout.write(Buffer.from(jsonLine(value, secrets)));
}

function plain(value: unknown, secrets: Secrets): unknown {
  // The keys of a map are words of the server.
  if (value instanceof Map)
    return Object.fromEntries([...value].map(([key, each]) => [secrets.mask(String(key)), each as unknown]));
  // JSON has no Infinity.
  if (value === Infinity) return null;
  if (!(value instanceof Error)) return value;
  if (!Pop3Error.is(value)) return { name: value.name, message: value.message };
  const { name, code, message, command } = value;
  const { responseCode, text, temporary, scope } = value as Partial<Pop3ReplyError & FetchError>;
  return { name, code, message, command, responseCode, text, temporary, scope };
}
