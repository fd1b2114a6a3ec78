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
  expectSame(
    durationIn("s", said),
    duration === undefined ? undefined : duration / 1000,
    "a time in seconds",
  );
  const [, whole, part = "", name = ""] = /^(\d{1,9})(?:\.(\d{1,3}))? ?([a-z]+)$/.exec(said) ?? [];
  const unit = UNITS[name];
  // Of milliseconds, a fraction is rounded.
  if (whole !== undefined && !(unit === 1 && part !== ""))
    expectSame(
      duration,
      unit && Number(whole) * unit + (Number(part.padEnd(3, "0")) * unit) / 1000,
      "a time with a unit",
    );

  checkPause(said, data.length);
  try {
    expectSame(wordsOfCommand(said), wordsByTheLetter(said), "the words of a command");
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
  const others = [{ id: "b" }, { timestamp: 2 }, { body: Buffer.concat([data, data, Buffer.of(1)]) }];
  for (const field of [said, signed])
    for (const other of others)
      expectThat(!isSigned(field, [KEY], { ...parts, ...other }), "a signature of another request", field);
}

/** The units of docs/options.md, in milliseconds. */
const UNITS: Readonly<Record<string, number>> = {
  ...{ ms: 1, millisecond: 1, milliseconds: 1, s: 1e3, sec: 1e3, second: 1e3, seconds: 1e3 },
  ...{ min: 6e4, minute: 6e4, minutes: 6e4, h: 36e5, hour: 36e5, hours: 36e5 },
  ...{ d: 864e5, day: 864e5, days: 864e5, w: 6048e5, week: 6048e5, weeks: 6048e5 },
};

function checkPause(said: string, number: number): void {
  const pause = retryAfter(said);
  expectThat(pause === undefined || (pause >= 0 && pause <= LONGEST_PAUSE), "a pause", pause);
  for (const seconds of /^\d+$/.test(said) ? [said, String(number)] : [String(number)])
    expectSame(retryAfter(seconds), Math.min(Number(seconds) * 1000, LONGEST_PAUSE), "a pause in seconds");
  for (const [date, expected] of [
    [new Date((number * 365 + 40_000) * 86_400_000), LONGEST_PAUSE],
    [new Date(number * 86_400_000), 0],
  ] as const)
    expectSame(retryAfter(date.toUTCString()), expected, "a pause until a date");
}

/** `undefined`: a quote is not closed. */
function wordsByTheLetter(said: string): string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  let isQuoted = false;
  for (const character of said) {
    if (character === '"') {
      isQuoted = !isQuoted;
      word ??= "";
    } else if (isQuoted || /\S/.test(character)) word = (word ?? "") + character;
    else {
      if (word !== undefined) words.push(word);
      word = undefined;
    }
  }
  if (word !== undefined) words.push(word);
  return isQuoted ? undefined : words;
}

export function parse(data: Buffer): void {
  parseDuration(text(data));
  durationHint("s", text(data));
  retryAfter(text(data));
  isSigned(text(data), [KEY], { id: "a", timestamp: 1, body: data.subarray(0, 1) });
}
