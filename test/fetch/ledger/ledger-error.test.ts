// The errors of a ledger: what they say about the next run, and what becomes of an error of the system.
import { describe, expect, test } from "vitest";
import { Pop3Error } from "../../../src/errors.ts";
import { explained, explanation } from "../../../src/fetch/ledger/explained.ts";
import { LedgerError, type LedgerErrorOptions } from "../../../src/fetch/ledger/ledger-error.ts";
import { systemError } from "../../support/file-handles.ts";

describe("an error of a ledger", () => {
  test.each<[LedgerErrorOptions | undefined, code: string, temporary: boolean]>([
    [undefined, "POP3_LEDGER", false],
    [{}, "POP3_LEDGER", false],
    [{ temporary: true }, "POP3_LEDGER", true],
    [{ temporary: false }, "POP3_LEDGER", false],
    [{ leaseLost: false }, "POP3_LEDGER", false],
    [{ leaseLost: true }, "POP3_LEASE_LOST", true],
    [{ leaseLost: true, temporary: false }, "POP3_LEASE_LOST", false],
  ])("with %j has the code %s", (options, code, temporary) => {
    const error = new LedgerError("away", options);
    expect(error).toMatchObject({ name: "LedgerError", message: "away", code, temporary });
    expect([error instanceof Pop3Error, LedgerError.is(error), Pop3Error.is(error)]).toEqual([
      true,
      true,
      true,
    ]);
  });

  test("is recognised, and no other error is", () => {
    for (const other of [new Error("away"), new Pop3Error("POP3_LEDGER", "away"), undefined, "LedgerError"])
      expect(LedgerError.is(other)).toBe(false);
  });

  test("has a cause that is safe to print", () => {
    const cause = new Error("no\u0007 such table");
    expect(new LedgerError("away", { cause }).cause).toMatchObject({ message: "no\\x07 such table" });
    const safe = new Error("no such table");
    expect(new LedgerError("away", { cause: safe }).cause).toBe(safe);
  });

  test.each<[unknown, string]>([
    [7, "options must be an object (got 7)"],
    [{ temporal: true }, "unknown option options.temporal: did you mean options.temporary?"],
    [{ cause: 1, lost: true }, "unknown option options.lost: the options are cause, temporary, leaseLost"],
    [{ temporary: "yes" }, 'temporary must be true or false (got "yes")'],
    [{ leaseLost: 1 }, "leaseLost must be true or false (got 1)"],
  ])("with %j is refused", (options, message) => {
    expect(() => new LedgerError("away", options as LedgerErrorOptions)).toThrow(
      expect.objectContaining({ code: "POP3_INVALID_ARGUMENT", message }) as Error,
    );
  });
});

describe("an error of the system", () => {
  test.each([
    ["ENOSPC", true],
    ["EIO", true],
    ["ELOOP", false],
  ])("%s is explained; it is temporary: %s", (code, temporary) => {
    const cause = systemError(code);
    const error = explanation("cannot open it", cause);
    expect(LedgerError.is(error)).toBe(true);
    expect(error).toMatchObject({ message: `cannot open it: ${cause.message}`, temporary, cause });
  });

  test("is explained safely, also if it is not an Error", () => {
    expect(explanation("cannot open it", "broken\u0007").message).toBe("cannot open it: broken\\x07");
    expect(explanation("cannot open it", new Error("broken\u0007")).message).toBe(
      "cannot open it: broken\\x07",
    );
  });

  test("is what a call rejects with; an error of this library is passed on", async () => {
    expect(await explained("cannot open it", () => Promise.resolve(7))).toBe(7);
    const ours = new Pop3Error("POP3_MAILBOX_BUSY", "another run");
    await expect(explained("cannot open it", () => Promise.reject(ours))).rejects.toBe(ours);
    await expect(explained("cannot open it", () => Promise.reject(new Error("no")))).rejects.toMatchObject({
      ...{ code: "POP3_LEDGER", message: "cannot open it: no" },
    });
  });
});
