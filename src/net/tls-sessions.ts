// Remembers TLS sessions for resumption: the next handshake with the same server needs a fraction of the
// time, and with TLS 1.2 one round trip less.
//
// The certificate is not verified again when a session is resumed. So a session is only reused with the host,
// the port and the options object that it was verified with: the options may name a certificate authority or
// a client certificate, or disable a check. A caller that creates new options for each connection gets a full
// handshake each time.
import type { ConnectionOptions, PeerCertificate, TLSSocket } from "node:tls";

/** The number of servers to remember for each options object: a session takes a few KiB. */
const MOST = 256;

/**
 * Weak: the sessions are freed with their options. `undefined`: the server refused a session, so none is
 * stored.
 */
const sessions = new WeakMap<ConnectionOptions, Map<string, Remembered | undefined>>();

interface Remembered {
  readonly session: Buffer;
  /** The server's certificate (DER): the server does not send it again when the session is resumed. */
  readonly certificate: Buffer | undefined;
}

/** The errors of handshakes that tried to resume a session. */
const refusals = new WeakSet<Error>();

/** The server's certificate (DER), from this connection or from the one whose session was resumed. */
const certificates = new WeakMap<TLSSocket, Buffer>();

export function certificateOf(socket: TLSSocket): Buffer | undefined {
  return certificates.get(socket);
}

/**
 * Returns the last session with a server, or `undefined`. `server` contains the host, the port and the server
 * name.
 */
export function rememberedSession(options: ConnectionOptions, server: string): Buffer | undefined {
  return sessions.get(options)?.get(server)?.session;
}

/** Stores the sessions that the server sends. With TLS 1.3 they arrive some time after the handshake. */
export function rememberSessions(socket: TLSSocket, options: ConnectionOptions, server: string): void {
  const earlier = options.session === undefined ? sessions.get(options)?.get(server)?.certificate : undefined;
  /**
   * Reads the certificate. Not with getPeerX509Certificate: some versions of Node lose the certificate after
   * it.
   */
  const certificate = (): Buffer | undefined => {
    // A closed socket has no certificate. Deno may emit the events of a socket after it was closed.
    const { raw } = (socket.getPeerCertificate() as Partial<PeerCertificate> | null) ?? {};
    // Deno returns a Uint8Array.
    const shown = raw === undefined ? earlier : Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength);
    if (shown !== undefined) certificates.set(socket, shown);
    return shown;
  };
  socket.once("secureConnect", certificate);
  socket.on("session", (session: Buffer) => {
    // A resumed session counts as verified, so an unverified one must not be stored.
    if (!socket.authorized) return;
    const byServer = sessions.get(options) ?? new Map<string, Remembered | undefined>();
    sessions.set(options, byServer);
    if (byServer.has(server) && byServer.get(server) === undefined) return;
    // Move the entry to the end, as the newest.
    byServer.delete(server);
    byServer.set(server, { session, certificate: certificate() });
    for (const eldest of byServer.keys()) {
      if (byServer.size <= MOST) break;
      byServer.delete(eldest);
    }
  });
}

/**
 * Stops session resumption for a server, because a handshake that tried it failed with `error`. OpenSSL
 * aborts the handshake if the server requests client certificates and has not set a session id context, such
 * as Dovecot 2.3.
 */
export function sessionRefused(options: ConnectionOptions, server: string, error: Error): void {
  sessions.get(options)?.set(server, undefined);
  refusals.add(error);
}

/** Tests whether a handshake that failed with `error` may succeed without the session. */
export function isSessionRefusal(error: unknown): boolean {
  return error instanceof Error && refusals.has(error);
}
