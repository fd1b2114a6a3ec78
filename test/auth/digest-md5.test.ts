// DIGEST-MD5 (RFC 2831) succeeds only if the server proves that it knows the password.
import { describe, expect, test } from "vitest";
import { digestMd5, digestMd5For } from "../../src/auth/digest-md5.ts";
import type { Credentials, SaslExchange } from "../../src/auth/mechanism.ts";
import { answer, begin, refused, survives } from "./exchange.ts";

const octetsOf = (text: string): string => Buffer.from(text, "utf8").toString("latin1");
const CHALLENGE = 'realm="example.com",nonce="N",qop="auth",algorithm=md5-sess,charset=utf-8';
const MINIMAL = "nonce=N,algorithm=md5-sess";

/** With a nonce of our own that does not change. */
const fixed = digestMd5For("pop", () => "C");

describe("the examples of RFC 2831 section 4", () => {
  test.each([
    {
      service: "imap",
      nonce: "OA6MG9tEQGm2hh",
      cnonce: "OA6MHXh6VqTrRk",
      response: "d388dad90d4bbd760a152321f2143af7",
      rspauth: "ea40f60335c427b5527b84dbabcdfffd",
    },
    {
      service: "acap",
      nonce: "OA9BSXrbuRhWay",
      cnonce: "OA9BSuZWMSpW8m",
      response: "6084c6db3fede7352c551284490fd0fc",
      rspauth: "2f0b3d7c3c2e486600ef710726aa2eae",
    },
  ])("$service", async ({ service, nonce, cnonce, response, rspauth }) => {
    const mechanism = digestMd5For(service, () => cnonce);
    const host = "elwood.innosoft.com";
    const exchange = await begin(mechanism, { user: "chris", pass: "secret" }, { host });
    expect(exchange.initial).toBeUndefined();
    const challenge = `realm="${host}",nonce="${nonce}",qop="auth",algorithm=md5-sess,charset=utf-8`;
    expect(await answer(exchange, challenge)).toBe(
      `charset=utf-8,username="chris",realm="${host}",nonce="${nonce}",nc=00000001,cnonce="${cnonce}",` +
        `digest-uri="${service}/${host}",response=${response},qop=auth`,
    );
    expect(await answer(exchange, `rspauth=${rspauth}`)).toBe("");
    expect(exchange.succeeded?.()).toBeUndefined();
  });
});

