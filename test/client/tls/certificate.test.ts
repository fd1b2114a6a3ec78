// The server must prove its identity before anything is sent within TLS, for each way to start TLS.
import { afterEach, describe, expect, test, vi } from "vitest";
import { Pop3Client, type Pop3ClientOptions } from "../../../src/index.ts";
import { makeCertificate } from "../../../src/testing/index.ts";
import { auth, listen, said, to } from "../../support/ann.ts";
import { failureOf } from "../../support/outcome.ts";

const HOUR = 3_600_000; // milliseconds
const own = makeCertificate();

/** The certificate of the server, the options of the client, what the error tells. */
const REFUSED: [string, ReturnType<typeof makeCertificate>, Partial<Pop3ClientOptions>, RegExp][] = [
  [
    "signed by an unknown authority",
    own,
    { tls: {} },
    /self.signed certificate.* \(if you trust its authority, give the certificate of that authority as tls\.ca\)$/,
  ],
  [
    "signed by another authority than the trusted one",
    own,
    { tls: { ca: makeCertificate().cert } },
    /self.signed|certificate/,
  ],
  ["issued for another name", makeCertificate({ names: ["other.test"] }), {}, /altnames/],
  ["issued for a name instead of the address", makeCertificate({ names: ["localhost"] }), {}, /altnames/],
  ["issued for another address", makeCertificate({ names: ["127.0.0.9"] }), {}, /altnames/],
  [
    "issued for another name that begins with the right one",
    makeCertificate({ names: ["127.0.0.1.evil.test"] }),
    {},
    /altnames/,
  ],
  ["issued for no name", makeCertificate({ names: [] }), {}, /altnames|Cert/],
  [
    "expired an hour ago",
    makeCertificate({
      notBefore: new Date(Date.now() - 2 * HOUR),
      notAfter: new Date(Date.now() - HOUR),
    }),
    {},
    /expired/,
  ],
  [
    "not valid before tomorrow",
    makeCertificate({ notBefore: new Date(Date.now() + 24 * HOUR) }),
    {},
    /not yet valid/,
  ],
];

afterEach(() => void vi.unstubAllEnvs());

describe.each(["from the first octet", "by STLS"])("TLS %s", (how) => {
  test("rejects a certificate that is not trusted even if the environment tells Node to accept any", async () => {
    vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0");
    await using server = await listen(how === "by STLS" ? { stls: { ...own } } : { tls: { ...own } });
    const failure = await failureOf(Pop3Client.connect(to(server, { tls: {}, auth })));
    expect(failure.code).toBe("POP3_TLS_CERT");
    expect(said(server)).not.toContain("C: AUTH PLAIN");
  });

  test.each(REFUSED)("rejects a certificate that is %s", async (_, certificate, options, reason) => {
    await using server = await listen(
      how === "by STLS" ? { stls: { ...certificate } } : { tls: { ...certificate } },
    );
    const failure = await failureOf(
      Pop3Client.connect(to(server, { tls: { ca: certificate.cert }, auth, ...options })),
    );
    expect(failure).toMatchObject({ name: "Pop3ConnectionError", code: "POP3_TLS_CERT" });
    expect(failure.message).toMatch(reason);
    expect(failure.message).toContain("127.0.0.1");
    await server.idle();
    expect(said(server)).toEqual(how === "by STLS" ? ["C: CAPA", "C: STLS", "* TLS"] : ["* TLS"]);
  });

  test.each([
    ["escapes", "x \x1b[2J\x1b]8;;http://evil.test\x07", /\\x1b\[2J\\x1b\]8/],
    ["line ends", "x\r\n\tok   connection", /\\x0d\\x0a\\x09ok/],
    [
      "invisible and reordering characters",
      "a\u200b\u00ad\u202e\u{e0041}b",
      /\\u200b\\xad\\u202e\\u\{e0041\}/,
    ],
  ])("cleans a certificate's name of %s, in the error and in its cause", async (_, commonName, shown) => {
    const certificate = makeCertificate({ names: [], commonName });
    await using server = await listen({ [how === "by STLS" ? "stls" : "tls"]: { ...certificate } });
    const tls = { ca: certificate.cert, servername: "localhost" };
    const failure = await failureOf(Pop3Client.connect(to(server, { tls, auth })));
    expect(failure).toMatchObject({ code: "POP3_TLS_CERT" });
    expect(failure.message).toMatch(shown);
    const cause = failure.cause as Error;
    for (const text of [failure.message, failure.stack, cause.message, cause.stack])
      expect(text?.replaceAll("\n", "")).not.toMatch(
        /[\p{Cc}\p{Bidi_Control}\p{Default_Ignorable_Code_Point}]/u,
      );
  });

  test("checks the host name of the options, and no name that the server gives", async () => {
    const certificate = makeCertificate({ names: ["evil.test"] });
    await using server = await listen({
      [how === "by STLS" ? "stls" : "tls"]: { ...certificate },
      greeting: "evil.test POP3 server",
      capabilities: ["IMPLEMENTATION evil.test"],
    });
    await expect(
      Pop3Client.connect(to(server, { tls: { ca: certificate.cert }, auth })),
    ).rejects.toMatchObject({ code: "POP3_TLS_CERT" });
  });

  test("rejects a certificate if checkServerIdentity does not decide at once", async () => {
    await using server = await listen({ [how === "by STLS" ? "stls" : "tls"]: { ...own } });
    for (const later of [
      () => Promise.resolve(undefined),
      () => Promise.reject(new Error("nothing else handles it")),
    ]) {
      const checkServerIdentity = later as unknown as () => undefined;
      const failure = await failureOf(
        Pop3Client.connect(to(server, { tls: { ca: own.cert, checkServerIdentity }, auth })),
      );
      expect(failure.code).toBe("POP3_TLS_CERT");
      expect(failure.message).toMatch(
        /not valid: checkServerIdentity must decide at once, but it has returned a promise$/,
      );
    }
    expect(said(server)).not.toContain("C: AUTH PLAIN");
  });

  test("checks the servername of the caller", async () => {
    const certificate = makeCertificate({ names: ["mail.test"] });
    await using server = await listen({ [how === "by STLS" ? "stls" : "tls"]: { ...certificate } });
    const tls = { ca: certificate.cert, servername: "mail.test" };
    await using client = await Pop3Client.connect(to(server, { tls, auth }));
    expect(client.tlsInfo?.authorized).toBe(true);
  });

  test("reports an unverified certificate in tlsInfo if rejectUnauthorized is false", async () => {
    await using server = await listen({ [how === "by STLS" ? "stls" : "tls"]: { ...own } });
    await using client = await Pop3Client.connect(to(server, { tls: { rejectUnauthorized: false }, auth }));
    expect(client.secure).toBe(true);
    expect(client.tlsInfo?.authorized).toBe(false);
  });
});
