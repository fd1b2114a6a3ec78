// Which errors of the system are the fault of a disk or a service, and which may be the fault of one message.
import { expect, test } from "vitest";
import { isOutage } from "../../src/fetch/files/outage.ts";
import { systemError } from "../support/file-handles.ts";

test.each(["ENOSPC", "EDQUOT", "EIO", "EMFILE", "ESTALE", "ENOTCONN", "ENODEV", "EINTR", "EAGAIN", "ENOMEM"])(
  "%s: no message is to blame",
  (code) => {
    expect(isOutage(systemError(code))).toBe(true);
  },
);

test.each([systemError("EFBIG"), systemError("ENAMETOOLONG"), new Error("no"), "ENOSPC", null, undefined])(
  "%s: the message may be to blame",
  (error) => {
    expect(isOutage(error)).toBe(false);
  },
);
