// The facts that a session learns from TLS after the handshake: channel bindings and the client's
// certificate.
import { X509Certificate } from "node:crypto";
import type { PeerCertificate, TLSSocket, TLSSocketOptions } from "node:tls";
import { channelBinding } from "./channel-binding.ts";
import type { TlsFacts } from "./mechanisms/mechanism.ts";

/** `trusted`: the CA certificates for the certificate of the client. */
export function tlsFacts(socket: TLSSocket, trusted: TLSSocketOptions["ca"]): TlsFacts {
  return {
    channelBinding: (type) => channelBinding(socket, type),
    clientName: clientName(socket, trusted),
  };
}

/**
 * Returns the common name in the client's certificate, if the certificate is trusted. A TLSSocket on the
 * server's side accepts every certificate and does not report whether it is valid, so this checks the
 * signature itself. Without `trusted`, every certificate is trusted.
 */
function clientName(socket: TLSSocket, trusted: TLSSocketOptions["ca"]): string | undefined {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return undefined;
  const signers = [trusted ?? []].flat().map((each) => new X509Certificate(each));
  const now = Date.now();
  const valid = Date.parse(certificate.validFrom) <= now && now <= Date.parse(certificate.validTo);
  const known = trusted === undefined || signers.some((signer) => certificate.verify(signer.publicKey));
  // With more than one CN, Node gives an array, although the type says string. Such a certificate is refused.
  const name: unknown = (socket.getPeerCertificate() as Partial<PeerCertificate>).subject?.CN;
  return valid && known && typeof name === "string" ? name : undefined;
}
