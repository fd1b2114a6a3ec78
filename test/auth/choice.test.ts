// The client chooses the login method from its own list. No server can make it send a secret in clear text.
import { describe, expect, test } from "vitest";
import { chooseMethod, type Method, type ServerOffer, type AuthPreferences } from "../../src/auth/choice.ts";
import type { SaslMechanism } from "../../src/auth/mechanism.ts";
import { Pop3Error } from "../../src/errors.ts";
import { parseCapabilities } from "../../src/protocol/capabilities.ts";

const own = (name: string, cleartext: boolean): SaslMechanism => ({
  name,
  cleartext,
  start: () => ({ respond: (challenge) => challenge }),
});
const SCRAM = own("SCRAM-SHA-256", false);
const XOAUTH2 = own("XOAUTH2", true);

const nameOf = (method: Method): string => (typeof method === "string" ? method : method.name);

/** The name of the method, or the code of the error. */
function choose(offer: ServerOffer, wish: AuthPreferences): string {
  try {
    return nameOf(chooseMethod(offer, wish));
  } catch (error) {
    if (error instanceof Pop3Error) return error.code;
    throw error;
  }
}

/** `capa`: lines divided by commas; `undefined`: the server knows no CAPA. */
const offer = (capa: string | undefined, secure: boolean, timestamp = false): ServerOffer => ({
  capabilities: capa === undefined ? undefined : parseCapabilities(capa.replaceAll(",", "\r\n")),
  secure,
  timestamp,
});

const TLS = true;
const CLEAR = false;
const NOTHING = { mechanisms: [], allowPlaintext: false };
const PLAINTEXT = { mechanisms: [], allowPlaintext: true };

describe("the choice without requested mechanisms", () => {
  test.each([
    ["USER,SASL PLAIN LOGIN", TLS, "PLAIN"],
    ["USER,SASL LOGIN PLAIN", TLS, "PLAIN"],
    ["USER,SASL LOGIN", TLS, "LOGIN"],
    ["USER,SASL XOAUTH2", TLS, "USER"],
    ["USER", TLS, "USER"],
    ["USER,SASL", TLS, "USER"],
    ["sasl plain", TLS, "PLAIN"],
    ["TOP,UIDL", TLS, "USER"],
    ["", TLS, "USER"],
    [undefined, TLS, "USER"],
    ["SASL XOAUTH2", TLS, "POP3_AUTH_NO_MECHANISM"],
    ["SASL SCRAM-SHA-224 GSSAPI", TLS, "POP3_AUTH_NO_MECHANISM"],
    ["USER,SASL EXTERNAL GSSAPI ANONYMOUS", TLS, "USER"],
    ["SASL EXTERNAL GSSAPI ANONYMOUS", TLS, "POP3_AUTH_NO_MECHANISM"],
    ["SASL NTLM scram-sha-256", TLS, "SCRAM-SHA-256"],
    ["SASL PLAIN,SASL SCRAM-SHA-1", TLS, "SCRAM-SHA-1"],
    ["SASL=CRAM-MD5", TLS, "CRAM-MD5"],
    ["USER,SASL PLAIN LOGIN", CLEAR, "POP3_TLS_REQUIRED"],
    ["SASL PLAIN", CLEAR, "POP3_TLS_REQUIRED"],
    ["USER", CLEAR, "POP3_TLS_REQUIRED"],
    ["", CLEAR, "POP3_TLS_REQUIRED"],
    [undefined, CLEAR, "POP3_TLS_REQUIRED"],
    ["SASL XOAUTH2", CLEAR, "POP3_AUTH_NO_MECHANISM"],
  ])("CAPA %j, TLS %j: %s", (capa, secure, expected) => {
    expect(choose(offer(capa, secure), NOTHING)).toBe(expected);
  });

  test.each([
    ["USER,SASL LOGIN PLAIN", "PLAIN"],
    ["USER", "USER"],
    [undefined, "USER"],
    ["SASL XOAUTH2", "POP3_AUTH_NO_MECHANISM"],
  ])("CAPA %j in clear text, with allowPlaintextAuth: %s", (capa, expected) => {
    expect(choose(offer(capa, CLEAR), PLAINTEXT)).toBe(expected);
  });

  test.each([
    ["USER,SASL PLAIN", TLS, NOTHING, "PLAIN"],
    ["USER", TLS, NOTHING, "USER"],
    ["SASL XOAUTH2", TLS, NOTHING, "APOP"],
    ["USER", CLEAR, NOTHING, "POP3_TLS_REQUIRED"],
    ["SASL XOAUTH2", CLEAR, NOTHING, "POP3_TLS_REQUIRED"],
    ["SASL XOAUTH2", CLEAR, PLAINTEXT, "APOP"],
    ["USER,SASL PLAIN LOGIN", CLEAR, PLAINTEXT, "APOP"],
    ["SASL PLAIN CRAM-MD5", CLEAR, PLAINTEXT, "CRAM-MD5"],
    ["SASL PLAIN DIGEST-MD5", CLEAR, PLAINTEXT, "DIGEST-MD5"],
    ["SASL PLAIN SCRAM-SHA-1", CLEAR, PLAINTEXT, "SCRAM-SHA-1"],
    [undefined, CLEAR, PLAINTEXT, "APOP"],
  ])(
    "with an APOP timestamp, CAPA %j, TLS %j: APOP comes last over TLS, and before the password in clear text",
    (capa, secure, wish, expected) => {
      expect(choose(offer(capa, secure, true), wish)).toBe(expected);
    },
  );
});

