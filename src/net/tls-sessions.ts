// Remembers TLS sessions for resumption: the next handshake with the same server needs a fraction of the
// time, and with TLS 1.2 one round trip less.
//
// The server does not show its certificate again when a session is resumed, so a resumed session must not be
// checked less than a new one. A session is only used again with the same host, port and server name, with
// options of equal values, as long as its certificates are valid, at most for a day, and if
// `checkServerIdentity` accepts the certificate again.
import type { ConnectionOptions, PeerCertificate, SecureContext, TLSSocket } from "node:tls";

/** The number of sessions to remember: a session takes a few KiB. */
const MOST_SESSIONS = 1024;
/** The number of contexts to share. A context holds the private key of a client certificate. */
const MOST_CONTEXTS = 64;
/** How long a verified certificate counts, in milliseconds: it may have been revoked meanwhile. */
const LONGEST = 24 * 60 * 60 * 1000;

/** The function of the options that decides whether a certificate is for a host. */
export type IdentityCheck = NonNullable<ConnectionOptions["checkServerIdentity"]>;

/** When and with what the server was verified. */
interface Verification {
  /** The server's certificate (DER). */
  readonly certificate: Buffer;
  /** The certificate as `checkServerIdentity` of the caller gets it. */
  readonly shown: PeerCertificate | undefined;
  /** The session is not used before and after these times: milliseconds since 1970. */
  readonly from: number;
  readonly until: number;
}

export interface Remembered extends Verification {
  readonly session: Buffer;
}

/** The newest last. `refused`: the server refused a session, so none is stored. */
const sessions = new Map<string, Remembered | "refused">();

const contexts = new Map<string, SecureContext>();

/** The errors of handshakes that tried to resume a session. */
const refusals = new WeakSet<Error>();

/** The server's certificate (DER), from this connection or from the one whose session was resumed. */
const certificates = new WeakMap<TLSSocket, Buffer>();

export function certificateOf(socket: TLSSocket): Buffer | undefined {
  return certificates.get(socket);
}

/**
 * Returns the last session for a key, if it may be resumed. The key has the host, the port, the server name and
 * the fingerprint of the options. `accepts`: asks the identity check of the caller again.
 */
export function rememberedSession(
  key: string,
  accepts: (certificate: PeerCertificate) => boolean = () => true,
): Remembered | undefined {
  const remembered = sessions.get(key);
  if (remembered === undefined || remembered === "refused") return undefined;
  const { shown, from, until } = remembered;
  const now = Date.now();
  if (now >= from && now < until && (shown === undefined || accepts(shown))) return remembered;
  sessions.delete(key);
  return undefined;
}

/**
 * Stores the sessions that the server sends. With TLS 1.3 they arrive some time after the handshake. `tried`:
 * the session that the handshake tries to resume. `shown`: the certificate that `checkServerIdentity` of the
 * caller has accepted.
 */
export function rememberSessions(
  socket: TLSSocket,
  key: string,
  tried: Remembered | undefined,
  shown: () => PeerCertificate | undefined = () => undefined,
): void {
  let verification: Verification | undefined;
  const verified = (): Verification | undefined => {
    verification ??=
      tried !== undefined && socket.isSessionReused() ? tried : verificationOf(socket, shown());
    if (verification !== undefined) certificates.set(socket, verification.certificate);
    return verification;
  };
  socket.once("secureConnect", verified);
  socket.on("session", (session: Buffer) => {
    // A resumed session counts as verified, so an unverified one must not be stored.
    const proof = socket.authorized ? verified() : undefined;
    if (proof === undefined || sessions.get(key) === "refused") return;
    const { certificate, from, until } = proof;
    store(sessions, key, { session, certificate, shown: proof.shown, from, until }, MOST_SESSIONS);
  });
}

/**
 * Reads the certificate. Not with getPeerX509Certificate: some versions of Node lose the certificate after it.
 */
function verificationOf(socket: TLSSocket, shown: PeerCertificate | undefined): Verification | undefined {
  // A closed socket has no certificate. Deno may emit the events of a socket after it was closed.
  const peer = (socket.getPeerCertificate(true) as Partial<PeerCertificate> | null) ?? {};
  const { raw } = peer;
  if (raw === undefined) return undefined;
  const from = Date.now();
  return {
    // Deno returns a Uint8Array.
    certificate: Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength),
    shown,
    from,
    until: Math.min(from + LONGEST, ...endsOf(peer as ChainCertificate)),
  };
}

type ChainCertificate = PeerCertificate & { readonly issuerCertificate?: ChainCertificate | null };

/** Returns when each certificate of the chain ends. One whose end cannot be read has ended. */
function endsOf(first: ChainCertificate): readonly number[] {
  const chain = new Set<ChainCertificate>();
  let each: ChainCertificate | null | undefined = first;
  // The root names itself as its issuer.
  for (; each !== null && each !== undefined && !chain.has(each); each = each.issuerCertificate)
    chain.add(each);
  return [...chain].map(({ valid_to }) => Date.parse(valid_to) || 0);
}

/**
 * Stops session resumption for a key, because a handshake that tried it failed with `error`. OpenSSL aborts the
 * handshake if the server requests client certificates and has not set a session id context, such as Dovecot
 * 2.3.
 */
export function sessionRefused(key: string, error: Error): void {
  store(sessions, key, "refused", MOST_SESSIONS);
  refusals.add(error);
}

/** Tests whether a handshake that failed with `error` may succeed without the session. */
export function isSessionRefusal(error: unknown): boolean {
  return error instanceof Error && refusals.has(error);
}

/** Returns the context for options with this fingerprint. Without sharing, each connection parses `ca` again. */
export function sharedContext(fingerprint: string, options: ConnectionOptions): SecureContext {
  const context =
    contexts.get(fingerprint) ?? process.getBuiltinModule("node:tls").createSecureContext(options);
  store(contexts, fingerprint, context, MOST_CONTEXTS);
  return context;
}

/** Stores an entry as the newest, and removes the eldest beyond `most`. */
function store<V>(entries: Map<string, V>, key: string, value: V, most: number): void {
  entries.delete(key);
  entries.set(key, value);
  for (const eldest of entries.keys()) {
    if (entries.size <= most) break;
    entries.delete(eldest);
  }
}
