import { describe, expect, it } from "vitest";
import type { ServerMechanism } from "../../src/testing/index.ts";
import { hear, linesOf, play, sessionOf, type Setting } from "./dialogue.ts";

const base64 = (text: string): string => Buffer.from(text).toString("base64");
const REFUSED = "S: -ERR [AUTH] wrong user name or password";

function expectDialogue(written: string, setting?: Setting): void {
  expect(play(sessionOf(setting), written)).toEqual(linesOf(written));
}

describe("PLAIN (RFC 4616)", () => {
  it("logs in with and without an initial response", () => {
    expectDialogue(`C: AUTH PLAIN ${base64("\0ann\0se cret")}\nS: +OK logged in`);
    expectDialogue(`C: auth plain\nS: + \nC: ${base64("ann\0ann\0se cret")}\nS: +OK logged in`);
  });

  it.each(["\0ann\0wrong", "\0nobody\0se cret", "bob\0ann\0se cret", "ann", "\0ann", "\0ann\0se cret\0", ""])(
    "refuses %j",
    (message) => {
      expectDialogue(`C: AUTH PLAIN\nS: + \nC: ${base64(message)}\n${REFUSED}`);
      expectDialogue(`C: AUTH PLAIN ${base64(message) || "="}\n${REFUSED}`);
    },
  );
});

describe("LOGIN", () => {
  const name = base64("Username:");
  const pass = base64("Password:");

  it("logs in with and without an initial response", () => {
    expectDialogue(`
      C: AUTH LOGIN
      S: + ${name}
      C: ${base64("ann")}
      S: + ${pass}
      C: ${base64("se cret")}
      S: +OK logged in
    `);
    expectDialogue(`C: AUTH LOGIN ${base64("ann")}\nS: + ${pass}\nC: ${base64("se cret")}\nS: +OK logged in`);
  });

  it("refuses a wrong name and a wrong password, and allows another try", () => {
    expectDialogue(`
      C: AUTH LOGIN ${base64("nobody")}
      S: + ${pass}
      C: ${base64("se cret")}
      ${REFUSED}
      C: AUTH LOGIN ${base64("ann")}
      S: + ${pass}
      C: ${base64("wrong")}
      ${REFUSED}
      C: AUTH PLAIN ${base64("\0ann\0se cret")}
      S: +OK logged in
    `);
  });
});

describe("AUTH (RFC 5034)", () => {
  it.each(["PLAIN", "LOGIN"])("cancels %s on *", (mechanism) => {
    const [, challenge = ""] = play(sessionOf(), `C: AUTH ${mechanism}`);
    expectDialogue(`
      C: AUTH ${mechanism}
      ${challenge}
      C: *
      S: -ERR authentication cancelled
      C: NOOP
      S: -ERR not in the AUTHORIZATION state
    `);
    expectDialogue(`C: AUTH LOGIN =\nS: + ${base64("Password:")}\nC: *\nS: -ERR authentication cancelled`);
  });

  it.each(["x", "=AAA", "AAA=BBB=", "AA A", "A===", "AAAÄ"])("rejects %j, which is not base64", (text) => {
    expectDialogue(
      `C: AUTH PLAIN\nS: + \nC: ${text}\nS: -ERR not base64\nC: CAPA x\nS: -ERR wrong arguments`,
    );
    expectDialogue(`C: AUTH PLAIN ${text}\nS: -ERR not base64\nC: CAPA x\nS: -ERR wrong arguments`);
  });

  it("reads any line as the answer to its challenge", () => {
    expectDialogue(`C: AUTH PLAIN\nS: + \nC: QUIT\n${REFUSED}`); // which is base64
  });

  it("rejects mechanisms that it does not offer", () => {
    expectDialogue("C: AUTH\nS: -ERR wrong arguments\nC: AUTH CRAM-MD5\nS: -ERR unknown mechanism");
    expectDialogue("C: AUTH toString\nS: -ERR unknown mechanism");
    expectDialogue("C: AUTH LOGIN\nS: -ERR unknown mechanism", { sasl: ["plain"] });
    for (const name of ["X-NONE", "toString"]) {
      expect(() => sessionOf({ sasl: [name] })).toThrow(
        expect.objectContaining({ code: "POP3_CONFIG" }) as Error,
      );
    }
  });

  it("lists the given mechanisms in that order, if the connection allows them", () => {
    const sasl = [
      "login",
      "SCRAM-SHA-256-PLUS",
      "External",
      "XOAUTH2",
      "OAUTHBEARER",
      "SCRAM-SHA-512",
      "DIGEST-MD5",
    ];
    const listed = (setting: Setting): string | undefined =>
      hear(sessionOf({ sasl, ...setting }), "CAPA\r\n").find((line) => line.startsWith("S: SASL"));
    expect(listed({})).toBe("S: SASL LOGIN XOAUTH2 OAUTHBEARER SCRAM-SHA-512 DIGEST-MD5");
    expect(listed({ secure: true })).toBe("S: SASL LOGIN XOAUTH2 OAUTHBEARER SCRAM-SHA-512 DIGEST-MD5");
    expect(listed({ secure: true, facts: { clientName: "ann" } })).toBe(
      "S: SASL LOGIN EXTERNAL XOAUTH2 OAUTHBEARER SCRAM-SHA-512 DIGEST-MD5",
    );
    const facts = { channelBinding: () => Buffer.from("x") };
    expect(listed({ secure: true, facts })).toBe(
      "S: SASL LOGIN SCRAM-SHA-256-PLUS XOAUTH2 OAUTHBEARER SCRAM-SHA-512 DIGEST-MD5",
    );
    expect(listed({ sasl: ["EXTERNAL"] })).toBeUndefined();
    expectDialogue("C: AUTH EXTERNAL =\nS: -ERR unknown mechanism", { sasl });
  });

  it("accepts a mechanism of the test, which may speak first and end at once", () => {
    const echo: ServerMechanism = {
      name: "X-ECHO",
      initialResponse: false,
      *exchange(accounts) {
        const response = yield Buffer.from("say ann");
        return accounts.find(response.toString());
      },
    };
    const closed: ServerMechanism = {
      name: "X-CLOSED",
      initialResponse: true,
      *exchange(accounts) {
        if (accounts.find("nobody") !== undefined) yield Buffer.alloc(0);
        return undefined;
      },
    };
    const busy: ServerMechanism = {
      name: "X-BUSY",
      initialResponse: true,
      available: (tls) => tls === undefined,
      *exchange(_, { listed }) {
        const response = yield Buffer.alloc(0);
        return `[SYS/TEMP] ${listed.join(" ")} ${response.toString()}`;
      },
    };
    expectDialogue(
      `
      C: AUTH X-ECHO ${base64("ann")}
      S: -ERR no initial response with this mechanism
      C: AUTH X-CLOSED
      ${REFUSED}
      C: AUTH X-BUSY ‹later›
      S: -ERR [SYS/TEMP] X-ECHO X-CLOSED X-BUSY later
      C: STLS
      S: +OK begin TLS
      * starttls
      C: AUTH X-BUSY ‹later›
      S: -ERR unknown mechanism
      C: AUTH X-ECHO
      S: + ${base64("say ann")}
      C: ${base64("ann")}
      S: +OK logged in
    `,
      { sasl: [echo, closed, busy] },
    );
  });
});
