// The URL and the options of an ImapAppend: what they mean, and what is refused without showing a secret.
import { describe, expect, test } from "vitest";
import {
  completeImapOptions,
  targetOf,
  type ImapAppendOptions,
} from "../../../../src/fetch/destinations/imap/imap-options.ts";

const OPTIONS: ImapAppendOptions = { state: "/state", auth: { password: "hunter2-hunter2" } };
const complete = (url: unknown, more: object = {}) => completeImapOptions(url, { ...OPTIONS, ...more });

describe("the URL", () => {
  test.each([
    [
      "imaps://ann@imap.example.com",
      { host: "imap.example.com", port: 993, user: "ann", folder: ["INBOX"], security: "tls" },
    ],
    ["imap://ann%40example.com@h:1143/", { port: 1143, user: "ann@example.com", security: "starttls" }],
    ["imaps://ann@[::1]:99/Archive/K%C3%A4se", { host: "::1", folder: ["Archive", "Käse"] }],
    ["imaps://ann@h/Ka%CC%88se/a%2Fb%3Fc", { folder: ["Käse", "a/b?c"] }],
    ["imap://ann@127.0.0.1/", { security: "none" }],
    ["imap://ann@localhost/", { security: "none" }],
    ["imap://ann@[::1]/", { security: "none" }],
    [new URL("imaps://ann@h/Sent"), { folder: ["Sent"] }],
  ])("%s", (url, expected) => {
    expect(complete(url)).toMatchObject(expected);
  });

  test("names the folder with user and server", () => {
    expect(targetOf(complete("imaps://ann@[::1]/A/B"))).toBe("ann@[::1]:993/A/B");
  });

  test.each([
    ["", /must look like imaps:/],
    [7, /must look like imaps:.*got 7/],
    ["https://ann@h/", /must begin with imaps/],
    ["imaps://h/INBOX", /must have the user name/],
    ["imaps://ann:hunter2@h/INBOX", /must not contain a password: use imap.auth/],
    ["imaps://ann@h/INBOX?x=hunter2", /must not have \? or #/],
    ["imaps://ann@h/INBOX#hunter2", /must not have \? or #/],
    ["imaps://ann@h/a//b", /must not have an empty name/],
    ["imaps://ann@h/a%0D%0Ab", /must not have control characters/],
    ["imaps://ann%0A@h/a", /must not have control characters/],
    ["imaps://ann@h/a%FF", /percent-encoded UTF-8/],
  ])("%j is refused", (url, message) => {
    expect(() => complete(url)).toThrow(message);
    expect(() => complete(url)).toThrow(expect.objectContaining({ code: "POP3_CONFIG" }));
    expect(() => complete(url)).not.toThrow(/hunter2/);
  });
});

describe("the options", () => {
  test("have defaults", () => {
    expect(complete("imaps://ann@h")).toMatchObject({
      ...{ flags: [], limit: 67_108_864, connections: 1, timeout: 60_000, settleTime: 30_000, tls: {} },
      ...{ secret: "hunter2-hunter2", secretKind: "password" },
    });
    expect(complete("imaps://ann@h", { auth: { accessToken: () => "t" } }).secretKind).toBe("accessToken");
  });

  test("STARTTLS can be required on loopback, and left out elsewhere", () => {
    expect(complete("imap://ann@127.0.0.1", { starttls: "required" }).security).toBe("starttls");
    expect(complete("imap://ann@h", { starttls: "never" }).security).toBe("none");
  });

  test("flags are named as in the standard, and keywords are checked", () => {
    expect(complete("imaps://ann@h", { flags: ["\\seen", "$Junk", "a/b:c"] }).flags).toEqual([
      "\\Seen",
      "$Junk",
      "a/b:c",
    ]);
  });

  test.each([
    [{ state: "" }, /imap.state must be a non-empty string/],
    [{ auth: undefined }, /imap.auth must be an object/],
    [{ auth: {} }, /a password or an accessToken, and not both/],
    [{ auth: { password: "hunter2", accessToken: "hunter2" } }, /and not both/],
    [{ auth: { password: "" } }, /imap.auth.password must be a non-empty string/],
    [{ auth: { accessToken: 7 } }, /imap.auth.accessToken must be a non-empty string/],
    [{ auth: { pass: "hunter2" } }, /unknown option imap.auth.pass/],
    [{ tls: true }, /imap.tls must be an object/],
    [{ starttls: "never" }, /must be left out for imaps:/],
    [{ connections: 0 }, /from 1 to 4/],
    [{ connections: 5 }, /from 1 to 4/],
    [{ connections: 1.5 }, /from 1 to 4/],
    [{ limit: 0 }, /imap.limit/],
    [{ timeout: 0 }, /imap.timeout/],
    [{ settleTime: -1 }, /imap.settleTime/],
    [{ flags: ["\\Recent"] }, /imap.flags\[0\] must be/],
    [{ flags: ["ok", "two words"] }, /imap.flags\[1\] must be a keyword/],
    [{ flags: ["k\xe4se"] }, /must be a keyword/],
    [{ flags: ["x".repeat(51)] }, /at most 50 characters/],
    [{ flags: [""] }, /non-empty string/],
    [{ flags: "Seen" }, /imap.flags must be an array/],
    [{ folder: "x" }, /unknown option/],
  ])("%j is refused", (more, message) => {
    expect(() => complete("imaps://ann@h", more)).toThrow(message);
    expect(() => complete("imaps://ann@h", more)).not.toThrow(/hunter2/);
  });
});
