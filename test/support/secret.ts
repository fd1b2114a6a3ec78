// A secret in each of its encodings, and everything visible of a value.
import { createHash } from "node:crypto";
import { inspect } from "node:util";
import { expect } from "vitest";
import { apopDigest } from "../../src/auth/apop.ts";

export const SECRET = "hunter2-\u00fc/\u65e5-correct horse";
export const TIMESTAMP = "<1.2@mail.test>";

export const base64 = (text: string): string => Buffer.from(text, "utf8").toString("base64");

/** The secret in each form in which it goes over the wire, or could get into a text. */
export const FORMS: readonly string[] = [
  SECRET,
  "hunter2",
  encodeURIComponent(SECRET),
  JSON.stringify(SECRET).slice(1, -1),
  Buffer.from(SECRET, "utf8").toString("latin1"),
  Buffer.from(SECRET, "utf8").toString("hex"),
  base64(SECRET),
  base64(`\0ann\0${SECRET}`),
  base64(`bob\0ann\0${SECRET}`),
  // In base64 of anything around it, its own middle looks the same in each of three shifts.
  ...[0, 1, 2].map((shift) => base64(`${"x".repeat(shift)}${SECRET}`).slice(4, -4)),
  apopDigest(TIMESTAMP, SECRET),
  createHash("md5").update(SECRET).digest("hex"),
];

/** Everything that can be seen of a value. */
export function visible(value: unknown): string {
  const parts = [
    inspect(value, {
      depth: 10,
      showHidden: true,
      getters: true,
      maxStringLength: Infinity,
      breakLength: Infinity,
    }),
  ];
  parts.push(written(value));
  for (let error: unknown = value; error instanceof Error; error = error.cause) {
    parts.push(error.message, error.stack ?? "", written(error), written(Object.entries(error)));
    parts.push(
      JSON.stringify(Object.getOwnPropertyNames(error).map((name) => asText((error as never)[name]))),
    );
  }
  return parts.join("\n");
}

/** As it is in a string; what has no text of its own, as an object without a prototype, as it is inspected. */
function asText(value: unknown): string {
  return typeof value === "object" && value !== null && !("toString" in value)
    ? inspect(value)
    : String(value);
}

/** As JSON if possible: circular values, such as a self-signed certificate, are left out. */
function written(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch {
    return "";
  }
}

/** Names the forms that are there, not the place: it may be a page long. */
export function expectNoSecret(text: string, what = "what can be seen"): void {
  expect(
    FORMS.filter((form) => text.includes(form)),
    what,
  ).toEqual([]);
}
