// The classes of errors: each has its own guard, and a code leads to the fields of its class.
import { expect, expectTypeOf, test } from "vitest";
import {
  Pop3AbortError,
  Pop3Client,
  Pop3ConnectionError,
  Pop3Error,
  Pop3HostBusyError,
  Pop3ProtocolError,
  Pop3ReplyError,
} from "popwright";
import { DestinationError, FetchError, type FetchReport } from "popwright/fetch";
import { Pop3Server } from "popwright/testing";

const classes = {
  Pop3Error,
  Pop3ReplyError,
  Pop3ProtocolError,
  Pop3ConnectionError,
  Pop3AbortError,
  Pop3HostBusyError,
  FetchError,
  DestinationError,
};

const report = { mailbox: "ann@host:995", nextPollAt: 0 } as FetchReport;
const refusal = new Pop3ReplyError(
  "POP3_AUTH_REJECTED",
  "the server refused the login",
  { text: "no such user", responseCode: "AUTH", temporary: false },
  { command: "PASS ****" },
);

const errors: Record<keyof typeof classes, Pop3Error> = {
  Pop3Error: new Pop3Error("POP3_CONFIG", "wrong"),
  Pop3ReplyError: refusal,
  Pop3ProtocolError: new Pop3ProtocolError("POP3_PROTOCOL", "broken"),
  Pop3ConnectionError: new Pop3ConnectionError("POP3_CLOSED", "closed"),
  Pop3AbortError: new Pop3AbortError(new Error("enough")),
  Pop3HostBusyError: new Pop3HostBusyError("full", 0),
  FetchError: new FetchError({ cause: refusal, temporary: false, report }),
  DestinationError: new DestinationError("full"),
};

test("the guard of a class knows its own errors, and that of the base class knows all", () => {
  for (const [name, error] of Object.entries(errors)) {
    const guards = Object.entries(classes).filter(([, { is }]) => is(error));
    expect(guards.map(([guard]) => guard)).toEqual([...new Set(["Pop3Error", name])]);
  }
});

test.each([undefined, null, 5, "POP3_CLOSED", {}, { code: "POP3_CLOSED" }, new Error("no")])(
  "no guard takes %o for an error of ours",
  (value) => {
    for (const { is } of Object.values(classes)) expect(is(value)).toBe(false);
  },
);

test("a guard knows the errors of the other build, and those of a subclass", () => {
  class Other extends Error {}
  Object.defineProperty(Other.prototype, Symbol.for("popwright.Pop3ReplyError"), { value: true });
  expect(Pop3ReplyError.is(new Other())).toBe(true);
  class Own extends DestinationError {}
  expect(DestinationError.is(new Own("full"))).toBe(true);
  expect(Pop3Error.is(new Own("full"))).toBe(true);
});

test("a code narrows to the fields of its class", () => {
  function tell(error: unknown): string {
    if (!Pop3Error.is(error)) return "another error";
    switch (error.code) {
      case "POP3_AUTH_REJECTED":
        expectTypeOf(error.text).toEqualTypeOf<string>();
        expectTypeOf(error.temporary).toEqualTypeOf<boolean>();
        return `${error.text} (${String(error.responseCode)})`;
      case "POP3_CLOSED":
        expectTypeOf(error).toEqualTypeOf<Pop3ConnectionError>();
        return "closed";
      default:
        // Other codes belong to classes without the server's words.
        expectTypeOf(error).not.toHaveProperty("text");
        return "no words";
    }
  }
  expect(tell(refusal)).toBe("no such user (AUTH)");
  // What ends a run has the fields that its code promises.
  expect(tell(errors.FetchError)).toBe("no such user (AUTH)");
  expect(tell(errors.Pop3ConnectionError)).toBe("closed");
  expect(tell(errors.Pop3Error)).toBe("no words");
  expect(tell(new Error("no"))).toBe("another error");
});

test("the code of a busy host leads to its time, also in the error of a run", () => {
  const cause = new Pop3HostBusyError("full", Date.now() + 60_000);
  for (const error of [cause, new FetchError({ cause, temporary: true, report })] as Error[]) {
    if (!Pop3Error.is(error) || error.code !== "POP3_HOST_BUSY") throw new Error("not narrowed");
    expectTypeOf(error).toEqualTypeOf<Pop3HostBusyError>();
    expect(error.comeAt).toBe(cause.comeAt);
  }
});

test("the error of a run has the command of its cause", () => {
  expect(errors.FetchError).toMatchObject({
    code: "POP3_AUTH_REJECTED",
    command: "PASS ****",
    responseCode: "AUTH",
  });
});

test("after an aborted connect() a call without a signal rejects with POP3_CLOSED", async () => {
  await using server = await Pop3Server.listen({ users: {}, greeting: "" });
  const client = new Pop3Client({ host: "127.0.0.1", port: server.port, secure: false, stls: "never" });
  const reason = new Error("enough");
  await expect(client.connect({ signal: AbortSignal.abort(reason) })).rejects.toMatchObject({
    name: "AbortError",
    code: "POP3_ABORTED",
  });
  const error = await client.stat().then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(Pop3ConnectionError.is(error)).toBe(true);
  expect(error).toMatchObject({
    code: "POP3_CLOSED",
    command: "STAT",
    cause: { name: "AbortError", cause: reason },
  });
});
