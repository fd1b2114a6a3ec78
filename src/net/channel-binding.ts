// Computes channel bindings (RFC 5929, RFC 9266): data of a TLS connection that only its two ends know.
import type { TLSSocket } from "node:tls";
import { crypto } from "../system/crypto.ts";
import type { ChannelBindingType } from "../auth/mechanism.ts";
import { certificateOf } from "./tls-sessions.ts";

/** The length of tls-exporter in octets (RFC 9266 section 2). */
const EXPORTED = 32;

/**
 * Lists the types to try, in order. `tls-unique` is not defined for TLS 1.3, and `tls-exporter` replaces it.
 * It is still tried, because Cyrus uses it.
 */
export function bindingTypesOf(socket: TLSSocket): readonly ChannelBindingType[] {
  return socket.getProtocol() === "TLSv1.3"
    ? ["tls-exporter", "tls-unique", "tls-server-end-point"]
    : ["tls-unique", "tls-server-end-point"];
}

/** Returns the data of a channel binding, or `undefined` if the connection has none of that type. */
export function channelBinding(socket: TLSSocket, type: ChannelBindingType): Buffer | undefined {
  switch (type) {
    case "tls-exporter":
      if (!showsSecrets(socket)) return undefined;
      return socket.exportKeyingMaterial(EXPORTED, "EXPORTER-Channel-Binding", Buffer.alloc(0));
    case "tls-unique":
      if (!showsSecrets(socket)) return undefined;
      // The first Finished of the handshake: the client sends it, or the server if the session was resumed.
      return socket.isSessionReused() ? socket.getPeerFinished() : socket.getFinished();
    case "tls-server-end-point": {
      const certificate = certificateOf(socket);
      const hash = certificate && signatureHash(certificate);
      return hash === undefined
        ? undefined
        : crypto()
            .createHash(hash)
            .update(certificate as Buffer)
            .digest();
    }
  }
}

/**
 * Tests whether the runtime gives access to the secrets of the connection. Deno does not export keying
 * material, and the Finished message that it returns was never sent, so no server would accept it.
 */
function showsSecrets(socket: Partial<TLSSocket>): boolean {
  return socket.exportKeyingMaterial !== undefined;
}

/**
 * Maps the object identifier of a signature algorithm (DER, hexadecimal) to the hash for the binding. It is
 * the hash of the signature, but SHA-256 in place of MD5 and SHA-1 (RFC 5929 section 4.1).
 */
const HASHES: ReadonlyMap<string, string> = new Map([
  ["2a864886f70d010104", "sha256"], // md5WithRSAEncryption
  ["2a864886f70d010105", "sha256"], // sha1WithRSAEncryption
  ["2a864886f70d01010b", "sha256"],
  ["2a864886f70d01010c", "sha384"],
  ["2a864886f70d01010d", "sha512"],
  ["2a864886f70d01010e", "sha224"],
  ["2a8648ce3d0401", "sha256"], // ecdsa-with-SHA1
  ["2a8648ce3d040301", "sha224"],
  ["2a8648ce3d040302", "sha256"],
  ["2a8648ce3d040303", "sha384"],
  ["2a8648ce3d040304", "sha512"],
]);
const RSASSA_PSS = "2a864886f70d01010a";
/** The hashes of RSASSA-PSS, which names its hash in its parameters (RFC 4055 section 3.1). */
const DIGESTS: ReadonlyMap<string, string> = new Map([
  ["608648016503040201", "sha256"],
  ["608648016503040202", "sha384"],
  ["608648016503040203", "sha512"],
  ["608648016503040204", "sha224"],
]);

const HASH_ALGORITHM = 0xa0;

/** Returns the hash for a certificate (DER), or `undefined` if its signature has no hash, such as Ed25519. */
export function signatureHash(certificate: Buffer): string | undefined {
  // Certificate ::= SEQUENCE { tbsCertificate, SEQUENCE { algorithm, parameters }, signature }
  const body = contentOf(certificate, 0);
  const algorithm = body && elementAfter(body, 0);
  const fields = algorithm && contentOf(algorithm, 0);
  const id = fields && contentOf(fields, 0);
  if (fields === undefined || id === undefined) return undefined;
  if (id.toString("hex") !== RSASSA_PSS) return HASHES.get(id.toString("hex"));
  const parameters = elementAfter(fields, 0);
  const options = parameters && contentOf(parameters, 0);
  // hashAlgorithm [0] is first, or missing for SHA-1. The mask algorithm, which follows it, must not be used.
  const named = options?.[0] === HASH_ALGORITHM ? contentOf(options, 0)?.toString("hex") : undefined;
  return [...DIGESTS].find(([digest]) => named?.includes(digest) === true)?.[1] ?? "sha256";
}

/** Returns the start and the end of the content of the DER element at `at`. */
function boundsOf(der: Buffer, at: number): readonly [from: number, to: number] | undefined {
  const first = der[at + 1];
  // 0x80 is a length that is not known yet, which DER does not allow.
  if (first === undefined || first === 0x80) return undefined;
  const lengthOctets = first < 0x80 ? 0 : first & 0x7f;
  if (lengthOctets > 4 || at + 2 + lengthOctets > der.length) return undefined;
  const from = at + 2 + lengthOctets;
  const length = lengthOctets === 0 ? first : der.readUIntBE(at + 2, lengthOctets);
  return from + length <= der.length ? [from, from + length] : undefined;
}

function contentOf(der: Buffer, at: number): Buffer | undefined {
  const bounds = boundsOf(der, at);
  return bounds && der.subarray(...bounds);
}

/** Returns the octets after the element at `at`. */
function elementAfter(der: Buffer, at: number): Buffer | undefined {
  const bounds = boundsOf(der, at);
  return bounds && der.subarray(bounds[1]);
}