// Computed with Python's hashlib, from the formulas of RFC 2831 section 2.1.2.1.
describe("the response", () => {
  const COMMON = 'nonce="N",nc=00000001,cnonce="C",digest-uri="pop/pop.example.com"';
  test.each<[string, Partial<Credentials>, string, string, string]>([
    [
      "is in ISO 8859-1 where possible, though it is sent as UTF-8",
      { user: "Jürgen", pass: "Größe" },
      CHALLENGE,
      octetsOf(
        `charset=utf-8,username="Jürgen",realm="example.com",${COMMON},response=46dc63f23dcf7bac349e2ace10354ceb,qop=auth`,
      ),
      "c74cbe6a56c187057b7e22b7b1077481",
    ],
    [
      "with the user name in ISO 8859-1 and the password beyond it",
      { user: "Jürgen", pass: "パス" },
      CHALLENGE,
      octetsOf(
        `charset=utf-8,username="Jürgen",realm="example.com",${COMMON},response=86eb3f6c24d463f6bfaf509b482e7cca,qop=auth`,
      ),
      "200ccedb09089dc45c3a45703cb0bd61",
    ],
    [
      "with the password in ISO 8859-1 and the user name beyond it",
      { user: "山田", pass: "Größe" },
      CHALLENGE,
      octetsOf(
        `charset=utf-8,username="山田",realm="example.com",${COMMON},response=2a7b8ccd8f48dcf55ac30933763c099a,qop=auth`,
      ),
      "ac31c1423f98151fef75e1229d554946",
    ],
    [
      "is sent in ISO 8859-1, too, without a charset",
      { user: "Jürgen", pass: "Größe" },
      CHALLENGE.replace(",charset=utf-8", ""),
      `username="Jürgen",realm="example.com",${COMMON},response=46dc63f23dcf7bac349e2ace10354ceb,qop=auth`,
      "c74cbe6a56c187057b7e22b7b1077481",
    ],
    [
      "has the authorization identity in UTF-8 in any case",
      { pass: "secret", authzid: "bób" },
      CHALLENGE,
      `charset=utf-8,username="ann",realm="example.com",${COMMON},response=03e6ec67ad3a3020a4438fc4427ecd7a,qop=auth,` +
        `authzid="${octetsOf("bób")}"`,
      "4750daf388a2b26a02ab3cedf1e1ec42",
    ],
    [
      "without a realm",
      { pass: "secret" },
      MINIMAL,
      `username="ann",${COMMON},response=9b13df6e4764c0dbc4ec45bb507b1e58,qop=auth`,
      "98125f1a648d07ae7d9e9c4131aca331",
    ],
    [
      "with an empty realm",
      { pass: "secret" },
      `realm="",${MINIMAL}`,
      `username="ann",realm="",${COMMON},response=9b13df6e4764c0dbc4ec45bb507b1e58,qop=auth`,
      "98125f1a648d07ae7d9e9c4131aca331",
    ],
    [
      "hashes quotes and backslashes as they are, and sends them escaped",
      { user: 'a"n\\n', pass: "secret" },
      'realm="a \\"b\\" \\\\\\c",nonce="N\\"\\\\",algorithm=md5-sess',
      `username="a\\"n\\\\n",realm="a \\"b\\" \\\\c",${COMMON.replace("N", 'N\\"\\\\')},` +
        "response=c94b20f2acc5f17d66fce3974bd6c516,qop=auth",
      "44450f9157e87b7af76cd293a98ed68e",
    ],
    [
      "has the octets of a realm in UTF-8",
      { pass: "secret" },
      `realm="${octetsOf("Büro")}",${MINIMAL}`,
      `username="ann",realm="${octetsOf("Büro")}",${COMMON},response=c419c4085a7803196af817fe4d098f19,qop=auth`,
      "46c44d288d7a3480cf74c564747c475b",
    ],
  ])("%s", async (_, credentials, challenge, response, rspauth) => {
    const exchange = await begin(fixed, credentials);
    expect(await answer(exchange, challenge)).toBe(response);
    expect(await answer(exchange, `rspauth=${rspauth}`)).toBe("");
    expect(exchange.succeeded?.()).toBeUndefined();
  });

  test("uses a new nonce of 128 random bits each time", async () => {
    const nonce = async (): Promise<string | undefined> =>
      /cnonce="([0-9a-f]{32})"/.exec(await answer(await begin(digestMd5), CHALLENGE))?.[1];
    const [first, second] = [await nonce(), await nonce()];
    expect(first).toBeDefined();
    expect(second).toBeDefined();
    expect(first).not.toBe(second);
  });

  test("names POP and the host, so that the proof fits no other service", async () => {
    const response = await answer(await begin(digestMd5, {}, { host: "mail.test" }), CHALLENGE);
    expect(response).toContain('digest-uri="pop/mail.test"');
  });

  test("has the properties of DIGEST-MD5", () => {
    expect(digestMd5).toMatchObject({ name: "DIGEST-MD5", cleartext: false });
    expect([digestMd5.authzid, digestMd5.secret]).toEqual([undefined, undefined]);
  });
});

describe("a challenge that is accepted", () => {
  test.each([
    ["in any order and any case", 'ALGORITHM=MD5-SESS,Charset=UTF-8,Qop="AUTH",NONCE="N"'],
    ["with space and empty elements", ' ,, nonce = "N" ,\t,algorithm\r\n =md5-sess , '],
    ["values with quotes and without", 'nonce=N,algorithm="md5-sess",qop=auth,charset="utf-8"'],
    [
      "auth among other values of qop",
      `${MINIMAL},qop="auth-conf, auth-int , auth,other",cipher="rc4,3des",maxbuf=65536`,
    ],
    ["unknown directives", `${MINIMAL},stale=true,opaque="x",domain="y",new=1,new=2,new="",maxbuf=x`],
  ])("%s", async (_, challenge) => {
    expect(await answer(await begin(digestMd5), challenge)).toContain('nonce="N",nc=00000001,');
  });

  test("uses the first of several realms", async () => {
    const response = await answer(await begin(digestMd5), `realm="a",${MINIMAL},realm="b"`);
    expect(response).toContain('realm="a"');
    expect(response).not.toContain('"b"');
  });

  test("accepts the greatest length allowed", async () => {
    const challenge = `${MINIMAL},x="`.padEnd(2046, "y") + '"';
    expect(await answer(await begin(digestMd5), challenge)).toMatch(/^username=/);
  });
});

