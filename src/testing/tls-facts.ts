// What TLS tells the session of its connection, once the handshake is done.
import { X509Certificate } from "node:crypto";
import type { PeerCertificate, TLSSocket, TLSSocketOptions } from "node:tls";
import { channelBinding } from "./channel-binding.ts";
import type { TlsFacts } from "./mechanisms/mechanism.ts";

/** `trusted`: the certificates that may have signed the client's. */
export function tlsFacts(socket: TLSSocket, trusted: TLSSocketOptions["ca"]): TlsFacts {
  return {
    channelBinding: (type) => channelBinding(socket, type),
    clientName: clientName(socket, trusted),
  };
}

/**
 * A server's TLSSocket takes any certificate, and lets nobody know what it thinks of it: so the signature is looked
 * at here. Where nothing is said of whom to trust, everybody is trusted.
 */
function clientName(socket: TLSSocket, trusted: TLSSocketOptions["ca"]): string | undefined {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return undefined;
  const signers = [trusted ?? []].flat().map((each) => new X509Certificate(each));
  const now = Date.now();
  const valid = Date.parse(certificate.validFrom) <= now && now <= Date.parse(certificate.validTo);
  const known = trusted === undefined || signers.some((signer) => certificate.verify(signer.publicKey));
  // More than one name is an array, whatever the type says: nobody here has two.
  const name: unknown = (socket.getPeerCertificate() as Partial<PeerCertificate>).subject?.CN;
  return valid && known && typeof name === "string" ? name : undefined;
}
