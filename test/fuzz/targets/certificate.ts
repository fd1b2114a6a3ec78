// The signature algorithm of a server's certificate, for its channel binding (RFC 5929 section 4.1). Oracles: a reader of DER by
// the letter of X.690; only names of hashes are returned; a certificate that is cut has none.
import { signatureHash } from "../../../src/net/channel-binding.ts";
import { expectSame, expectThat, octets } from "../oracle.ts";

export const FILES: readonly string[] = ["net/channel-binding"];

const OIDS: Readonly<Record<string, string>> = {
  "1.2.840.113549.1.1.4": "sha256",
  "1.2.840.113549.1.1.5": "sha256",
  "1.2.840.113549.1.1.11": "sha256",
  "1.2.840.113549.1.1.12": "sha384",
  "1.2.840.113549.1.1.13": "sha512",
  "1.2.840.113549.1.1.14": "sha224",
  "1.2.840.10045.4.1": "sha256",
  "1.2.840.10045.4.3.1": "sha224",
  "1.2.840.10045.4.3.2": "sha256",
  "1.2.840.10045.4.3.3": "sha384",
  "1.2.840.10045.4.3.4": "sha512",
};
const PSS = "1.2.840.113549.1.1.10";

const RSA = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01";
const SHA = "\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02";
const PSS_SHA512 = `\x30\x1e${RSA}\x0a\x30\x11\xa0\x0f\x30\x0d${SHA}\x03\x05\0`;

export const TOKENS: readonly string[] = [
  ...[
    `\x30\x11\x30\0\x30\x0d${RSA}\x0b\x05\0`,
    `\x30\x0e\x30\0\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x03`,
  ],
  ...[
    `\x30\x22\x30\0${PSS_SHA512}`,
    RSA,
    SHA,
    "\x30\x82\x01\0",
    "\x30\x80",
    "\x30\x84",
    "\xa0",
    "\x05\0",
    "\xff",
  ],
];

interface Element {
  readonly tag: number;
  readonly content: Buffer;
  readonly rest: Buffer;
}

/** X.690 section 8.1: identifier, length, contents. `undefined`: it is cut, is longer than 4 GiB, or does not say its length. */
function elementOf(der: Buffer | undefined): Element | undefined {
  if (der === undefined || der.length < 2) return undefined;
  const [tag = 0, first = 0, ...others] = der;
  const count = first < 128 ? 0 : first - 128;
  if (first === 128 || count > 4 || others.length < count) return undefined;
  let length = first < 128 ? first : 0;
  for (const octet of others.slice(0, count)) length = length * 256 + octet;
  const content = der.subarray(2 + count, 2 + count + length);
  return content.length < length ? undefined : { tag, content, rest: der.subarray(2 + count + length) };
}

/** X.690 section 8.19. */
function oidOf(content: Buffer): string {
  const numbers: number[] = [];
  let number = 0;
  for (const octet of content) {
    number = number * 128 + (octet & 127);
    if (octet >= 128) continue;
    numbers.push(number);
    number = 0;
  }
  const [first = 0, ...others] = numbers;
  return [
    Math.min(2, Math.floor(first / 40)),
    first - 40 * Math.min(2, Math.floor(first / 40)),
    ...others,
  ].join(".");
}

function isMinimal(content: Buffer): boolean {
  return content.every((octet, at) => octet !== 0x80 || (at > 0 && (content[at - 1] as number) >= 0x80));
}

export function fuzz(data: Buffer): void {
  const hash = signatureHash(data);
  expectThat(hash === undefined || /^sha(?:224|256|384|512)$/.test(hash), "a hash", hash);
  const certificate = elementOf(data);
  const algorithm = certificate && elementOf(elementOf(certificate.content)?.rest);
  const id = algorithm && elementOf(algorithm.content);
  if (id === undefined) expectSame(hash, undefined, "the hash of a certificate that is cut");
  else if (isMinimal(id.content) && oidOf(id.content) !== PSS)
    expectSame(
      hash,
      id.content.length === 0 ? undefined : OIDS[oidOf(id.content)],
      "the hash of a signature",
    );
  // A certificate that carries any algorithm of the input, with any content before and after it.
  const [size = 0] = data;
  let body: Buffer = Buffer.alloc(0);
  for (const [at, name] of ["sha256", "sha384", "sha512", "sha224"].entries()) {
    const pss = PSS_SHA512.replace(`${SHA}\x03`, `${SHA}${String.fromCharCode(at + 1)}`);
    body = sequence(Buffer.concat([sequence(data.subarray(0, size)), octets(pss), data]));
    expectSame(signatureHash(body), name, "the hash of a certificate with RSASSA-PSS");
  }
  for (const cut of [1, 2, data.length])
    expectSame(signatureHash(body.subarray(0, -cut - 1)), undefined, "a certificate that was cut");
}

function sequence(content: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(content.length);
  return Buffer.concat([
    content.length < 128 ? Buffer.of(0x30, content.length) : Buffer.of(0x30, 0x84, ...length),
    content,
  ]);
}

export function parse(data: Buffer): void {
  signatureHash(data);
}
