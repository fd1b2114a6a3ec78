// Who the server is has to be proven before a word is said within TLS, whichever way TLS began.
import { describe, expect, test } from "vitest";
import { Pop3Client, type Pop3ClientOptions } from "../../src/index.ts";
import { makeCertificate } from "../../src/testing/index.ts";
import { auth, listen, said, to } from "./ann.ts";
import { failureOf } from "./outcome.ts";

const HOUR = 3_600_000; // milliseconds
const own = makeCertificate();

/** The certificate of the server, the options of the client, what the error tells. */
const REFUSED: [string, ReturnType<typeof makeCertificate>, Partial<Pop3ClientOptions>, RegExp][] = [
  ["signed by nobody we know", own, { tls: {} }, /self.signed/],
  [
    "signed by somebody else than we trust",
    own,
    { tls: { ca: makeCertificate().cert } },
    /self.signed|certificate/,
  ],
  ["made out to another name", makeCertificate({ names: ["other.test"] }), {}, /altnames/],
  ["made out to a name, where we have an address", makeCertificate({ names: ["localhost"] }), {}, /altnames/],
  ["made out to another address", makeCertificate({ names: ["127.0.0.9"] }), {}, /altnames/],
  [
    "made out to another name with ours in front",
    makeCertificate({ names: ["127.0.0.1.evil.test"] }),
    {},
    /altnames/,
  ],
  ["made out to nobody", makeCertificate({ names: [] }), {}, /altnames|Cert/],
  [
    "over since an hour ago",
    makeCertificate({
      notBefore: new Date(Date.now() - 2 * HOUR),
      notAfter: new Date(Date.now() - HOUR),
    }),
    {},
    /expired/,
  ],
  [
    "good from tomorrow on",
    makeCertificate({ notBefore: new Date(Date.now() + 24 * HOUR) }),
    {},
    /not yet valid/,
  ],
];

describe.each(["from the first octet", "by STLS"])("TLS %s", (how) => {
  test.each(REFUSED)("a certificate that is %s", async (_, certificate, options, reason) => {
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

  test("the name is that of the options, and of nothing that the server says", async () => {
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

  test("a name of the caller's choice", async () => {
    const certificate = makeCertificate({ names: ["mail.test"] });
    await using server = await listen({ [how === "by STLS" ? "stls" : "tls"]: { ...certificate } });
    const tls = { ca: certificate.cert, servername: "mail.test" };
    await using client = await Pop3Client.connect(to(server, { tls, auth }));
    expect(client.tlsInfo?.authorized).toBe(true);
  });

  test("who asked not to be told is told all the same", async () => {
    await using server = await listen({ [how === "by STLS" ? "stls" : "tls"]: { ...own } });
    await using client = await Pop3Client.connect(to(server, { tls: { rejectUnauthorized: false }, auth }));
    expect(client.secure).toBe(true);
    expect(client.tlsInfo?.authorized).toBe(false);
  });
});
