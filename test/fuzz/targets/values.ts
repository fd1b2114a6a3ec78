// Short values that a user or a server writes: times, commands, Retry-After, signatures. Oracles: regular expressions, and that
// only typed errors are thrown.
import { isSigned, keysOf, signatures } from "../../../src/fetch/destinations/webhook-signature.ts";
import { durationHint, durationIn, parseDuration } from "../../../src/options/duration.ts";
import { wordsOfCommand } from "../../../src/cli/fetch/command-words.ts";
import { UsageError } from "../../../src/cli/usage-error.ts";
import { LONGEST_PAUSE, retryAfter } from "../../../src/net/retry-after.ts";
import { expectSame, expectThat, isOneLine, outcomeOf, text } from "../oracle.ts";

export const FILES: readonly string[] = [
  "options/duration",
  "cli/fetch/command-words",
  "net/retry-after",
  "fetch/destinations/webhook-signature",
];
export const TOKENS: readonly string[] = [
  "30 s",
  "1.5 h",
  "14 days",
  "ms",
  "min",
  " ",
  '"',
  "\\",
  "whsec_",
  "v1,",
  "Wed, 21 Oct 2099 07:28:00 GMT",
  "e",
  "=",
  "+",
];

const KEY = Buffer.alloc(32, 7);

export function fuzz(data: Buffer): void {
  const said = data.toString("utf8");
  const duration = parseDuration(said);
  expectThat(duration === undefined || (duration >= 0 && Number.isFinite(duration)), "a time", duration);
  expectThat(isOneLine(durationHint("s", said)), "a hint that cannot be printed", durationHint("s", said));
  for (const unit of ["ms", "s", "d"] as const)
    expectSame(durationIn(unit, said) === undefined, duration === undefined, "a time in another unit");
  const [, number, name] = /^(\d{1,9}) ?(ms|s|min|h|d|w)$/.exec(said) ?? [];
  const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1e3, min: 6e4, h: 36e5, d: 864e5, w: 6048e5 };
  if (number !== undefined)
    expectSame(duration, Number(number) * (UNITS[name ?? ""] ?? NaN), "a time with a unit");

  const pause = retryAfter(said);
  expectThat(pause === undefined || (pause >= 0 && pause <= LONGEST_PAUSE), "a pause", pause);

  try {
    const words = wordsOfCommand(said);
    expectSame(words.join("").replace(/\s/g, ""), said.replace(/["\s]/g, ""), "the words of a command");
  } catch (error) {
    expectThat(
      error instanceof UsageError && (said.split('"').length - 1) % 2 === 1,
      "a command that is refused",
      error,
    );
  }
  outcomeOf(["POP3_CONFIG"], () => keysOf(said));
  const parts = { id: "a", timestamp: 1, body: data };
  const signed = signatures([KEY], parts);
  expectThat(
    isSigned(`${said.replaceAll(" ", "")} ${signed}`, [KEY], parts),
    "a signature that is refused",
    signed,
  );
  expectThat(!isSigned(said, [KEY], { ...parts, id: "b" }), "a signature of another request", said);
}

export function parse(data: Buffer): void {
  parseDuration(text(data));
  durationHint("s", text(data));
  retryAfter(text(data));
  isSigned(text(data), [KEY], { id: "a", timestamp: 1, body: data.subarray(0, 1) });
}
