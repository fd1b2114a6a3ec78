// Which errors of the system are the fault of a disk or a service, and which may be the fault of one message.
import { constants } from "node:os";
import { expect, test } from "vitest";
import { fileAdvice } from "../../src/advice/files.ts";
import { isOutage } from "../../src/fetch/files/outage.ts";
import { systemError } from "../support/file-handles.ts";

test.each([
  "ENOSPC",
  "EDQUOT",
  "EIO",
  "EMFILE",
  "ESTALE",
  "ENOTCONN",
  "ENODEV",
  "EMLINK",
  "EINTR",
  "EAGAIN",
  "ENOMEM",
])("%s: no message is to blame", (code) => {
  expect(isOutage(systemError(code))).toBe(true);
});

test.each([constants.errno.EDQUOT, constants.errno.ESTALE])(
  "error %d, for which Node has no name: no message is to blame",
  (number) => {
    const words = `Unknown system error -${String(number)}`;
    const error = Object.assign(new Error(words), { code: words, errno: -number, syscall: "write" });
    expect(isOutage(error)).toBe(true);
  },
);

test("a full quota is explained", () => {
  const words = `Unknown system error -${String(constants.errno.EDQUOT)}`;
  const error = Object.assign(new Error(words), {
    code: words,
    errno: -constants.errno.EDQUOT,
    syscall: "write",
  });
  expect(fileAdvice(error)).toBe("The quota of this user on the disk is used up. Free some space.");
});

test.each([systemError("EFBIG"), systemError("ENAMETOOLONG"), new Error("no"), "ENOSPC", null, undefined])(
  "%s: the message may be to blame",
  (error) => {
    expect(isOutage(error)).toBe(false);
  },
);
