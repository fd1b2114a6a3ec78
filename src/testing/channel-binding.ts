// Channel bindings from the server's side (RFC 5929, RFC 9266): data that only the two ends of a TLS
// connection know.
import { createHash, type X509Certificate } from "node:crypto";
import type { TLSSocket } from "node:tls";
import { objectIdentifier, readDer, type DerValue } from "./der.ts";

/**
 * Returns the data of a channel binding; `undefined` if the type is unknown or the connection does not have
 * it.
 */
export function channelBinding(socket: TLSSocket, type: string): Buffer | undefined {
  // Deno's TLS has no exporter, and the Finished message that it returns was never on the wire.
  const exports = (socket as Partial<TLSSocket>).exportKeyingMaterial !== undefined;
  switch (type) {
    case "tls-exporter":
      if (!exports) return undefined;
      // RFC 9266. TLS 1.2 needs the extended master secret: OpenSSL uses it with every peer that supports it.
      // In TLS 1.2 an empty context differs from no context (RFC 5705 section 4); RFC 9266 asks for an empty
      // one.
      return socket.exportKeyingMaterial(32, "EXPORTER-Channel-Binding", Buffer.alloc(0));
    case "tls-unique":
      // The first Finished message of the handshake (RFC 5929 section 3.1). In a full handshake the client
      // sends it, in a resumed one the server. It is not defined for TLS 1.3.
      if (!exports || socket.getProtocol() === "TLSv1.3") return undefined;
      return socket.isSessionReused() ? socket.getFinished() : socket.getPeerFinished();
    case "tls-server-end-point":
      return endPoint(socket.getX509Certificate());
    default:
      return undefined;
  }
}

/**
 * RFC 5929 section 4.1: hashes the certificate with the hash of its signature; SHA-256 replaces MD5 and
 * SHA-1.
 */
function endPoint(certificate: X509Certificate | undefined): Buffer | undefined {
  if (certificate === undefined) return undefined;
  const hash = signatureHash(certificate.raw);
  return hash === undefined ? undefined : createHash(hash).update(certificate.raw).digest();
}

/** Signature or hash algorithm (DER) → Node's name of the hash. SHA-256 replaces MD5 and SHA-1. */
const HASHES: ReadonlyMap<string, string> = new Map(
  Object.entries({
    "1.2.840.113549.1.1.4": "sha256", // md5WithRSAEncryption
    "1.2.840.113549.1.1.5": "sha256", // sha1WithRSAEncryption
    "1.2.840.113549.1.1.11": "sha256", // sha256WithRSAEncryption
    "1.2.840.113549.1.1.12": "sha384",
    "1.2.840.113549.1.1.13": "sha512",
    "1.2.840.113549.1.1.14": "sha224",
    "1.2.840.10045.4.1": "sha256", // ecdsa-with-SHA1
    "1.2.840.10045.4.3.1": "sha224", // ecdsa-with-SHA224
    "1.2.840.10045.4.3.2": "sha256",
    "1.2.840.10045.4.3.3": "sha384",
    "1.2.840.10045.4.3.4": "sha512",
    "1.3.14.3.2.26": "sha256", // SHA-1 alone, within the parameters of RSASSA-PSS
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
    "2.16.840.1.101.3.4.2.4": "sha224",
  }).map(([id, hash]) => [objectIdentifier(id).toString("hex"), hash]),
);
const RSASSA_PSS = objectIdentifier("1.2.840.113549.1.1.10");

/**
 * Returns the hash for tls-server-end-point, for a certificate in DER. Returns `undefined` if the signature
 * uses no hash that we know, as Ed25519.
 */
export function signatureHash(certificate: Buffer): string | undefined {
  // Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signature }
  const [, algorithm] = partsOf(readDer(certificate));
  const [id, parameters] = partsOf(algorithm);
  if (id?.whole.equals(RSASSA_PSS) !== true) return hashNamed(id);
  // RFC 4055 section 3.1: [0] hashAlgorithm, by default SHA-1
  const [hashAlgorithm] = partsOf(parameters).filter(({ tag }) => tag === 0xa0);
  if (hashAlgorithm === undefined) return "sha256";
  return hashNamed(partsOf(partsOf(hashAlgorithm)[0])[0]);
}

function hashNamed(id: DerValue | undefined): string | undefined {
  return HASHES.get(id?.whole.toString("hex") ?? "");
}

function partsOf(value: DerValue | undefined): DerValue[] {
  const parts: DerValue[] = [];
  const content = value?.content ?? Buffer.alloc(0);
  for (let at = 0; at < content.length; at += parts.at(-1)?.whole.length ?? content.length)
    parts.push(readDer(content.subarray(at)));
  return parts;
}