describe("requested mechanisms", () => {
  const insist = (...mechanisms: (string | SaslMechanism)[]): AuthPreferences => ({
    mechanisms,
    allowPlaintext: false,
  });

  test.each([
    ["USER,SASL PLAIN LOGIN", TLS, insist("LOGIN"), "LOGIN"],
    ["USER,SASL PLAIN LOGIN", TLS, insist("login"), "LOGIN"],
    ["USER,SASL PLAIN LOGIN", TLS, insist("USER", "PLAIN"), "USER"],
    ["SASL PLAIN LOGIN", TLS, insist("USER"), "USER"],
    ["SASL PLAIN", TLS, insist("LOGIN", "PLAIN"), "PLAIN"],
    // A weaker one is not taken for it.
    ["USER,SASL PLAIN", TLS, insist("LOGIN"), "POP3_AUTH_NO_MECHANISM"],
    ["USER,SASL PLAIN", TLS, insist(SCRAM), "POP3_AUTH_NO_MECHANISM"],
    ["USER,SASL PLAIN", TLS, insist("APOP"), "POP3_AUTH_NO_MECHANISM"],
    // Without CAPA nothing is known: the server will say.
    [undefined, TLS, insist("PLAIN"), "PLAIN"],
    [undefined, TLS, insist(XOAUTH2), "XOAUTH2"],
    ["SASL PLAIN SCRAM-SHA-256", TLS, insist(SCRAM, "PLAIN"), "SCRAM-SHA-256"],
    ["SASL PLAIN XOAUTH2", TLS, insist(XOAUTH2), "XOAUTH2"],
    // In clear: what shows no secret, and nothing else.
    ["USER,SASL PLAIN", CLEAR, insist("PLAIN"), "POP3_TLS_REQUIRED"],
    ["USER,SASL PLAIN", CLEAR, insist("USER"), "POP3_TLS_REQUIRED"],
    ["SASL XOAUTH2", CLEAR, insist(XOAUTH2), "POP3_TLS_REQUIRED"],
    ["SASL PLAIN SCRAM-SHA-256", CLEAR, insist(SCRAM), "SCRAM-SHA-256"],
    ["SASL PLAIN SCRAM-SHA-256", CLEAR, insist("PLAIN", SCRAM), "SCRAM-SHA-256"],
    [undefined, CLEAR, insist("PLAIN"), "POP3_TLS_REQUIRED"],
    ["", TLS, insist("NOPE"), "POP3_CONFIG"],
    ["SASL PLAIN", TLS, insist("PLAIN", "NOPE"), "POP3_CONFIG"],
    ["", TLS, insist("constructor"), "POP3_CONFIG"],
  ])("CAPA %j, TLS %j, %o: %s", (capa, secure, wish, expected) => {
    expect(choose(offer(capa, secure), wish)).toBe(expected);
  });

  test.each([TLS, CLEAR])("chooses APOP if the greeting has a timestamp; TLS %j", (secure) => {
    expect(choose(offer("USER,SASL PLAIN", secure, true), insist("APOP"))).toBe("APOP");
    expect(choose(offer(undefined, secure, true), insist("apop"))).toBe("APOP");
    expect(choose(offer("USER", secure, false), insist("APOP"))).toBe("POP3_AUTH_NO_MECHANISM");
  });

  test("returns the caller's own mechanism itself", () => {
    expect(chooseMethod(offer("SASL SCRAM-SHA-256", TLS), insist(SCRAM))).toBe(SCRAM);
  });

  test.each(["EXTERNAL", "GSSAPI", "ANONYMOUS"])("chooses %s only on request", (name) => {
    const given = offer(`SASL PLAIN ${name}`, TLS);
    expect(choose(given, insist(name))).toBe(name);
    expect(choose(given, insist(name.toLowerCase(), "PLAIN"))).toBe(name);
    expect(choose(offer("SASL PLAIN", TLS), insist(name))).toBe("POP3_AUTH_NO_MECHANISM");
    // It contains no secret that could be read.
    expect(choose(offer(`SASL ${name}`, CLEAR), insist(name))).toBe(name);
  });

  test.each<[string | undefined, boolean, AuthPreferences, string]>([
    // Not listed, but still used.
    ["USER,SASL LOGIN", TLS, insist("XOAUTH2"), "XOAUTH2"],
    ["USER,SASL", TLS, insist("PLAIN"), "PLAIN"],
    ["", TLS, insist("PLAIN"), "PLAIN"],
    ["SASL PLAIN", TLS, insist(SCRAM), "SCRAM-SHA-256"],
    ["SASL PLAIN", TLS, insist("SCRAM-SHA-1-PLUS", "PLAIN"), "SCRAM-SHA-1-PLUS"],
    ["SASL PLAIN", CLEAR, insist("SCRAM-SHA-1"), "SCRAM-SHA-1"],
    ["SASL PLAIN", CLEAR, insist("CRAM-MD5"), "CRAM-MD5"],
    [undefined, TLS, insist("XOAUTH2"), "XOAUTH2"],
    // But not in clear text, not against another preference, and not without a timestamp to digest.
    ["SASL LOGIN", CLEAR, insist("PLAIN"), "POP3_TLS_REQUIRED"],
    ["SASL LOGIN", TLS, { ...insist("SCRAM-SHA-1-PLUS"), channelBinding: "never" }, "POP3_AUTH_NO_MECHANISM"],
    ["SASL LOGIN", TLS, { ...insist("SCRAM-SHA-1"), channelBinding: "required" }, "POP3_AUTH_NO_MECHANISM"],
    ["SASL PLAIN", TLS, { ...insist("LOGIN"), authzid: true }, "POP3_AUTH_NO_MECHANISM"],
    ["SASL PLAIN", TLS, insist("APOP"), "POP3_AUTH_NO_MECHANISM"],
    ["SASL PLAIN", TLS, insist("NOPE"), "POP3_CONFIG"],
  ])("with force: CAPA %j, TLS %j, %o: %s", (capa, secure, wish, expected) => {
    expect(choose(offer(capa, secure), { ...wish, force: true })).toBe(expected);
  });

  test("with allowPlaintextAuth", () => {
    const wish = { mechanisms: ["LOGIN"], allowPlaintext: true };
    expect(choose(offer("SASL LOGIN", CLEAR), wish)).toBe("LOGIN");
  });
});

