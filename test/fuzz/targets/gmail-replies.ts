// The errors of Gmail's API. The first octet chooses the status. Oracles: what each status, reason and text means, in a table of
// its own; a pause is a time; what is printed is one line, and shows no token that the server repeats.
import {
  failureIn,
  isAboutLabels,
  isBusy,
  isLimited,
  lacksScope,
  pauseIn,
} from "../../../src/fetch/destinations/gmail/failure.ts";
import { LONGEST_PAUSE } from "../../../src/net/retry-after.ts";
import { Secrets } from "../../../src/protocol/secrets.ts";
import { expectSame, expectThat, fromFirst, isOneLine } from "../oracle.ts";

export const FILES: readonly string[] = ["fetch/destinations/gmail/failure", "net/retry-after"];
export const TOKENS: readonly string[] = [
  '{"error":{"code":403,"message":"m","status":"PERMISSION_DENIED","errors":[{"reason":"rateLimitExceeded"}]}}',
  '{"error":{"message":"Retry after 2099-11-30T04:05:06.789Z","details":[{"reason":"X"}]}}',
  ...[
    '{"error":"invalid_token","error_description":"d"}',
    '"status":"FAILED_PRECONDITION"',
    "quota exceeded",
  ],
  ...[
    "Invalid label",
    "hunter2-token",
    "insufficientPermissions",
    "[null]",
    "null",
    "\\n",
    '"',
    "{",
    "}",
    "scope",
  ],
];

const STATUSES = [400, 401, 403, 404, 408, 413, 422, 429, 500, 503];

function objectIn(said: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(said);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** The reasons of a limit, and others. */
const REASONS: readonly (readonly [reason: string, isLimit: boolean])[] = [
  ...(["rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded"] as const).map(
    (each) => [each, true] as const,
  ),
  ...(["dailyLimitExceeded", "concurrentLimitExceeded", "RESOURCE_EXHAUSTED"] as const).map(
    (each) => [each, true] as const,
  ),
  ...(["forbidden", "insufficientPermissions", "failedPrecondition", "FAILED_PRECONDITION"] as const).map(
    (each) => [each, false] as const,
  ),
];

export function fuzz(data: Buffer): void {
  checkMeaning(data);
  const [index, body] = fromFirst(data, STATUSES.length);
  const status = STATUSES[index] as number;
  const said = body.toString("utf8");
  for (const json of [objectIn(said), { error: { message: said, status: said, errors: [{ reason: said }] } }])
    check(status, json, said);
}

/** A reply whose parts the input chooses: each of them decides in the same way. */
function checkMeaning(data: Buffer): void {
  const [reason, isLimit] = REASONS[(data[1] ?? 0) % REASONS.length] as (typeof REASONS)[number];
  const message = data.subarray(2).toString("utf8");
  const seconds = data.length;
  const isDated = (data[0] ?? 0) > 127;
  const said = isDated ? `${message} Retry after 2999-11-30T04:05:06.789Z` : message;
  const headers = new Headers({ "retry-after": String(seconds) });
  const forms = [{ errors: [null, { reason }] }, { details: [{ reason }] }, { status: reason }];
  for (const [at, form] of forms.entries()) {
    const status = STATUSES[((data[0] ?? 0) + at) % STATUSES.length] as number;
    const reply = { status, headers, json: { error: { ...form, message: said } } };
    const isLimited403 = isLimit || /\bquota exceeded\b|\brate limit\b/i.test(said);
    const limited = status === 429 || (status === 403 && isLimited403);
    expectSame(isLimited(reply), limited, "a limit");
    expectSame(isBusy(reply), limited || [408, 500, 503].includes(status), "what may pass in a moment");
    const isScope = reason === "insufficientPermissions" || /\bscopes?\b/i.test(said);
    expectSame(lacksScope(reply), status === 403 && isScope, "a missing scope");
    const labels = status === 400 && /\blabel/i.test(said);
    expectSame(isAboutLabels(reply), labels, "a refusal of labels");
    if (isDated || !/retry after/i.test(said))
      expectSame(
        pauseIn(reply),
        isDated ? LONGEST_PAUSE : Math.min(seconds * 1000, LONGEST_PAUSE),
        "a pause",
      );
    const { down, later } = failureIn(reply, "message", new Secrets());
    const isRefused = [400, 413, 422].includes(status) && !/precondition/i.test(reason);
    const mayBeMessage = status === 500 || status === 408;
    expectSame(
      { down, later },
      { down: !isRefused && !mayBeMessage, later: !isRefused || labels },
      `what HTTP ${String(status)} ${reason} means for a message`,
    );
  }
}

function check(status: number, json: Readonly<Record<string, unknown>>, said: string): void {
  const headers = new Headers({ "retry-after": said.replace(/[^ -~]/g, "") });
  const reply = { status, headers, json };
  const pause = pauseIn(reply);
  expectThat(pause >= 0 && pause <= LONGEST_PAUSE, "a pause", pause);
  expectThat(!isLimited(reply) || (isBusy(reply) && [403, 429].includes(status)), "a limit", status);
  expectThat(!lacksScope(reply) || status === 403, "a missing scope", status);
  expectThat(!isAboutLabels(reply) || status === 400, "a refusal of labels", status);
  const secrets = new Secrets("hunter2-token");
  for (const subject of ["account", "message"] as const) {
    const { message, down, later } = failureIn(reply, subject, secrets);
    expectThat(isOneLine(message), "an error that cannot be printed", message);
    expectThat(!message.includes("hunter2-token"), "a token in an error", message);
    const isAboutMessage = subject === "message" && [400, 408, 413, 422, 500].includes(status);
    expectThat(down || isAboutMessage, "a message that is blamed", status);
    expectThat(later || !down, "an end of the run that blames a message", status);
  }
  expectSame(failureIn(reply, "account", secrets).down, true, "a failure of the account");
}

export function parse(data: Buffer): void {
  check(403, { error: { message: data.toString("utf8") } }, "");
}
