// XOAUTH2 and OAUTHBEARER (RFC 7628), EXTERNAL and ANONYMOUS (RFC 4505): logins without a password.
import { describe, expect, it, vi } from "vitest";
import { linesOf, play, sessionOf, type Setting } from "./dialogue.ts";

const A = "\u0001";
const TOKEN = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==";
const REFUSED = "S: -ERR [AUTH] the access token is not accepted";

function expectDialogue(written: string, setting: Setting): void {
  expect(play(sessionOf(setting), written)).toEqual(linesOf(written));
}

describe("XOAUTH2", () => {
  const users = { "ann@example.com": { accessToken: TOKEN }, bob: { pass: "b" } };
  const setting: Setting = { users, sasl: ["XOAUTH2"] };
  const ERROR = '{"status":"400","schemes":"Bearer","scope":"https://mail.popwright.test/"}';

  it("accepts the token, with and without an initial response", () => {
    const message = `‹user=ann@example.com${A}auth=Bearer ${TOKEN}${A}${A}›`;
    expectDialogue(`C: AUTH XOAUTH2\nS: + \nC: ${message}\nS: +OK logged in`, setting);
    expectDialogue(`C: AUTH XOAUTH2 ${message}\nS: +OK logged in`, setting);
    const lower = `‹user=ann@example.com${A}auth=bearer ${TOKEN}${A}${A}›`;
    expectDialogue(`C: AUTH XOAUTH2 ${lower}\nS: +OK logged in`, setting);
  });

  it.each([
    `user=ann@example.com${A}auth=Bearer wrong${A}${A}`,
    `user=nobody${A}auth=Bearer ${TOKEN}${A}${A}`,
    `user=bob${A}auth=Bearer ${TOKEN}${A}${A}`,
    `user=bob${A}auth=Bearer undefined${A}${A}`,
    `user=ann@example.com${A}auth=Basic ${TOKEN}${A}${A}`,
    `user=ann@example.com${A}auth=Bearer ${TOKEN}${A}`,
    `user=ann@example.com${A}auth=Bearer ${A}${A}`,
    `auth=Bearer ${TOKEN}${A}${A}`,
    `user=ann@example.com${A}${A}`,
    A,
    "",
  ])("answers %j with JSON, then with -ERR after the client's response", (message) => {
    for (const answer of ["", "AQ=="]) {
      expectDialogue(
        `C: AUTH XOAUTH2\nS: + \nC: ‹${message}›\nS: + ‹${ERROR}›\nC: ${answer}\n${REFUSED}\nC: NOOP\nS: -ERR not in the AUTHORIZATION state`,
        setting,
      );
    }
    expectDialogue(
      `C: AUTH XOAUTH2\nS: + \nC: ‹${message}›\nS: + ‹${ERROR}›\nC: *\nS: -ERR authentication cancelled`,
      setting,
    );
  });

  it("sends the given refusal", () => {
    const refused = `‹user=bob${A}auth=Bearer x${A}${A}›`;
    const say = (oauthError: NonNullable<Setting["oauthError"]>, told: string): void => {
      expectDialogue(`C: AUTH XOAUTH2 ${refused}\nS: + ‹${told}›\nC: \n${REFUSED}`, {
        ...setting,
        oauthError,
      });
    };
    say({ status: "401", retry: [1] }, '{"status":"401","retry":[1]}');
    say({}, "{}");
    say("{not JSON", "{not JSON");
    say("", "");
  });

  it("asks the given function", () => {
    const accessToken = vi.fn((token: string) => token === "new");
    const asked: Setting = { ...setting, users: { ann: { accessToken } } };
    expectDialogue(
      `
      C: AUTH XOAUTH2 ‹user=ann${A}auth=Bearer old${A}${A}›
      S: + ‹${ERROR}›
      C: 
      ${REFUSED}
      C: AUTH XOAUTH2 ‹user=ann${A}auth=${A}${A}›
      S: + ‹${ERROR}›
      C: 
      ${REFUSED}
      C: AUTH XOAUTH2 ‹user=ann${A}auth=Bearer new${A}${A}›
      S: +OK logged in
    `,
      asked,
    );
    expect(accessToken.mock.calls).toEqual([["old"], ["new"]]);
  });
});