describe("the error", () => {
  test("names the requested and the offered mechanisms", () => {
    const call = (): unknown =>
      chooseMethod(offer("SASL GSSAPI XOAUTH2", TLS), {
        mechanisms: ["PLAIN", SCRAM],
        allowPlaintext: false,
      });
    expect(call).toThrow("none of PLAIN, SCRAM-SHA-256 can be used; the server offers GSSAPI, XOAUTH2");
  });

  test.each<[string, () => ServerOffer, AuthPreferences, string]>([
    [
      "the mechanism that must not be used in clear text",
      () => offer("SASL PLAIN", CLEAR),
      NOTHING,
      "the connection has no TLS, and the password must not be sent in the clear",
    ],
    [
      "an unknown mechanism",
      () => offer("SASL PLAIN", TLS),
      { ...NOTHING, mechanisms: ["nope"] },
      "unknown authentication mechanism: nope",
    ],
    [
      "a request that no mechanism fulfils",
      () => offer("SASL PLAIN", TLS),
      { ...NOTHING, mechanisms: ["USER"], authzid: true },
      "no login method can do what the options demand; the server offers PLAIN",
    ],
    [
      "a server that offers nothing",
      () => offer("USER", TLS),
      { ...NOTHING, mechanisms: ["PLAIN"] },
      "none of PLAIN can be used; the server offers none",
    ],
    [
      "a server that offers nothing and has no CAPA",
      () => offer(undefined, TLS),
      { ...NOTHING, mechanisms: ["APOP"] },
      "none of APOP can be used; the server offers none",
    ],
    [
      "the timestamp that APOP needs",
      () => offer("SASL GSSAPI", TLS, true),
      { ...NOTHING, mechanisms: ["PLAIN", "USER"], authzid: true },
      "none of PLAIN can be used; the server offers GSSAPI, APOP",
    ],
  ])("names %s", (_, offered, wish, message) => {
    expect(() => chooseMethod(offered(), wish)).toThrow(expect.objectContaining({ message }) as Error);
  });

  test("names only a few of 10,000 mechanisms", () => {
    const capa = `SASL ${Array.from({ length: 10_000 }, (_, index) => `X${index}`).join(" ")}`;
    const call = (): unknown => chooseMethod(offer(capa, TLS), NOTHING);
    expect(call).toThrow(/the server offers X0, .*X15$/);
    expect(choose(offer(`${capa} PLAIN`, TLS), NOTHING)).toBe("PLAIN");
  });

  // The names are the server's own words.
  test("is short and printable, whatever the server calls its mechanisms", () => {
    const capa = `SASL \x1b[31m\u202e ${"X".repeat(60_000)}`;
    let message = "";
    try {
      chooseMethod(offer(capa, TLS), NOTHING);
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message).not.toBe("");
    expect(message).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u);
    expect(message.length).toBeLessThan(2000);
  });
});

describe("another identity", () => {
  const wish: AuthPreferences = { mechanisms: [], allowPlaintext: false, authzid: true };
  const offer = (block: string): ServerOffer => ({
    capabilities: parseCapabilities(block),
    secure: true,
    timestamp: true,
  });

  test("chooses only methods that can send it", () => {
    expect(chooseMethod(offer("USER\r\nSASL LOGIN PLAIN"), wish)).toMatchObject({ name: "PLAIN" });
  });

  test.each([[[]], [["LOGIN"]], [["USER"]], [["APOP"]]])("is not dropped silently with %o", (mechanisms) => {
    expect(() => chooseMethod(offer("USER\r\nSASL LOGIN"), { ...wish, mechanisms })).toThrow(
      expect.objectContaining({ code: "POP3_AUTH_NO_MECHANISM" }) as Error,
    );
  });
});