describe("a challenge that is rejected", () => {
  test.each([
    ["empty", "", "no nonce"],
    ["no list", "go ahead", "an invalid directive"],
    ["a name alone", `nonce,algorithm=md5-sess`, "an invalid directive"],
    ["a value alone", `=N,${MINIMAL}`, "an invalid directive"],
    ["no value", `${MINIMAL},x=`, "an invalid directive"],
    ["an open quote", `algorithm=md5-sess,nonce="N`, "an invalid directive"],
    ["an open escape", `algorithm=md5-sess,nonce="N\\"`, "an invalid directive"],
    ["text after a quote", `algorithm=md5-sess,nonce="N"x`, "an invalid directive"],
    ["two values", `${MINIMAL},x=a b`, "an invalid directive"],
    ["no comma", `nonce="N" algorithm=md5-sess`, "an invalid directive"],
    ["a separator in a token", `${MINIMAL},x=a/b`, "an invalid directive"],
    ["a NUL in quotes", `${MINIMAL},x="\0"`, "an invalid directive"],
    ["a NUL after a backslash", `${MINIMAL},x="\\\0"`, "an invalid directive"],
    ["DEL in quotes", `${MINIMAL},x="\x7f"`, "an invalid directive"],
    ["8 bits in a token", `${MINIMAL},x=\xff`, "an invalid directive"],
    ["no nonce", "algorithm=md5-sess", "no nonce"],
    ["an empty nonce", 'nonce="",algorithm=md5-sess', "no nonce"],
    ["two nonces", `nonce="M",${MINIMAL}`, "nonce twice"],
    ["the same nonce twice", `nonce="N",${MINIMAL}`, "nonce twice"],
    ["no algorithm", 'nonce="N"', "an algorithm other than md5-sess"],
    ["two algorithms", `algorithm=md5-sess,${MINIMAL}`, "algorithm twice"],
    ["HTTP's algorithm", "nonce=N,algorithm=md5", "an algorithm other than md5-sess"],
    ["another charset", `${MINIMAL},charset=iso-8859-1`, "a charset other than utf-8"],
    ["two charsets", `${MINIMAL},charset=utf-8,charset=utf-8`, "charset twice"],
    ["two maxbufs", `${MINIMAL},maxbuf=1,MAXBUF=1`, "maxbuf twice"],
    ["stale twice", `${MINIMAL},stale=true,stale=true`, "stale twice"],
    ["two ciphers", `${MINIMAL},cipher="rc4",cipher="des"`, "cipher twice"],
    ["2048 octets", `${MINIMAL},x="`.padEnd(2047, "y") + '"', "2048 bytes or more"],
    ["the proof before the question", "rspauth=0", "no nonce"],
  ])("%s", async (_, challenge, what) => {
    const exchange = await begin(digestMd5);
    await refused(
      "POP3_AUTH_PROTOCOL",
      () => answer(exchange, challenge),
      `malformed challenge of DIGEST-MD5: it has ${what}`,
    );
    await refused(
      "POP3_AUTH_PROTOCOL",
      () => exchange.succeeded?.(),
      "the server has not proven that it knows the password: it sent no rspauth",
    );
  });

  test.each(['qop=""', 'qop="auth-int,auth-conf"', "qop=auth-conf", 'qop="authentic"'])(
    "%s: rejected, because only TLS protects the session",
    async (qop) => {
      const exchange = await begin(digestMd5);
      await refused(
        "POP3_NOT_SUPPORTED",
        () => answer(exchange, `${MINIMAL},${qop}`),
        "the server demands a DIGEST-MD5 security layer, which is not supported: use TLS",
      );
    },
  );
});

