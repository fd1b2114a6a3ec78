// CRAM-MD5 (RFC 2195) and DIGEST-MD5 (RFC 2831) on the server's side.
import { createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import { digestOf, type DigestParts } from "../../src/testing/mechanisms/digest-md5.ts";
import { challengeOf, hear, linesOf, play, sessionOf, type Setting } from "./dialogue.ts";

const REFUSED = "S: -ERR [AUTH] wrong user name or password";

function expectDialogue(written: string, setting: Setting): void {
  expect(play(sessionOf(setting), written)).toEqual(linesOf(written));
}

describe("CRAM-MD5", () => {
  const cramMd5 = "<1896.697170952@postoffice.reston.mci.net>";
  const users = { tim: { pass: "tanstaaftanstaaf" }, "tim the 2nd": { pass: "x" }, nopass: {} };
  const setting: Setting = { users, sasl: ["CRAM-MD5"], cramMd5 };
  const digest = (pass: Buffer | string): string => createHmac("md5", pass).update(cramMd5).digest("hex");

  it("accepts the answer of RFC 2195 section 2", () => {
    expectDialogue(
      `
      C: AUTH CRAM-MD5
      S: + ‹${cramMd5}›
      C: ‹tim b913a602c7eda7a495b4e6e7334d3890›
      S: +OK logged in
    `,
      setting,
    );
  });

  it.each([
    `tim ${digest("wrong")}`,
    `nobody ${digest("tanstaaftanstaaf")}`,
    `nopass ${digest("")}`,
    `nopass ${digest("undefined")}`,
    `tim ${digest("tanstaaftanstaaf").toUpperCase()}`,
    `tim ${digest("tanstaaftanstaaf")} `,
    `tim${digest("tanstaaftanstaaf")}`,
    digest("tanstaaftanstaaf"),
    "tim",
    "",
  ])("refuses %j", (response) => {
    expectDialogue(`C: AUTH CRAM-MD5\nS: + ‹${cramMd5}›\nC: ‹${response}›\n${REFUSED}`, setting);
  });

  it("accepts a name with spaces, and refuses an initial response", () => {
    expectDialogue(
      `
      C: AUTH CRAM-MD5 ‹tim x›
      S: -ERR no initial response with this mechanism
      C: AUTH CRAM-MD5
      S: + ‹${cramMd5}›
      C: ‹tim the 2nd ${digest("x")}›
      S: +OK logged in
    `,
      setting,
    );
  });

  it("reads a password in either charset", () => {
    for (const charset of ["utf8", "latin1"] as const) {
      const session = sessionOf({ ...setting, users: { ö: { pass: "ä" } }, charset });
      hear(session, "AUTH CRAM-MD5\r\n");
      const response = Buffer.from(`ö ${digest(Buffer.from("ä", charset))}`, charset).toString("base64");
      expect(hear(session, `${response}\r\n`)).toEqual(["S: +OK logged in"]);
    }
  });

  it("makes a new challenge each time", () => {
    const session = sessionOf({ sasl: ["CRAM-MD5"] });
    const challenges = [1, 2].map(() => challengeOf(hear(session, "AUTH CRAM-MD5\r\n*\r\n")[0]));
    expect(challenges[0]).toMatch(/^<[!-~]+@[!-~]+>$/);
    expect(challenges[0]).not.toBe(challenges[1]);
  });
});

describe("DIGEST-MD5", () => {
  const published: DigestParts = {
    username: "chris",
    realm: "elwood.innosoft.com",
    passwd: "secret",
    nonce: "OA6MG9tEQGm2hh",
    cnonce: "OA6MHXh6VqTrRk",
    nc: "00000001",
    qop: "auth",
    digestUri: "imap/elwood.innosoft.com",
  };
  const users = {
    chris: { pass: "secret" },
    bob: { pass: "b" },
    änne: { pass: "pä" },
    Ω: { pass: "ω" },
    nopass: {},
  };
  const digestMd5 = { realm: published.realm, nonce: published.nonce };
  const setting: Setting = { users, sasl: ["DIGEST-MD5"], digestMd5 };
  const parts: DigestParts = { ...published, digestUri: "pop/elwood.innosoft.com" };
  const CHALLENGE =
    'realm="elwood.innosoft.com",nonce="OA6MG9tEQGm2hh",qop="auth",algorithm=md5-sess,charset=utf-8';

  /** The client's message; `more` may say the same otherwise, `undefined` leaves it out. */
  function response(of: DigestParts, more: Readonly<Record<string, string | undefined>> = {}): string {
    const { username, realm, nonce, cnonce, nc, qop, digestUri, authzid } = of;
    const directives: Readonly<Record<string, string | undefined>> = {
      charset: "utf-8",
      username: `"${username}"`,
      realm: `"${realm}"`,
      nonce: `"${nonce}"`,
      nc,
      cnonce: `"${cnonce}"`,
      "digest-uri": `"${digestUri}"`,
      response: digestOf("AUTHENTICATE", of),
      qop,
      ...(authzid !== undefined && { authzid: `"${authzid}"` }),
      ...more,
    };
    const given = Object.entries(directives).filter(([, value]) => value !== undefined);
    return given.map(([name, value]) => `${name}=${value ?? ""}`).join(",");
  }

  /** What the server says to such a message, base64 undone. */
  function said(message: Buffer | string, of: Setting = setting): string[] {
    const session = sessionOf(of);
    hear(session, "AUTH DIGEST-MD5\r\n");
    const [reply = ""] = hear(session, `${Buffer.from(message).toString("base64")}\r\n`);
    if (!reply.startsWith("S: + ")) return [reply];
    return [challengeOf(reply), ...hear(session, "\r\n")];
  }
  const proof = (of: DigestParts): string => `rspauth=${digestOf("", of)}`;
  const expectIn = (of: DigestParts, more: Readonly<Record<string, string | undefined>> = {}): void => {
    expect(said(response(of, more))).toEqual([proof(of), "S: +OK logged in"]);
  };

  it("computes the digests of RFC 2831 section 4", () => {
    expect(digestOf("AUTHENTICATE", published)).toBe("d388dad90d4bbd760a152321f2143af7");
    expect(digestOf("", published)).toBe("ea40f60335c427b5527b84dbabcdfffd");
    const acap = {
      ...published,
      nonce: "OA9BSXrbuRhWay",
      cnonce: "OA9BSuZWMSpW8m",
      digestUri: "acap/elwood.innosoft.com",
    };
    expect(digestOf("AUTHENTICATE", acap)).toBe("6084c6db3fede7352c551284490fd0fc");
    expect(digestOf("", acap)).toBe("2f0b3d7c3c2e486600ef710726aa2eae");
  });

  it("logs in, and proves the server", () => {
    expectDialogue(
      `
      C: AUTH DIGEST-MD5 ‹x›
      S: -ERR no initial response with this mechanism
      C: AUTH DIGEST-MD5
      S: + ‹${CHALLENGE}›
      C: ‹${response(parts)}›
      S: + ‹${proof(parts)}›
      C: 
      S: +OK logged in
    `,
      setting,
    );
  });

  it("reads a message in another notation", () => {
    expectIn(parts, { charset: undefined, qop: undefined, maxbuf: "65536", "x-more": '"a, \\"b\\""' });
    expectIn(parts, { username: '"chr\\is"', nc: "00000001 " });
    expectIn({ ...parts, authzid: "chris" });
    expectIn({ ...parts, digestUri: "POP/other.example/serv" });
    expect(said(` , ${response(parts).replaceAll(",", " , ,\t")},`).at(-1)).toBe("S: +OK logged in");
    expect(said(response(parts).replace("realm=", "REALM=")).at(-1)).toBe("S: +OK logged in");
  });

  it("hashes names and passwords in ISO 8859-1 if possible (section 2.1.2.1)", () => {
    expectIn({ ...parts, username: "änne", passwd: "pä" });
    const latin1 = { ...parts, username: "änne", passwd: "pä" };
    const message = Buffer.from(response(latin1, { charset: undefined }), "latin1");
    expect(said(message)).toEqual([proof(latin1), "S: +OK logged in"]);
    expectIn({ ...parts, username: "Ω", passwd: "ω" });
  });

  it.each<[string, DigestParts]>([
    ["a wrong password", { ...parts, passwd: "wrong" }],
    ["an unknown user", { ...parts, username: "nobody" }],
    ["a user without a password", { ...parts, username: "nopass", passwd: "" }],
    ["a user who acts for another", { ...parts, authzid: "bob" }],
    ["a user who acts for an unknown one", { ...parts, authzid: "nobody" }],
  ])("refuses %s", (_, of) => {
    expect(said(response(of))).toEqual([REFUSED]);
  });

  it.each<[string, Partial<DigestParts>]>([
    ["wrong realm, nonce or cnonce", { realm: "other" }],
    ["wrong realm, nonce or cnonce", { nonce: "other" }],
    ["nc must be 00000001, and qop must be auth", { nc: "00000002" }],
    ["nc must be 00000001, and qop must be auth", { qop: "auth-int" }],
    ["the service must be pop", { digestUri: "imap/elwood.innosoft.com" }],
    ["the service must be pop", { digestUri: "pop/" }],
  ])("says that %s: %j", (text, of) => {
    expect(said(response({ ...parts, ...of }))).toEqual([`S: -ERR ${text}`]);
  });

  it.each(["username", "realm", "nonce", "cnonce", "nc", "digest-uri", "response"])("requires %s", (name) => {
    expect(said(response(parts, { [name]: undefined }))).toEqual([expect.stringMatching(/^S: -ERR /)]);
  });

  it.each([
    "nonsense",
    'a="b',
    "a=b c",
    "=b",
    `${response(parts)},nc=00000001`,
    `${response(parts)},NC=00000001`,
    response(parts).replaceAll(",", ";"),
  ])("takes %s for no message", (message) => {
    expect(said(message)).toEqual(["S: -ERR invalid digest-response"]);
  });

  it("rejects a response to its proof, and makes a new nonce each time", () => {
    const session = sessionOf(setting);
    hear(session, `AUTH DIGEST-MD5\r\n${Buffer.from(response(parts)).toString("base64")}\r\n`);
    expect(hear(session, "AAAA\r\n")).toEqual(["S: -ERR the response to rspauth must be empty"]);
    const other = sessionOf({ sasl: ["DIGEST-MD5"] });
    const challenges = [1, 2].map(() => challengeOf(hear(other, "AUTH DIGEST-MD5\r\n*\r\n")[0]));
    expect(challenges[0]).toMatch(
      /^realm="popwright.test",nonce="[A-Za-z0-9+/]{24}",qop="auth",algorithm=md5-sess,charset=utf-8$/,
    );
    expect(challenges[0]).not.toBe(challenges[1]);
  });

  it("sends a wrong challenge or proof on request", () => {
    const wrong = (more: Setting["digestMd5"]): Setting => ({
      ...setting,
      digestMd5: { ...digestMd5, ...more },
    });
    const session = sessionOf(wrong({ challenge: (text) => text.replace("md5-sess", "md5") }));
    expect(challengeOf(hear(session, "AUTH DIGEST-MD5\r\n")[0])).toBe(CHALLENGE.replace("md5-sess", "md5"));
    expect(said(response(parts), wrong({ rspauth: () => "rspauth=0" }))).toEqual([
      "rspauth=0",
      "S: +OK logged in",
    ]);
    expect(said(response(parts), wrong({ rspauth: () => undefined }))).toEqual(["S: +OK logged in"]);
  });
});
