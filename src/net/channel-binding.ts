// Channel bindings (RFC 5929, RFC 9266): what the two ends of a TLS connection know of it, and nobody between them.
import type { TLSSocket } from "node:tls";
import { crypto } from "../auth/crypto.ts";
import type { ChannelBindingType } from "../auth/mechanism.ts";
import { certificateOf } from "./tls-sessions.ts";

/** The octets of tls-exporter (RFC 9266 section 2). */
const EXPORTED = 32;

/**
 * What to try, in order. With TLS 1.3 `tls-exporter` takes the place of `tls-unique`, which has no definition
 * there; Cyrus uses it all the same.
 */
export function bindingTypesOf(socket: TLSSocket): readonly ChannelBindingType[] {
  return socket.getProtocol() === "TLSv1.3"
    ? ["tls-exporter", "tls-unique", "tls-server-end-point"]
    : ["tls-unique", "tls-server-end-point"];
}

/** The data of a channel binding; `undefined` where the connection has none of that type. */
export function channelBinding(socket: TLSSocket, type: ChannelBindingType): Buffer | undefined {
  switch (type) {
    case "tls-exporter":
      if (!showsSecrets(socket)) return undefined;
      return socket.exportKeyingMaterial(EXPORTED, "EXPORTER-Channel-Binding", Buffer.alloc(0));
    case "tls-unique":
      if (!showsSecrets(socket)) return undefined;
      // The first Finished of the handshake: the client's, and the server's where a session was taken up again.
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
 * Whether the runtime shows what only the two ends know. Deno exports no keying material, and what it gives as Finished
 * was never on the line: no server would agree.
 */
function showsSecrets(socket: Partial<TLSSocket>): boolean {
  return socket.exportKeyingMaterial !== undefined;
}

/**
 * The object identifiers of signature algorithms, in DER and hexadecimal, with the hash to use for each: that of
 * the signature, and SHA-256 in place of MD5 and SHA-1 (RFC 5929 section 4.1).
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
/** The hash of RSASSA-PSS stands in its parameters (RFC 4055 section 3.1). */
const DIGESTS: ReadonlyMap<string, string> = new Map([
  ["608648016503040201", "sha256"],
  ["608648016503040202", "sha384"],
  ["608648016503040203", "sha512"],
  ["608648016503040204", "sha224"],
]);

const HASH_ALGORITHM = 0xa0;

/** The hash for a certificate (DER); `undefined` where its signature has none, as Ed25519. */
export function signatureHash(certificate: Buffer): string | undefined {
  // Certificate ::= SEQUENCE { tbsCertificate, SEQUENCE { algorithm, parameters }, signature }
  const body = contentOf(certificate, 0);
  const algorithm = body && elementBehind(body, 0);
  const fields = algorithm && contentOf(algorithm, 0);
  const id = fields && contentOf(fields, 0);
  if (fields === undefined || id === undefined) return undefined;
  if (id.toString("hex") !== RSASSA_PSS) return HASHES.get(id.toString("hex"));
  const parameters = elementBehind(fields, 0);
  const options = parameters && contentOf(parameters, 0);
  // hashAlgorithm [0] comes first, or is left out for SHA-1; the algorithm of the mask, behind it, is not meant.
  const named = options?.[0] === HASH_ALGORITHM ? contentOf(options, 0)?.toString("hex") : undefined;
  return [...DIGESTS].find(([digest]) => named?.includes(digest) === true)?.[1] ?? "sha256";
}

/** Where the content of the DER element at `at` begins and ends. */
function boundsOf(der: Buffer, at: number): readonly [from: number, to: number] | undefined {
  const first = der[at + 1];
  if (first === undefined) return undefined;
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

/** What begins behind the element at `at`. */
function elementBehind(der: Buffer, at: number): Buffer | undefined {
  const bounds = boundsOf(der, at);
  return bounds && der.subarray(bounds[1]);
}
