// What a failed run concerns: this mailbox only, the whole host, the destination, the ledger, or the caller.
import { describe, expect, test } from "vitest";
import { Pop3ConnectionError, Pop3Error, type Pop3ClientOptions, type Pop3ErrorCode } from "popwright";
import type { Fault } from "popwright/testing";
import {
  DestinationError,
  FetchError,
  type FetchOptions,
  type FetchReport,
  type FetchScope,
} from "../../src/fetch/index.ts";
import { SCOPES, scopeOf } from "../../src/fetch/scope.ts";
import { mails, serverWith } from "../support/mail.ts";
import { Fetcher } from "./fetcher.ts";

const each = "every" as const;

describe("a server that fails", () => {
  test.each<[string, Fault, string, FetchScope]>([
    ["closes in place of the greeting", { on: "greeting", nth: each, close: 0 }, "POP3_CLOSED", "host"],
    ["resets in place of the greeting", { on: "greeting", nth: each, reset: 0 }, "POP3_RESET", "host"],
    ["cuts the greeting", { on: "greeting", nth: each, close: 5 }, "POP3_CLOSED", "host"],
    ["refuses", { on: "greeting", nth: each, reply: "-ERR later\r\n" }, "POP3_GREETING_REJECTED", "host"],
    ["is no POP3 server", { on: "greeting", nth: each, reply: "220 smtp\r\n" }, "POP3_BAD_GREETING", "host"],
    ["breaks CAPA", { on: "CAPA", nth: each, reply: "what?\r\n" }, "POP3_PROTOCOL", "host"],
    [
      "refuses the password",
      { on: "AUTH", nth: each, reply: "-ERR no\r\n" },
      "POP3_AUTH_REJECTED",
      "mailbox",
    ],
    ["is in use", { on: "AUTH", nth: each, reply: "-ERR [IN-USE] no\r\n" }, "POP3_TEMPORARY", "mailbox"],
    ["closes at the login", { on: "AUTH", nth: each, close: 0 }, "POP3_AUTH_CLOSED", "mailbox"],
    ["resets at the login", { on: "AUTH", nth: each, reset: 0 }, "POP3_RESET", "mailbox"],
    ["refuses UIDL", { on: "UIDL", nth: each, reply: "-ERR no\r\n" }, "POP3_NO_UIDL", "mailbox"],
    ["closes at UIDL", { on: "UIDL", nth: each, close: 0 }, "POP3_CLOSED", "mailbox"],
    ["resets within a message", { on: "RETR", nth: each, reset: 30 }, "POP3_RESET", "mailbox"],
    ["breaks the protocol", { on: "RETR", nth: each, reply: "what?\r\n" }, "POP3_PROTOCOL", "mailbox"],
  ])("%s", async (_name, fault, code, scope) => {
    await using server = await serverWith(mails(1), { faults: [fault] });
    const account = { capa: true, pipelining: false } as const;
    expect(await new Fetcher(server, { account }).failure()).toMatchObject({ code, scope });
  });

  test.each<[string, Partial<Pop3ClientOptions>, string, FetchScope]>([
    ["is not reached", { host: "127.0.0.1", port: 1 }, "POP3_CONNECT", "host"],
    ["speaks no TLS", { secure: true, stls: "never" }, "POP3_TLS_HANDSHAKE", "host"],
    ["has a certificate that is not trusted", { stls: "required" }, "POP3_TLS_CERT", "host"],
    ["is reached from a wrong address", { localAddress: "192.0.2.1" }, "POP3_CONNECT", "caller"],
    [
      "has a user without a password",
      { auth: { user: "ann", pass: () => Promise.reject(new Error("no vault")) } },
      "POP3_CALLER",
      "caller",
    ],
  ])("%s", async (_name, account, code, scope) => {
    await using server = await serverWith(mails(1));
    expect(await new Fetcher(server, { account }).failure()).toMatchObject({ code, scope });
  });
});

test.each<[string, Partial<FetchOptions>, string, FetchScope]>([
  [
    "a destination that is down",
    {
      destination: () => {
        throw new DestinationError("full", { down: true });
      },
    },
    "POP3_DESTINATION",
    "destination",
  ],
  [
    "a destination whose own POP3 server is down",
    {
      destination: {
        begin: () =>
          Promise.reject(
            Object.assign(new Pop3ConnectionError("POP3_CONNECT", "the archive is down"), {
              code: "ECONNREFUSED",
            }),
          ),
      },
    },
    "ECONNREFUSED",
    "destination",
  ],
  [
    "a listener that throws",
    {
      onEvent: () => {
        throw new Error("no");
      },
    },
    "POP3_CALLER",
    "caller",
  ],
  ["an abort", { signal: AbortSignal.abort() }, "POP3_ABORTED", "caller"],
])("%s", async (_name, options, code, scope) => {
  await using server = await serverWith(mails(1));
  expect(await new Fetcher(server).failure(options)).toMatchObject({ code, scope });
});

test("a mailbox that another run holds concerns only this mailbox", async () => {
  await using server = await serverWith(mails(1));
  const fetcher = new Fetcher(server);
  const held = await fetcher.ledger.open(fetcher.mailbox);
  expect(await fetcher.failure()).toMatchObject({ code: "POP3_MAILBOX_BUSY", scope: "mailbox" });
  await held.close();
});

test("an error without a code of ours has the scope of the code of the run", () => {
  const report = { mailbox: "ann@host:995", nextPollAt: 0 } as FetchReport;
  const of = (code: Pop3ErrorCode): FetchScope =>
    new FetchError({ code, cause: new Error("no"), temporary: true, report }).scope;
  expect([of("POP3_CALLER"), of("POP3_DESTINATION"), of("POP3_LEDGER")]).toEqual([
    "caller",
    "destination",
    "ledger",
  ]);
});

test("each code by stage is of the host before the login, and of the mailbox after it", () => {
  for (const [code, row] of Object.entries(SCOPES)) {
    const at = (command?: string): FetchScope =>
      scopeOf(new Pop3Error(code as Pop3ErrorCode, "", { command }), "POP3_CALLER");
    const scopes = ["the greeting", "CAPA", "STLS", "UTF8", "USER ann", "RETR 1", undefined].map(at);
    const expected: string[] =
      row === "by stage"
        ? [...Array.from({ length: 4 }, () => "host"), ...Array.from({ length: 3 }, () => "mailbox")]
        : Array.from({ length: 7 }, () => row);
    expect(scopes, code).toEqual(expected);
  }
});
