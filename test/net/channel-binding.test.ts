// The hash of tls-server-end-point (RFC 5929 section 4.1), by the signature algorithm of the certificate.
import type { TLSSocket } from "node:tls";
import fc from "../support/fast-check.ts";
import { expect, test } from "vitest";
import { channelBinding, signatureHash } from "../../src/net/channel-binding.ts";

/** A DER element. */
function der(tag: number, ...contents: readonly Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  const { length } = content;
  const size =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

const sequence = (...contents: readonly Buffer[]): Buffer => der(0x30, ...contents);

/** The identifiers as `openssl asn1parse` shows them, encoded by hand. */
function id(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const octets = [first * 40 + second];
  for (const arc of rest) {
    const digits = [arc & 0x7f];
    for (let left = arc >>> 7; left > 0; left >>>= 7) digits.unshift((left & 0x7f) | 0x80);
    octets.push(...digits);
  }
  return der(0x06, Buffer.from(octets));
}

const NULL = der(0x05);
const PSS = "1.2.840.113549.1.1.10";
const MGF1 = id("1.2.840.113549.1.1.8");

/** A certificate as far as it is looked at: its body is long enough for a length of two octets. */
const certificate = (...algorithm: readonly Buffer[]): Buffer =>
  sequence(sequence(Buffer.alloc(700)), sequence(...algorithm), der(0x03, Buffer.alloc(65)));

test.each([
  ["md5WithRSAEncryption", "1.2.840.113549.1.1.4", "sha256"],
  ["sha1WithRSAEncryption", "1.2.840.113549.1.1.5", "sha256"],
  ["sha256WithRSAEncryption", "1.2.840.113549.1.1.11", "sha256"],
  ["sha384WithRSAEncryption", "1.2.840.113549.1.1.12", "sha384"],
  ["sha512WithRSAEncryption", "1.2.840.113549.1.1.13", "sha512"],
  ["sha224WithRSAEncryption", "1.2.840.113549.1.1.14", "sha224"],
  ["ecdsa-with-SHA1", "1.2.840.10045.4.1", "sha256"],
  ["ecdsa-with-SHA256", "1.2.840.10045.4.3.2", "sha256"],
  ["ecdsa-with-SHA384", "1.2.840.10045.4.3.3", "sha384"],
  ["ecdsa-with-SHA512", "1.2.840.10045.4.3.4", "sha512"],
  ["Ed25519, which has no hash", "1.3.101.112", undefined],
])("is known for %s", (_, algorithm, hash) => {
  expect(signatureHash(certificate(id(algorithm), NULL))).toBe(hash);
});

test.each([
  ["SHA-256", "2.16.840.1.101.3.4.2.1", "sha256"],
  ["SHA-384", "2.16.840.1.101.3.4.2.2", "sha384"],
  ["SHA-512", "2.16.840.1.101.3.4.2.3", "sha512"],
])("is known for RSASSA-PSS with %s", (_, digest, hash) => {
  const hashAlgorithm = der(0xa0, sequence(id(digest), NULL));
  // The hash of the mask follows, and must not be used.
  const mask = der(0xa1, sequence(MGF1, sequence(id("2.16.840.1.101.3.4.2.1"), NULL)));
  expect(signatureHash(certificate(id(PSS), sequence(hashAlgorithm, mask)))).toBe(hash);
});

test("is SHA-256 for RSASSA-PSS by default, whose hash is SHA-1, whatever hash the mask has", () => {
  expect(signatureHash(certificate(id(PSS), sequence()))).toBe("sha256");
  const mask = der(0xa1, sequence(MGF1, sequence(id("2.16.840.1.101.3.4.2.3"), NULL)));
  expect(signatureHash(certificate(id(PSS), sequence(mask)))).toBe("sha256");
});

test("is undefined for octets that are not a certificate, without an exception", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (octets) => {
      expect(["undefined", "string"]).toContain(typeof signatureHash(Buffer.from(octets)));
    }),
    { seed: 7, numRuns: 2000 },
  );
  const whole = certificate(id("1.2.840.10045.4.3.3"));
  for (let cut = 0; cut < 710; cut++) expect(signatureHash(whole.subarray(0, cut))).toBeUndefined();
});

test("a runtime that exports no keying material is not trusted to know Finished either", () => {
  const socket = {
    getProtocol: () => "TLSv1.2",
    isSessionReused: () => false,
    getFinished: () => Buffer.alloc(32),
    getPeerFinished: () => Buffer.alloc(32),
  } as unknown as TLSSocket;
  expect(channelBinding(socket, "tls-exporter")).toBeUndefined();
  expect(channelBinding(socket, "tls-unique")).toBeUndefined();
});