describe("OAUTHBEARER", () => {
  const users = {
    "user@example.com": { accessToken: TOKEN },
    "a,b=c": { accessToken: "t2" },
    bob: { pass: "b" },
  };
  const setting: Setting = { users, sasl: ["OAUTHBEARER"] };

  it("answers as in RFC 7628 section 4.1", () => {
    const initial =
      "bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9MTQzAWF1dGg9QmVhcmVyI" +
      "HZGOWRmdDRxbVRjMk52YjNSbGNrQmhiSFJoZG1semRHRXVZMjl0Q2c9PQEB";
    expectDialogue(`C: AUTH OAUTHBEARER ${initial}\nS: +OK logged in`, setting);
  });

  it("refuses as in RFC 7628 section 4.3", () => {
    const error =
      "eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIiwic2NvcGUiOiJleGFtcGxlX3Njb3BlIiwib3BlbmlkLWNvbmZpZ3VyYXRpb24iOiJodHRwczovL2V4" +
      "YW1wbGUuY29tLy53ZWxsLWtub3duL29wZW5pZC1jb25maWd1cmF0aW9uIn0=";
    const oauthError = {
      status: "invalid_token",
      scope: "example_scope",
      "openid-configuration": "https://example.com/.well-known/openid-configuration",
    };
    const initial = "bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9MTQzAWF1dGg9AQE=";
    const begin = `C: AUTH OAUTHBEARER ${initial}\nS: + ${error}`;
    expectDialogue(`${begin}\nC: AQ==\n${REFUSED}`, { ...setting, oauthError });
    expectDialogue(`${begin}\nC: *\nS: -ERR authentication cancelled`, { ...setting, oauthError });
  });

  it.each([
    `n,a=a=2Cb=3Dc,${A}auth=Bearer t2${A}${A}`,
    `y,a=a=2Cb=3Dc,${A}auth=BEARER t2${A}${A}`,
    `n,,${A}host=h${A}port=1${A}x=y${A}auth=Bearer t2${A}${A}`, // the token tells whose it is
  ])("accepts %j", (message) => {
    expectDialogue(`C: AUTH OAUTHBEARER\nS: + \nC: ‹${message}›\nS: +OK logged in`, setting);
  });

  const ERROR =
    '{"status":"invalid_token","scope":"mail","openid-configuration":"https://popwright.test/.well-known/openid-configuration"}';
  it.each([
    `n,a=user@example.com,${A}auth=Bearer wrong${A}${A}`,
    `n,a=user@example.com,${A}auth=Bearer t2${A}${A}`,
    `n,a=bob,${A}auth=Bearer t2${A}${A}`,
    `n,,${A}auth=Bearer t3${A}${A}`,
    `n,a=a=2cb,${A}auth=Bearer t2${A}${A}`,
    `p=tls-unique,a=user@example.com,${A}auth=Bearer ${TOKEN}${A}${A}`,
    `n,a=user@example.com${A}auth=Bearer ${TOKEN}${A}${A}`,
    `n,a=user@example.com,${A}auth=Bearer ${TOKEN}${A}`,
    `n,a=user@example.com,auth=Bearer ${TOKEN}`,
    A,
    "",
  ])("answers %j with JSON", (message) => {
    expectDialogue(
      `C: AUTH OAUTHBEARER\nS: + \nC: ‹${message}›\nS: + ‹${ERROR}›\nC: AQ==\n${REFUSED}`,
      setting,
    );
  });
});

describe("EXTERNAL", () => {
  const users = { ann: {}, bob: { certificateName: "Robert" } };
  const known = (clientName: string): Setting => ({
    users,
    sasl: ["EXTERNAL"],
    secure: true,
    facts: { clientName },
  });

  it("logs in the user of the certificate", () => {
    expectDialogue("C: AUTH EXTERNAL =\nS: +OK logged in", known("ann"));
    expectDialogue("C: AUTH EXTERNAL\nS: + \nC: \nS: +OK logged in", known("Robert"));
    expectDialogue("C: AUTH EXTERNAL ‹bob›\nS: +OK logged in", known("Robert"));
  });

  it("refuses everybody else", () => {
    expectDialogue("C: AUTH EXTERNAL =\nS: -ERR [AUTH] no user has this certificate", known("bob"));
    expectDialogue("C: AUTH EXTERNAL ‹bob›\nS: -ERR [AUTH] wrong user name or password", known("ann"));
    expectDialogue("C: AUTH EXTERNAL ‹nobody›\nS: -ERR [AUTH] wrong user name or password", known("ann"));
  });
});

describe("ANONYMOUS", () => {
  const setting: Setting = { users: { guest: {}, ann: {} }, sasl: ["ANONYMOUS"], anonymous: "guest" };

  it("accepts any client", () => {
    expectDialogue("C: AUTH ANONYMOUS =\nS: +OK logged in", setting);
    expectDialogue("C: AUTH ANONYMOUS ‹sirhc›\nS: +OK logged in", setting);
    expectDialogue("C: AUTH ANONYMOUS\nS: + \nC: \nS: +OK logged in", setting);
    expectDialogue(`C: AUTH ANONYMOUS\nS: + \nC: ‹${"ä".repeat(255)}›\nS: +OK logged in`, setting);
  });

  it("requires a short trace, and a user with the maildrop", () => {
    expectDialogue(
      `C: AUTH ANONYMOUS\nS: + \nC: ‹${"ä".repeat(256)}›\nS: -ERR the trace is too long`,
      setting,
    );
    expectDialogue("C: AUTH ANONYMOUS =\nS: -ERR [AUTH] wrong user name or password", {
      ...setting,
      anonymous: "nobody",
    });
    expect(() => sessionOf({ sasl: ["ANONYMOUS"] })).toThrow(
      expect.objectContaining({ code: "POP3_CONFIG" }) as Error,
    );
  });
});
