// TLS sessions to take up again: the next handshake with the same server costs a fraction of the first, and with
// TLS 1.2 a round trip less.
//
// A resumed session is not verified again, so it belongs to exactly what it was verified with: the same host and
// port, and the same object of TLS options, in which a certificate authority, a client certificate or a disabled
// check may stand. Whoever makes new options for each connection gets a full handshake each time.
import type { ConnectionOptions, PeerCertificate, TLSSocket } from "node:tls";

/** So many servers are remembered for each options object: a session is a few KiB. */
const MOST = 256;

/** Weak: with the options goes what was made with them. No session is to be had of a server that has refused one. */
const sessions = new WeakMap<ConnectionOptions, Map<string, Remembered | undefined>>();

interface Remembered {
  readonly session: Buffer;
  /** The server's certificate (DER): a handshake that takes the session up does not bring it again. */
  readonly certificate: Buffer | undefined;
}

/** Failures of handshakes that were to take up a session. */
const refusals = new WeakSet<Error>();

/** The certificate (DER) of the server, shown in this connection or in the one whose session it has taken up. */
const certificates = new WeakMap<TLSSocket, Buffer>();

export function certificateOf(socket: TLSSocket): Buffer | undefined {
  return certificates.get(socket);
}

/** The last session with a server, or `undefined`. `server` names host and port. */
export function rememberedSession(options: ConnectionOptions, server: string): Buffer | undefined {
  return sessions.get(options)?.get(server)?.session;
}

/** Remembers the sessions that the server hands out: with TLS 1.3 they come some time behind the handshake. */
export function rememberSessions(socket: TLSSocket, options: ConnectionOptions, server: string): void {
  const earlier = options.session === undefined ? sessions.get(options)?.get(server)?.certificate : undefined;
  /** Once, as some versions of Node forget the certificate where they are asked for it by getPeerX509Certificate. */
  const certificate = (): Buffer | undefined => {
    // A socket that was closed meanwhile shows nothing; Deno tells of its handshake, or of a session, all the same.
    const { raw } = (socket.getPeerCertificate() as Partial<PeerCertificate> | null) ?? {};
    // Deno gives an Uint8Array.
    const shown = raw === undefined ? earlier : Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength);
    if (shown !== undefined) certificates.set(socket, shown);
    return shown;
  };
  socket.once("secureConnect", certificate);
  socket.on("session", (session: Buffer) => {
    // What was not verified must not look as if it had been.
    if (!socket.authorized) return;
    const byServer = sessions.get(options) ?? new Map<string, Remembered | undefined>();
    sessions.set(options, byServer);
    if (byServer.has(server) && byServer.get(server) === undefined) return;
    // Behind all others, as the youngest.
    byServer.delete(server);
    byServer.set(server, { session, certificate: certificate() });
    for (const eldest of byServer.keys()) {
      if (byServer.size <= MOST) break;
      byServer.delete(eldest);
    }
  });
}

/**
 * A handshake that was to take up a session failed with `error`: no other is remembered of that server. OpenSSL breaks
 * off where a server asks for client certificates and has no name for its sessions: Dovecot 2.3, for one.
 */
export function sessionRefused(options: ConnectionOptions, server: string, error: Error): void {
  sessions.get(options)?.set(server, undefined);
  refusals.add(error);
}

/** Whether a handshake without the session may do what failed with `error`. */
export function isSessionRefusal(error: unknown): boolean {
  return error instanceof Error && refusals.has(error);
}
