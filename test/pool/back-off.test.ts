// Which errors are temporary, and how long to wait before the next attempt.
import { describe, expect, test } from "vitest";
import { Pop3ConnectionError, Pop3Error, Pop3ProtocolError, Pop3ReplyError } from "../../src/errors.ts";
import { backOff, isTemporary, retryAfter, temporaryCause, type TemporaryCause } from "../../src/retry.ts";

/** A refusal that is temporary, unless said otherwise. */
function refusal(responseCode: string | undefined, text: string, temporary = true): Pop3ReplyError {
  return new Pop3ReplyError("POP3_TEMPORARY", text, { responseCode, text, temporary });
}

describe("the cause of a temporary error", () => {
  test.each<[string | undefined, string, TemporaryCause]>([
    ["IN-USE", "", "IN-USE"],
    ["LOGIN-DELAY", "", "LOGIN-DELAY"],
    ["SYS/TEMP", "maildrop locked", "SYS/TEMP"],
    ["SYS/TEMP/DISK", "", "SYS/TEMP"],
    [undefined, "Unable to lock maildrop", "IN-USE"],
    [undefined, "mailbox is locked", "IN-USE"],
    [undefined, "Mailbox in use", "IN-USE"],
    [undefined, "You have exceeded the login limit for a 15 minute period", "LOGIN-DELAY"],
    [undefined, "login allowed only every 10 minutes", "LOGIN-DELAY"],
    [undefined, "try again later", "SYS/TEMP"],
    [undefined, "blocked by clockwork", "SYS/TEMP"],
    ["X-BUSY", "too many connections", "SYS/TEMP"],
  ])("is read from [%s] %s: %s", (code, text, cause) => {
    expect(temporaryCause(refusal(code, text))).toBe(cause);
    expect(isTemporary(refusal(code, text))).toBe(true);
  });

  test.each(["IN-USE", "AUTH", "SYS/PERM", undefined])(
    "is not read from [%s] if the refusal is permanent",
    (code) => {
      expect(isTemporary(refusal(code, "locked", false))).toBe(false);
    },
  );

  test("is read from a greeting that refuses for now", () => {
    const reply = { responseCode: "SYS/TEMP", text: "", temporary: true };
    expect(isTemporary(new Pop3ReplyError("POP3_GREETING_REJECTED", "", reply))).toBe(true);
  });

  test.each([
    ...(["POP3_CONNECT", "POP3_CLOSED", "POP3_RESET", "POP3_TRUNCATED"] as const),
    ...(["POP3_CONNECT_TIMEOUT", "POP3_TLS_TIMEOUT", "POP3_GREETING_TIMEOUT"] as const),
    ...(["POP3_COMMAND_TIMEOUT", "POP3_IDLE_TIMEOUT", "POP3_TOTAL_TIMEOUT"] as const),
  ])("is the network for %s", (code) => {
    expect(temporaryCause(new Pop3ConnectionError(code, ""))).toBe("network");
  });

  test.each(["POP3_MAILBOX_BUSY", "POP3_POOL_FULL", "POP3_ABORTED"] as const)(
    "is a busy client or pool for %s",
    (code) => {
      expect(temporaryCause(new Pop3Error(code, ""))).toBe("busy");
    },
  );

  test("is found in an error whose cause is a refusal, and in one that wraps a temporary error", () => {
    const cause = refusal("IN-USE", "");
    expect(temporaryCause(new Pop3ProtocolError("POP3_PROTOCOL", "", { cause }).forCommand("STAT"))).toBe(
      "IN-USE",
    );
    expect(temporaryCause(new Pop3ProtocolError("POP3_BAD_GREETING", "", { cause }))).toBe("IN-USE");
    expect(temporaryCause(new Pop3ProtocolError("POP3_UNSOLICITED", "", { cause }))).toBeUndefined();
    expect(
      temporaryCause(Object.assign(new Pop3Error("POP3_REFUSED", "", { cause }), { temporary: true })),
    ).toBe("IN-USE");
    expect(temporaryCause(Object.assign(new Pop3Error("POP3_REFUSED", ""), { temporary: true }))).toBe(
      "SYS/TEMP",
    );
  });

  test("is the network for a reset within the handshake, and not for other failures of it", () => {
    const reset = Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
    const failed = (cause: unknown): Pop3Error =>
      new Pop3ConnectionError("POP3_TLS_HANDSHAKE", "", { cause });
    expect(temporaryCause(failed(reset))).toBe("network");
    expect(isTemporary(failed(new Error("wrong version number")))).toBe(false);
    expect(isTemporary(failed(undefined))).toBe(false);
  });

  test.each([
    new Pop3ConnectionError("POP3_AUTH_CLOSED", ""),
    new Pop3ConnectionError("POP3_TLS_CERT", ""),
    new Pop3ConnectionError("POP3_COMMIT_UNKNOWN", ""),
    new Pop3ConnectionError("POP3_ABANDONED", ""),
    new Pop3Error("POP3_TLS_REQUIRED", ""),
    new Pop3Error("POP3_CONFIG", ""),
    new Pop3Error("POP3_POOL_CLOSED", ""),
    new Pop3ProtocolError("POP3_PROTOCOL", ""),
    new Pop3ReplyError("POP3_AUTH_REJECTED", "", { text: "", temporary: false }),
    new Error("POP3_CLOSED"),
    "POP3_CLOSED",
    undefined,
  ])("does not exist for %s (case %#)", (error) => {
    expect(temporaryCause(error)).toBeUndefined();
    expect(isTemporary(error)).toBe(false);
  });
});

describe("the time to wait", () => {
  const longest = (cause: TemporaryCause): number[] =>
    [1, 2, 3, 4, 5, 6, 7, 8, 2000].map((attempt) => backOff(cause, attempt, () => 1));

  test("doubles, up to a limit", () => {
    expect(longest("network")).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
    expect(longest("SYS/TEMP")).toEqual([2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000, 60_000]);
    expect(longest("IN-USE").slice(0, 6)).toEqual([15_000, 30_000, 60_000, 120_000, 240_000, 300_000]);
  });

  test("is random, from 0 on", () => {
    expect([0, 0.25, 0.5].map((random) => backOff("SYS/TEMP", 3, () => random))).toEqual([0, 2000, 4000]);
  });

  test("is at least the login delay, and at most a tenth more", () => {
    expect(backOff("LOGIN-DELAY", 5, () => 0, 900)).toBe(900_000);
    expect(backOff("LOGIN-DELAY", 1, () => 0.5, 900)).toBe(945_000);
    expect([1, 2, 9].map((attempt) => backOff("LOGIN-DELAY", attempt, () => 0))).toEqual([
      60_000, 120_000, 900_000,
    ]);
    expect(backOff("LOGIN-DELAY", 1, () => 0, 0)).toBe(60_000);
  });

  test("depends on the error", () => {
    const half = (): number => 0.5;
    expect(retryAfter(new Pop3ConnectionError("POP3_RESET", ""), 1, half)).toBe(250);
    expect(retryAfter(refusal("IN-USE", ""), 2, half)).toBe(15_000);
    expect(retryAfter(refusal("LOGIN-DELAY", ""), 1, () => 0, 30)).toBe(30_000);
    // A caller that still tries does so with moderate delays.
    expect(retryAfter(new Error("what?"), 1, () => 1)).toBe(2000);
    expect(retryAfter(refusal("SYS/TEMP", ""), 1)).toBeLessThan(2000);
  });
});