describe("the server's proof", () => {
  const RSPAUTH = "98125f1a648d07ae7d9e9c4131aca331";
  const asked = async (): Promise<SaslExchange> => {
    const exchange = await begin(fixed, { pass: "secret" });
    await answer(exchange, MINIMAL);
    return exchange;
  };

  test("is missing: rejects", async () => {
    const exchange = await asked();
    await refused("POP3_AUTH_PROTOCOL", () => exchange.succeeded?.());
    await refused("POP3_AUTH_PROTOCOL", async () => (await begin(fixed)).succeeded?.());
  });

  test.each([
    ["wrong", `rspauth=${"0".repeat(32)}`],
    ["the client's own response", "rspauth=9b13df6e4764c0dbc4ec45bb507b1e58"],
    ["in upper case", `rspauth=${RSPAUTH.toUpperCase()}`],
    ["too short", `rspauth=${RSPAUTH.slice(1)}`],
    ["too long", `rspauth=${RSPAUTH}0`],
    ["beyond ASCII", `rspauth="${"\xff".repeat(32)}"`],
    ["empty", 'rspauth=""'],
    ["not there", "", "malformed challenge of DIGEST-MD5: it has no rspauth"],
    ["something else", "OK", "malformed challenge of DIGEST-MD5: it has an invalid directive"],
    [
      "twice",
      `rspauth=${RSPAUTH},rspauth=${RSPAUTH}`,
      "malformed challenge of DIGEST-MD5: it has rspauth twice",
    ],
    ["another challenge", MINIMAL, "malformed challenge of DIGEST-MD5: it has no rspauth"],
  ])(
    "is %s",
    async (_, proof, what = "the server has not proven that it knows the password: its rspauth is wrong") => {
      const exchange = await asked();
      await refused("POP3_AUTH_PROTOCOL", () => answer(exchange, proof), what);
      await refused("POP3_AUTH_PROTOCOL", () => exchange.succeeded?.());
    },
  );

  test("ends the exchange", async () => {
    const exchange = await asked();
    await answer(exchange, ` rspauth = "${RSPAUTH}" `);
    await refused(
      "POP3_AUTH_PROTOCOL",
      () => answer(exchange, `rspauth=${RSPAUTH}`),
      "unexpected challenge: DIGEST-MD5 has only two",
    );
    expect(exchange.succeeded?.()).toBeUndefined();
  });
});

describe("credentials that cannot be sent", () => {
  test.each([
    [{ user: "a\0" }, "the user name"],
    [{ user: "a\r\nb" }, "the user name"],
    [{ authzid: "\x01" }, "the authorization identity"],
    [{ user: "\ud800" }, "the user name"],
  ])("%j", async (credentials, what) => {
    const message = `${what} must not contain control characters or lone surrogates`;
    await refused("POP3_INVALID_ARGUMENT", () => begin(digestMd5, credentials), message);
  });

  test.each([{ user: "山田" }, { pass: "パス" }])("%j, to a server without UTF-8", async (credentials) => {
    const exchange = await begin(digestMd5, credentials);
    const message = "user name and password must be ISO 8859-1: the server does not accept UTF-8";
    await refused("POP3_INVALID_ARGUMENT", () => answer(exchange, MINIMAL), message);
  });

  test("rejects a response longer than allowed", async () => {
    const length = (await answer(await begin(digestMd5, { user: "" }), MINIMAL)).length;
    const longest = await begin(digestMd5, { user: "x".repeat(4095 - length) });
    expect(await answer(longest, MINIMAL)).toHaveLength(4095);
    const longer = await begin(digestMd5, { user: "x".repeat(4096 - length) });
    const message =
      "the DIGEST-MD5 response must be shorter than 4096 bytes: the user name, realm or nonce is too long";
    await refused("POP3_INVALID_ARGUMENT", () => answer(longer, MINIMAL), message);
  });
});

test("settles with a response or a typed error, whatever the server sends", async () => {
  const pieces = [CHALLENGE, MINIMAL, "nonce=", "realm=", '"', "\\", ",", " ", "=", "N", "qop=", "rspauth="];
  await survives(digestMd5, pieces);
});
