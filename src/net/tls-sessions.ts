// TLS sessions to take up again: the next handshake with the same server costs a fraction of the first, and with
// TLS 1.2 a round trip less.
//
// A resumed session is not verified again, so it belongs to exactly what it was verified with: the same host and
// port, and the same object of TLS options, in which a certificate authority, a client certificate or a disabled
// check may stand. Whoever makes new options for each connection gets a full handshake each time.
import type { ConnectionOptions, TLSSocket } from "node:tls";

/** So many servers are remembered for each options object: a session is a few KiB. */
const MOST = 256;

/** Weak: with the options goes what was made with them. */
const sessions = new WeakMap<ConnectionOptions, Map<string, Buffer>>();

/** The last session with a server, or `undefined`. `server` names host and port. */
export function rememberedSession(options: ConnectionOptions, server: string): Buffer | undefined {
  return sessions.get(options)?.get(server);
}

/** Remembers the sessions that the server hands out: with TLS 1.3 they come some time behind the handshake. */
export function rememberSessions(socket: TLSSocket, options: ConnectionOptions, server: string): void {
  socket.on("session", (session: Buffer) => {
    // What was not verified must not look as if it had been.
    if (!socket.authorized) return;
    const byServer = sessions.get(options) ?? new Map<string, Buffer>();
    sessions.set(options, byServer);
    // Behind all others, as the youngest.
    byServer.delete(server);
    byServer.set(server, session);
    for (const eldest of byServer.keys()) {
      if (byServer.size <= MOST) break;
      byServer.delete(eldest);
    }
  });
}

/** A handshake failed: what is remembered may be why. */
export function forgetSession(options: ConnectionOptions, server: string): void {
  sessions.get(options)?.delete(server);
}
